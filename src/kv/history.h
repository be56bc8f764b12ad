/* SPDX-License-Identifier: Apache-2.0 */
/* history.h - what the log still has of a file's past, along its ops. */
#ifndef SRD_KV_HISTORY_H
#define SRD_KV_HISTORY_H

#include "store/store.h"

/* From LAST_OP, the last op on file INO, back to the newest version of its content
 * before the present one that is sound in all its bytes; *RECORD is the commit that
 * completed it.  False: there is none. */
bool srd_history_older(const struct srd_log *log, uint64_t ino, uint64_t last_op, struct srd_record *record);

#endif
