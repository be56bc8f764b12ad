/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the state of a store, begun from its image and saved as one.
 *
 * Nothing here can fail a store: without an image all of the log is replayed, and
 * an image that cannot be written is given up.
 */
#ifndef SRD_STORE_IMAGE_H
#define SRD_STORE_IMAGE_H

#include "store/store.h"

/* The state as the image has it, and the log at the place that it stands for; or else
 * that of an empty log.  0, or why there can be no state at all. */
int srd_image_load(struct srd_store *store);
/* Undoes that, before anything is read: the state is that of an empty log. */
int srd_image_forgo(struct srd_store *store);
/* Who has a file open has pinned its inode in FROM: so it is in TO, as often.  One that is gone
 * there cannot be had again.  True if some were not pinned in TO before. */
bool srd_image_carry_pins(const struct srd_state *from, struct srd_state *to);
/* Builds the state from the log, in place of one whose tables are bad (srd_state_error).
 * Call with the commit mutex held, and no transaction under way.  On error the
 * old one stays. */
int srd_image_replace(struct srd_store *store);
/* Saves what the log adds up to now, or at a snapshot made just before, as the image, *SAVED, without a look at the store's own
 * tables or a halt for its writers: from the image before and the log since.  Not
 * 0 in *STOP (may be NULL) makes it give up.  Thread-safe, nothing held. */
int srd_image_save_beside(struct srd_store *store, const atomic_uint *stop, struct srd_store_image *saved);
/* Saves STATE, which is that of LOG up to PLACE, to where that is durable. */
int srd_image_save_state(const struct srd_log *log, const struct srd_state *state, const struct srd_log_place *place);
/* At close, with all threads of the store gone and all of the log durable that
 * is to be: saves the state if the next opening would be noticeably faster. */
void srd_image_save_at_close(struct srd_store *store);

#endif
