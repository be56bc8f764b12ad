/* SPDX-License-Identifier: Apache-2.0 */
/*
 * original.h - a file, symlink or directory on its way to be copied: what there is to know of
 * it, taken out of a state, and its bytes in the log that they lie in.
 */
#ifndef SRD_KV_ORIGINAL_H
#define SRD_KV_ORIGINAL_H

#include "kv/kv.h"

/* What is damaged of one. */
struct srd_salvaged {
	uint64_t bytes, pos;      /* damaged bytes of content, and where the first are */
	uint64_t attributes;      /* extended attributes that cannot be read */
};

struct srd_original {
	struct srd_log *log;      /* held, or in a transaction */
	struct srd_stat st;
	struct srd_extents extents;
	struct srd_xattr *attributes;
	size_t attribute_count, attribute_cap;
	struct srd_salvaged *salvaged;   /* not NULL: damage is left out, and noted here */
};

/* True if ERROR is of what was to be read, and of no other. */
static inline bool srd_original_is_damaged(int error)
{
	return error == SRD_ECORRUPT || error == SRD_ELOST;
}

void srd_original_init(struct srd_original *original, struct srd_salvaged *salvaged);
void srd_original_release(struct srd_original *original);
/* Takes what inode INDEX is.  Read side held, or a transaction. */
int srd_original_take(struct srd_original *original, struct srd_store *store, uint32_t index);
/* Takes what stands at the end of PATH (NULL: the root), a DIRECTORY or none; *HOLD holds its bytes. */
int srd_original_hold(struct srd_original *original, struct srd_store *source, struct srd_path *path, bool directory,
                      struct srd_hold *hold);
/* SRD_ETRIMMED if some of it was given up: it must not become anybody's content. */
int srd_original_check_untrimmed(const struct srd_original *original);
/* Appends its bytes to STORE, its holes left out. */
int srd_original_append(const struct srd_original *original, struct srd_store *store, struct srd_extents *content);
/* Notes what of the content is damaged, and writes nothing. */
int srd_original_survey(const struct srd_original *original);
/* Gives INO the extended attributes. */
int srd_original_put_attributes(const struct srd_original *original, struct srd_txn *txn, uint64_t ino);

/* copy.c: makes it a file of TARGET, or what it is, at TO.  It is held. */
int srd_copy_original(struct srd_store *target, struct srd_path *to, const struct srd_original *original);

#endif
