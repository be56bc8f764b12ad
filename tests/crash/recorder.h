/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.h - a struct srd_io that passes everything on and remembers what was
 * asked of the disk, in order: from that, states.h builds what a crash may
 * leave behind.
 *
 * One recorder records one store: each file that ever bears its name, or NAME.new or NAME.part, from
 * its temporary name on, and where the names lead.  Beside the calls the list holds notes:
 * from here on an fsync has promised so many commits.  Thread-safe: a store syncs from
 * a thread of its own.
 *
 * Of the index beside it, a cache that may be gone, old or damaged, each version is kept
 * as it was when it got its name, and after which event that was.
 */
#ifndef CRASH_RECORDER_H
#define CRASH_RECORDER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/io.h"
#include "image.h"

enum event_kind {
	EVENT_WRITE, EVENT_TRUNCATE, EVENT_SYNC, EVENT_SYNC_FAILED,
	EVENT_NAMES,              /* a name leads elsewhere */
	EVENT_SYNC_DIR,
	EVENT_PROMISE,            /* a note: commits up to `commits` are promised */
};

/* Which file the store's name leads to, and which NAME.new or NAME.part; -1: there is none. */
struct names {
	int store, next;
};

struct event {
	enum event_kind kind;
	int file;                 /* WRITE, TRUNCATE, SYNC: which; else -1 */
	struct names names;       /* NAMES: from here on */
	uint64_t offset;          /* WRITE; TRUNCATE: the new size */
	size_t len;
	uint8_t *data;            /* WRITE */
	bool punch;               /* WRITE: of zeros, by taking the blocks; what lay there may show for as long */
	size_t since;             /* SYNC, SYNC_DIR: events before this one are what it made durable */
	int commits;              /* PROMISE; 0: the empty store */
};

enum { RECORDER_FILES_MAX = 12, RECORDER_INDEXES_MAX = 16, RECORDER_FDS_MAX = 1024 };

struct recorded_index {
	struct image bytes;
	size_t since;             /* events that were before it */
};

struct recorder {
	struct srd_io io;         /* for srd_store_open() */
	pthread_mutex_t mutex;
	struct image bases[RECORDER_FILES_MAX];   /* the files before the first event, all of it durable */
	struct names before;      /* ... and their names */
	int file_count;           /* this and below: protected by mutex */
	struct names names;       /* as they are now */
	int temporary;            /* the file that will get one of them; -1: none */
	struct event *events;
	size_t count, cap;
	struct recorded_index indexes[RECORDER_INDEXES_MAX];
	unsigned index_count;
	int file_of[RECORDER_FDS_MAX];    /* by descriptor; -1: none of ours, -2: of a cache */
	unsigned syncs_to_fail;
	bool lies;                /* syncs are passed on but not done: must be found out */
	const char *only;         /* names that begin so are recorded, no others; NULL: all */
	bool mortal;              /* after `lives` calls nothing is done, as for a killed process */
	unsigned lives;
	uint64_t room;            /* the file gets no longer; 0: as long as it likes */
	/* Called before each WRITE and SYNC of the file at NAME.new; may be NULL. */
	void (*on_next)(void *user, enum event_kind kind);
	void *on_next_user;
};

/* BASE (may be NULL: no file) is copied. */
void recorder_init(struct recorder *recorder, const struct image *base);
void recorder_release(struct recorder *recorder);
/* Forgets what there was, but who has it for its io: the store is BASE now. */
void recorder_restart(struct recorder *recorder, const struct image *base);
/* There was a file at NAME.new before the first event. */
void recorder_begin_with_next(struct recorder *recorder, const struct image *bytes);
/* There was an index before the first event. */
void recorder_begin_with_index(struct recorder *recorder, const struct image *bytes);
void recorder_promise(struct recorder *recorder, int commits);
/* True if no write changed a byte that counts (P2): each lies at the end of the file,
 * or says again what is there, or begins what is cut next. */
bool recorder_only_appended(const struct recorder *recorder);
/* The next fdatasync of the store fails with EIO, and what it was to write stays
 * in the page cache only, as Linux does it. */
void recorder_fail_sync(struct recorder *recorder);

#endif
