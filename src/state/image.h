/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - a state as it lies in an image (FORMAT, section 10): what to write, and
 * what to make of it.
 *
 * The tables are written as they are.  They hold no pointers, and they are a
 * function of the log alone: two instances that applied the same commits have the
 * same bytes in them, but for pins and what pins kept (srd_state.own_order).
 */
#ifndef SRD_STATE_IMAGE_H
#define SRD_STATE_IMAGE_H

#include "state/chunks.h"
#include "state/state.h"

/* The tables in the order of the image. */
void srd_state_tables(struct srd_state *state, struct srd_table *tables[SRD_IMAGE_TABLES]);
/* Sets the state's part of IMAGE, and lays it out. */
void srd_state_describe(const struct srd_state *state, struct srd_image *image);
/* Copies COUNT entries of table NUMBER from FIRST on, which are one chunk, as they are
 * to be saved. */
void srd_state_copy_entries(const struct srd_state *state, unsigned number, uint32_t first,
                            uint32_t count, void *to);
/* As srd_state_init(), with tables of the size that IMAGE says and nothing in them:
 * they are the caller's to fill, before anything else, with what the image has.
 * CHECKS as for srd_chunks_new().  SRD_EVERSION: the tables are not as ours; SRD_EFULL:
 * no room for them; -ENOMEM. */
int srd_state_adopt(struct srd_state *state, const struct srd_superblock *sb, struct srd_source source,
                    const struct srd_image *image, uint64_t *checks, struct srd_chunks_source chunks_source);

/* STATE was copied to where it is now: what looks after its chunks learns so.  Nobody uses it. */
void srd_state_moved(struct srd_state *state);

#endif
