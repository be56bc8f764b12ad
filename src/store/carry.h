/* SPDX-License-Identifier: Apache-2.0 */
/* carry.h - commits of one log come into another as they are: their sequence, time and
 * ops; what ops say of places in the log is made to fit. */
#ifndef SRD_STORE_CARRY_H
#define SRD_STORE_CARRY_H

#include "store/relocate.h"
#include "store/rewrite.h"

/* RECORD, a META of RELOCATE's old log with METADATA, comes to the end of REWRITE's, behind
 * the payload that it names and that is not there yet. */
int srd_carry_commit(struct srd_relocate *relocate, struct srd_rewrite *rewrite, const struct srd_record *record,
                     const uint8_t *metadata);

#endif
