/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h - a state made beside the store's own: what the log adds up to at some point
 * of it, for who saves it, shows it, or puts it in the place of tables that are bad.
 *
 * Nobody is disturbed: neither the store's tables nor its log are changed.
 */
#ifndef SRD_STORE_FOLD_H
#define SRD_STORE_FOLD_H

#include "format/image.h"
#include "store/store.h"

/* What the log adds up to at POINT, from the nearest image before it and the log behind
 * that; *PLACE (may be NULL) is where in the log that is.  Where *STOP (may be NULL) is not 0 it gives up.
 * 0, or SRD_EDAMAGED: *STATE is there, but for damaged commits; else there is none. */
int srd_fold(const struct srd_log *log, const struct srd_log_point *point, const atomic_uint *stop,
             struct srd_state *state, struct srd_log_place *place);
/* The same from the log alone. */
int srd_fold_all(const struct srd_log *log, const struct srd_log_point *point, const atomic_uint *stop,
                 struct srd_state *state, struct srd_log_place *place);
/* The point just before OFFSET, where a record begins. */
static inline struct srd_log_point srd_point_before(uint64_t offset)
{
	return (struct srd_log_point){ offset, UINT64_MAX, INT64_MAX };
}

/* STATE as the image has it, and where in the log that was.  Chunks that prove to be damaged are
 * folded anew from LOG, which must outlive STATE. */
int srd_fold_load(const struct srd_log *log, struct srd_state *state, struct srd_image *image);

#endif
