/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.h - steps that need nothing but the store, by srd.h where it has them,
 * else by a transaction as the file system makes it. */
#ifndef CRASH_VERBS_H
#define CRASH_VERBS_H

#include "kv/kv.h"
#include "step.h"

/* BYTES: those of the step. */
int verb_run(struct srd_store *store, const struct step *step, const struct image *bytes);
/* KEY becomes a file of what EXTENTS name, in the log that is the store's by then. */
int verb_name(struct srd_store *store, const char *key, struct srd_extents *extents);

#endif
