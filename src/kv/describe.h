/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - records and ops as a line for people. */
#ifndef SRD_KV_DESCRIBE_H
#define SRD_KV_DESCRIBE_H

#include "format/op.h"
#include "format/record.h"

/* Room for the longest line: two names with every byte escaped, and numbers. */
enum { SRD_DESCRIBE_MAX = 2 * 4 * SRD_NAME_MAX + 256 };

void srd_record_describe(const struct srd_record *record, char text[SRD_DESCRIBE_MAX]);
void srd_op_describe(const struct srd_op *op, char text[SRD_DESCRIBE_MAX]);

#endif
