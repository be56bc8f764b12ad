/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spare.h - the first record of a store: its superblock once more (FORMAT, section
 * 2), in another sector and page than the first.
 *
 * Nothing can be read without the superblock's salt, so one rotten sector must not
 * take it.  The spare has a fixed place, which no file's content ever gets: else
 * whoever may write files could offer a superblock of his own.
 */
#ifndef SRD_FORMAT_SPARE_H
#define SRD_FORMAT_SPARE_H

#include <stdbool.h>

#include "format/record.h"

enum { SRD_SPARE_LEN = 192 };

/* BYTES: the record as it is to lie at SRD_FIRST_RECORD.  SB was encoded before. */
void srd_spare_encode(const struct srd_superblock *sb, uint8_t bytes[SRD_SPARE_LEN]);
/* Whatever its header is like.  As srd_superblock_decode(); SRD_ENOTSTORE: there is no
 * spare, or a damaged one. */
int srd_spare_decode(struct srd_superblock *sb, const uint8_t *bytes, size_t len);
/* True if BYTES, behind the header, are what belongs there. */
bool srd_spare_holds(const struct srd_superblock *sb, const uint8_t bytes[SRD_SPARE_LEN]);

#endif
