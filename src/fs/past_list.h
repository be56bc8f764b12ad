/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_list.h - what a directory of .srd/versions or .srd/deleted has: found by going back
 * along the log, once, and kept for a while, for who lists a directory looks its names up.
 */
#ifndef SRD_FS_PAST_LIST_H
#define SRD_FS_PAST_LIST_H

#include "fs/past_nodes.h"
#include "store/store.h"

/* A version of a file, or a name that was deleted. */
struct srd_past_item {
	uint64_t sequence;        /* of the commit that completed it */
	uint64_t ino, at;         /* it is INO behind the op at AT */
	uint64_t dir;             /* deleted: from that, */
	uint64_t names;           /* when it had so many */
	uint32_t mode;            /* its type */
	uint32_t name;            /* of deleted ones: where in the text */
	uint8_t name_len;
	bool was_moved;           /* deleted: no, it has another name, or was never there */
	bool is_covered;          /* a directory, in whose place there is another: not to be listed */
};

struct srd_past_list {
	struct srd_past_node of;  /* AT: the last op on it, by now */
	struct srd_past_item *items;   /* versions: by number; deleted: by name */
	size_t count, cap;
	char *text;
	size_t text_len, text_cap;
	/* Protected by the mutex of the lists. */
	struct srd_past_list *next;
	unsigned users;
};

struct srd_past_lists {
	struct srd_store *store;  /* the owner's */
	pthread_mutex_t mutex;    /* a leaf */
	struct srd_past_list *first;   /* the one that was used last */
};

void srd_past_lists_init(struct srd_past_lists *lists, struct srd_store *store);
void srd_past_lists_release(struct srd_past_lists *lists);
/* That of NODE, a file in VERSIONS, or a directory in DELETED, as it is now; goes back to
 * srd_past_list_put().  -ESTALE: NODE is no more. */
int srd_past_list_get(struct srd_past_lists *lists, const struct srd_past_node *node, struct srd_past_list **list);
void srd_past_list_put(struct srd_past_lists *lists, struct srd_past_list *list);

/* By number, and by name; NULL: there is none. */
const struct srd_past_item *srd_past_list_version(const struct srd_past_list *list, uint64_t sequence);
const struct srd_past_item *srd_past_list_deleted(const struct srd_past_list *list, const char *name);

/* ---- For the lists: fills LIST, whose OF is set, from LOG, which is held ---- */

/* past_versions.c.  DIR and NAME: where the file is; DIR 0: it has no name. */
int srd_past_trace_versions(const struct srd_log *log, uint64_t dir, const char *name, size_t len,
                            struct srd_past_list *list);
/* past_deleted.c. */
int srd_past_trace_deleted(const struct srd_log *log, struct srd_past_list *list);
/* Adds an item; NAME NULL: a version. */
int srd_past_list_add(struct srd_past_list *list, const struct srd_past_item *item, const char *name);

#endif
