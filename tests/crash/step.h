/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h - one thing that a workload does: a line of a table, carried out on a
 * store by runner.c and on paper by model.c.
 */
#ifndef CRASH_STEP_H
#define CRASH_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

enum verb {
	STEP_END,
	/* One commit each. */
	STEP_PUT,                 /* key: LEN bytes of FILL */
	STEP_DELETE,              /* key */
	STEP_RENAME,              /* key to other, which it replaces */
	STEP_EXCHANGE,            /* key with other */
	STEP_COPY,                /* key to other */
	STEP_LINK,                /* key to other */
	STEP_MKDIR,               /* key */
	STEP_SYMLINK,             /* key, to target other */
	STEP_WRITE,               /* key: LEN bytes of FILL at POS */
	STEP_APPEND,              /* key: LEN bytes of FILL at its end */
	STEP_TRUNCATE,            /* key: to POS bytes, shorter or longer */
	STEP_HOLE,                /* key: LEN bytes at POS */
	STEP_XATTR,               /* key: attribute other gets LEN bytes of FILL; no content changes */
	STEP_BATCH_COMMIT,        /* what the batch holds */
	STEP_CROWD,               /* POS files below key, LEN bytes of FILL each, in one batch */
	STEP_NAME,                /* key gets the DATA of the slot POS */
	STEP_UNDELETE,            /* key is what it was when it was last deleted */
	STEP_RESTORE,             /* key is what it was POS versions ago */
	STEP_TXN_COMMIT,          /* all that was done by the handle, a private view */
	STEP_SNAPSHOT,            /* key: a name for what is there */
	STEP_SNAPSHOT_RENAME,     /* key to other */
	STEP_SNAPSHOT_DELETE,     /* key */
	STEP_STREAM_COMMIT,       /* of the stream */
	/* Commit nothing. */
	STEP_BATCH_PUT, STEP_BATCH_DELETE,
	STEP_DATA,                /* LEN bytes of FILL as a DATA record, for slot POS */
	STEP_STREAM_WRITE,        /* LEN bytes of FILL, the first begins the stream for key */
	STEP_STREAM_ABORT,
	STEP_SYNC,
	STEP_OPEN,                /* the handle; the first makes the store if there is none */
	STEP_CLOSE,
	STEP_CLOSE_UNSYNCED,
	STEP_FAIL_SYNC,           /* the next fdatasync fails */
	STEP_TRIM,                /* what is dead; durable is what was before */
	STEP_SAVE,                /* the index beside the store */
	STEP_COMPACT,             /* durable on return */
	STEP_TXN,                 /* the handle, STEP_VIEW, becomes a private view of the handle POS; what it commits
	                             is for the view alone before TXN_COMMIT */
};

/* When the new log has just been begun; when it holds all that there was. */
enum meanwhile { MEANWHILE_NOT, MEANWHILE_FOLLOWED, MEANWHILE_LAST };

enum { STEP_VIEW = 2 };   /* the handle of private views */

struct step {
	enum verb verb;
	const char *key, *other;
	uint32_t len, fill;       /* fill 0: zeros */
	uint64_t pos;
	unsigned handle;
	bool view;                /* the handle is, or becomes, a private view */
	enum meanwhile meanwhile; /* done within the compaction that comes next */
	int expect;               /* the error it must end in */
};

static inline bool step_commits(const struct step *step)
{
	return step->verb >= STEP_PUT && step->verb <= STEP_STREAM_COMMIT;
}

/* LEN bytes of FILL behind what IMAGE holds. */
void step_fill(const struct step *step, struct image *image);
const char *step_text(const struct step *step, char text[160]);

#endif
