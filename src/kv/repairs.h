/* SPDX-License-Identifier: Apache-2.0 */
/* repairs.h - damage that is known: what the REPAIR ops of a log name. */
#ifndef SRD_KV_REPAIRS_H
#define SRD_KV_REPAIRS_H

#include "format/ranges.h"
#include "log/log.h"

/* All of LOG below END: they lie behind what they name.  0 or -ENOMEM. */
int srd_repairs_collect(struct srd_ranges *repairs, const struct srd_log *log, uint64_t end);
/* True if one of them names all of [OFFSET, OFFSET + LEN). */
bool srd_repairs_have(const struct srd_ranges *repairs, uint64_t offset, uint64_t len);

#endif
