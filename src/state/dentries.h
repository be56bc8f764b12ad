/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dentries.h - changes of names, for apply.  Each keeps the names' hash, the
 * children's lists, and the size and nlink of the directories true; the nlink
 * of the named inode is the caller's.
 */
#ifndef SRD_STATE_DENTRIES_H
#define SRD_STATE_DENTRIES_H

#include "state/state.h"

/* A name as it is to be: NAME_LEN bytes at NAME of the log. */
struct srd_naming {
	uint32_t dir;             /* inode index */
	uint32_t hash;
	uint64_t name;
	uint8_t name_len;
};

/* Errors: -ENOMEM or SRD_EFULL. */
int srd_dentry_add(struct srd_state *state, const struct srd_naming *naming, uint32_t inode);
void srd_dentry_remove(struct srd_state *state, uint32_t dentry);
/* Gives the entry another name; it keeps its index and gets a new cookie. */
int srd_dentry_move(struct srd_state *state, uint32_t dentry, const struct srd_naming *naming);
/* Makes the name stand for INODE; it keeps its index and cookie. */
void srd_dentry_repoint(struct srd_state *state, uint32_t dentry, uint32_t inode);

/* children.c: the list of a directory, in order of cookies. */
void srd_children_append(struct srd_state *state, uint32_t dir, uint32_t dentry);
void srd_children_remove(struct srd_state *state, uint32_t dentry);

#endif
