/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - one space of negative codes: -errno, and SRD_E* of srd.h. */
#ifndef SRD_BASE_ERROR_H
#define SRD_BASE_ERROR_H

#include <errno.h>

#include "srd.h"

/* The negative code for the call that just failed; never 0. */
static inline int srd_errno(void)
{
	return errno > 0 ? -errno : -EIO;
}

/* The errno (positive) that a kernel interface can carry for ERROR. */
int srd_error_errno(int error);

#endif
