/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_views.h - the store as it was, at as many points of its past as are looked at: each a
 * store and a file system of its own, which never change.
 *
 *     store  ==== 17 ======= 4711 ======= 4800 ====> now
 *                             |            |
 *                   view: fs  '- 2 users   '- nobody: kept for a while, then closed
 *
 * or one inode alone as it was (store/alone.c), which costs less.
 *
 * One is opened when somebody comes and closed when it is in the way, for it can be opened
 * again: it is a function of its point.  Only where compaction has dropped the point
 * meanwhile it cannot, but as long as it is open it keeps the log that it was made from.
 */
#ifndef SRD_FS_PAST_VIEWS_H
#define SRD_FS_PAST_VIEWS_H

#include "fs/fs.h"
#include "fs/past_nodes.h"

struct srd_past_view {
	struct srd_past_node of;  /* a VIEW without an inode, or an ALONE */
	struct srd_fs *fs;
	struct srd_store *store;
	/* Protected by the mutex of the views. */
	struct srd_past_view *next;
	int64_t since_ns;         /* nobody has used it since then; monotonic */
	unsigned users;
	bool opening;             /* by its one user: not to be looked at yet */
};

enum { SRD_PAST_TEXTS = 64 };

struct srd_past_views {
	struct srd_store *store;  /* whose past it is; the owner's */
	void (*say)(void *user, const char *text);
	void *user;
	pthread_mutex_t mutex;    /* a leaf; protects what follows */
	pthread_cond_t opened;
	struct srd_past_view *first;   /* the one that was used last */
	/* What times were found to mean. */
	struct srd_past_text { char text[64]; uint64_t sequence; } texts[SRD_PAST_TEXTS];
	unsigned next_text;
};

void srd_past_views_init(struct srd_past_views *views, struct srd_store *store,
                         void (*say)(void *user, const char *text), void *user);
/* Nobody uses any. */
void srd_past_views_release(struct srd_past_views *views);

/* The view that NODE, a VIEW or, with AT, any other, is in; goes back to srd_past_view_put().
 * -ESTALE: it cannot be had any more; -ENFILE: so many are in use that no more can be. */
int srd_past_view_get(struct srd_past_views *views, const struct srd_past_node *node, struct srd_past_view **view);
void srd_past_view_put(struct srd_past_views *views, struct srd_past_view *view);
/* Nobody is expected to want that of NODE again soon. */
void srd_past_view_drop(struct srd_past_views *views, const struct srd_past_node *node);
/* Which commit TEXT means (store/point.h, or the name of a snapshot).  *SETTLED: it always will. */
int srd_past_views_find(struct srd_past_views *views, const char *text, uint64_t *sequence, bool *settled);
/* The snapshot of that name, by the commit that it is behind; false: there is none. */
bool srd_past_snapshot(struct srd_store *store, const char *name, uint64_t *sequence);

#endif
