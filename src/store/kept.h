/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.h - which images of the past are kept beside the store, so that it is not far from
 * one of them to any point, however long ago.
 *
 *     log    |----------x-----------------x--------x----x--x-X|     X: NAME.idx
 *     ops    0                                                now
 *
 * The gaps grow like the distance from now.  So a bounded number will do, and what was a moment
 * ago is had in a moment, what was long ago in a time that is small beside all of the log's.
 */
#ifndef SRD_STORE_KEPT_H
#define SRD_STORE_KEPT_H

#include "log/image.h"
#include "state/state.h"

/* The image is about to be replaced by NEXT, which is FILE and stands for STATE: the slot to keep
 * it in, or -1.  Takes away those that are not worth their place any more, or of no use to this
 * log. */
int srd_kept_make_room(const struct srd_image_file *file, const struct srd_state *state, const struct srd_image *next);

#endif
