/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h - the only place where a store's state changes (P1): a record that is in the log is
 * applied, whoever wrote it.
 */
#ifndef SRD_STORE_APPLY_H
#define SRD_STORE_APPLY_H

#include "store/store.h"

/* Both with the commit mutex held, or while nobody else knows STORE. */

/* One of our own. */
int srd_store_apply(struct srd_store *store, const struct srd_record *record, const uint8_t *metadata);
/* One of another's, and what was there before we came; a log's visitor, USER is the store.
 * -ENOMEM: it waits, and is followed another time. */
int srd_store_visit(void *user, const struct srd_record *record, const uint8_t *metadata);

#endif
