/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles are 0 unless said.  Contents of 63 bytes or fewer lie beside their
 * name, 64 KiB and more begin on a page; one fill of 0 is all zeros, which no
 * missing block can be told from.
 */
#include "config.h"

#include "workloads.h"

#include <errno.h>

#include "script.h"
#include "srd.h"

static const struct step create[] = { OPEN, PUT("a", 10, 1), CLOSE, OPEN, PUT("b", 5000, 2), CLOSE, END };

static const struct step put_and_delete[] = {
	OPEN, PUT("a", 10, 1), PUT("b", 3000, 2), PUT("c", 20000, 3), SYNC,
	PUT("a", 63, 4), PUT("b", 64, 5), DELETE("c"), PUT("empty", 0, 1), SYNC,
	PUT("d", 4096, 6), PUT("d", 4097, 7), DELETE("a"), PUT("page", 70000, 8), PUT("e", 1, 9), SYNC,
	DELETE("page"), PUT("f", 511, 10), PUT("g", 513, 11), DELETE("b"), PUT("b", 100, 12), CLOSE, END,
};

static const struct step zeros[] = {
	OPEN, PUT("a", 8192, 0), PUT("b", 600, 0), SYNC, PUT("c", 12288, 0), PUT("d", 8192, 1),
	PUT("c", 12288, 0), PUT("a", 12288, 2), PUT("e", 40, 0), DELETE("d"), SYNC, PUT("f", 20000, 0),
	PUT("g", 20000, 3), CLOSE_UNSYNCED, OPEN, PUT("h", 4096, 0), CLOSE, END,
};

static const struct step equal[] = {   /* records alike in length, contents alike */
	OPEN, PUT("a", 1000, 1), SYNC, PUT("b", 1000, 2), PUT("b", 1000, 2), PUT("b", 1000, 3), PUT("b", 1000, 2),
	PUT("a", 1000, 2), PUT("a", 1000, 1), SYNC, PUT("c", 1000, 2), PUT("d", 1000, 2), PUT("e", 1000, 2),
	DELETE("c"), DELETE("d"), DELETE("e"), PUT("c", 1000, 2), CLOSE, END,
};

static const struct step batches[] = {
	OPEN, BATCH_PUT("a", 10, 1), BATCH_PUT("b", 5000, 2), BATCH_PUT("d/c", 300, 3), BATCH_COMMIT,
	PUT("a", 20, 4), BATCH_PUT("a", 9000, 5), BATCH_DELETE("b"), BATCH_DELETE("d/c"), BATCH_PUT("d/e", 64, 6),
	BATCH_PUT("x", 1, 7), BATCH_COMMIT, SYNC, BATCH_DELETE("x"), BATCH_PUT("x", 2000, 8), BATCH_PUT("y", 0, 9),
	BATCH_PUT("a", 60, 10), BATCH_COMMIT, BATCH_PUT("z", 3000, 11), BATCH_PUT("z", 3000, 12), BATCH_COMMIT,
	PUT("last", 100, 13), SYNC, BATCH_PUT("1", 4000, 14), BATCH_PUT("2", 4000, 15), BATCH_PUT("3", 4000, 16),
	BATCH_COMMIT, BATCH_DELETE("1"), BATCH_DELETE("2"), BATCH_COMMIT, CLOSE, END,
};

static const struct step data[] = {    /* DATA of streams in flight while others append */
	OPEN, DATA(0, 5000, 1), PUT("a", 100, 2), DATA(0, 9000, 3), DATA(1, 300, 4), PUT("b", 3000, 5),
	NAME(1, "one"), SYNC, DATA(0, 64, 6), NAME(0, "zero"), PUT("c", 10, 7), DATA(2, 20000, 8), SYNC,
	PUT("d", 5, 9), DATA(2, 4096, 10), NAME(2, "two"), DATA(1, 30, 11), DATA(0, 6000, 12), PUT("e", 50, 13),
	NAME(1, "zero"), SYNC, PUT("f", 700, 14), NAME(0, "a"), DATA(0, 8000, 15), PUT("g", 700, 16), CLOSE, END,
};

static const struct step streams[] = { /* the real writer: a megabyte at a time */
	OPEN, STREAM("s", 600000, 1), PUT("a", 100, 2), STREAM("s", 600000, 3), PUT("b", 3000, 4),
	STREAM_COMMIT("s"), SYNC, STREAM("t", 1100000, 5), DELETE("a"), STREAM_ABORT, PUT("c", 10, 6), CLOSE, END,
};

static const struct step directories[] = {
	OPEN, MKDIR("d"), PUT("d/a", 10, 1), PUT("d/e/b", 700, 2), SYMLINK("d/link", "a/target"), SYNC,
	RENAME("d", "moved"), MKDIR("d"), PUT("d/a", 20, 3), RENAME("moved/e", "d/e"), SYNC, DELETE("moved/a"),
	DELETE("moved/link"), DELETE("moved"), LINK("d/a", "hard"), PUT("hard", 4000, 4), SYNC,
	EXCHANGE("d", "hard"), DELETE("d"), RENAME("hard/e/b", "b"), DELETE("hard/e"), XATTR("b", "user.x", 100, 5),
	MKDIR("deep/er/still"), RENAME("b", "deep/er/still/b"), CLOSE, END,
};

static const struct step replace[] = { /* write a temporary, sync, rename over: the old or the new, whole */
	OPEN, PUT("file", 3000, 1), SYNC, PUT(".file.tmp", 5000, 2), SYNC, RENAME(".file.tmp", "file"), SYNC,
	PUT(".file.tmp", 100, 3), RENAME(".file.tmp", "file"), PUT(".file.tmp", 9000, 4), RENAME(".file.tmp", "file"),
	SYNC, DATA(0, 9000, 5), DATA(0, 4000, 6), NAME(0, ".file.tmp"), SYNC, RENAME(".file.tmp", "file"), CLOSE, END,
};

static const struct step appends[] = {
	OPEN, PUT("log", 0, 1), APPEND("log", 10, 2), APPEND("log", 5000, 3), SYNC, APPEND("log", 64, 4),
	APPEND("log", 4096, 5), TRUNCATE("log", 5005), APPEND("log", 20, 6), SYNC, WRITE("log", 4090, 12, 7),
	TRUNCATE("log", 9000), HOLE("log", 100, 4500), WRITE("log", 20000, 3000, 8), SYNC, TRUNCATE("log", 0),
	APPEND("log", 700, 9), WRITE("log", 0, 700, 0), APPEND("log", 8000, 10), CLOSE, END,
};

static const struct step copies[] = {
	OPEN, PUT("a", 6000, 1), COPY("a", "b"), PUT("a", 50, 2), SYNC, COPY("b", "c"), COPY("a", "b"),
	DELETE("a"), WRITE("c", 100, 2000, 3), COPY("c", "d/c"), SYNC, DATA(0, 9000, 4), NAME(0, "e"),
	COPY("e", "f"), DELETE("e"), COPY("f", "e"), CLOSE, END,
};

static const struct step reopened[] = { /* closed with and without a sync */
	OPEN, PUT("a", 100, 1), CLOSE, OPEN, PUT("b", 3000, 2), CLOSE_UNSYNCED, OPEN, PUT("c", 50, 3), SYNC,
	PUT("d", 6000, 4), CLOSE_UNSYNCED, OPEN, DELETE("a"), CLOSE_UNSYNCED, OPEN, SYNC, PUT("e", 10, 5), CLOSE,
	OPEN, PUT("f", 5000, 6), CLOSE, END,
};

static const struct step several[] = { /* handles on one file, each with locks and marks of its own */
	OPEN, PUT("a", 100, 1), BY(1, .verb = STEP_OPEN), BY(1, .verb = STEP_PUT, .key = "b", .len = 3000, .fill = 2),
	PUT("c", 5000, 3), SYNC, BY(1, .verb = STEP_PUT, .key = "a", .len = 70, .fill = 4),
	BY(1, .verb = STEP_SYNC), PUT("d", 20, 5), BY(2, .verb = STEP_OPEN),
	BY(2, .verb = STEP_DELETE, .key = "c"), DATA(0, 7000, 6), BY(1, .verb = STEP_DATA, .pos = 1, .len = 4000, .fill = 7),
	BY(2, .verb = STEP_SYNC), NAME(0, "e"), BY(1, .verb = STEP_NAME, .pos = 1, .key = "f"),
	BY(2, .verb = STEP_PUT, .key = "g", .len = 900, .fill = 8), SYNC, BY(1, .verb = STEP_CLOSE_UNSYNCED),
	PUT("h", 2000, 9), BY(2, .verb = STEP_PUT, .key = "i", .len = 10, .fill = 10), BY(2, .verb = STEP_SYNC),
	BY(2, .verb = STEP_CLOSE), PUT("j", 5, 11), CLOSE, END,
};

/* A syncs, the mark stays with A alone; B, opened later, does not know it. */
static const struct step lone_mark[] = {
	OPEN, PUT("a", 3000, 1), SYNC, PUT("b", 3000, 2), SYNC, BY(1, .verb = STEP_OPEN),
	BY(1, .verb = STEP_PUT, .key = "c", .len = 3000, .fill = 3), BY(1, .verb = STEP_PUT, .key = "d", .len = 9, .fill = 4),
	BY(1, .verb = STEP_SYNC), BY(1, .verb = STEP_PUT, .key = "e", .len = 2000, .fill = 5),
	BY(1, .verb = STEP_CLOSE_UNSYNCED), CLOSE_UNSYNCED, END,
};

/* A's fdatasync fails and the kernel forgets the bytes; B, opened later, is told nothing. */
static const struct step lost_bytes[] = {
	OPEN, PUT("a", 3000, 1), SYNC, PUT("b", 6000, 2), DATA(0, 5000, 3), NAME(0, "c"), FAIL_SYNC,
	ENDS_IN(-EIO, .verb = STEP_SYNC), ENDS_IN(SRD_EPOISONED, .verb = STEP_PUT, .key = "x", .len = 9, .fill = 9),
	BY(1, .verb = STEP_OPEN), BY(1, .verb = STEP_PUT, .key = "d", .len = 2000, .fill = 4),
	BY(1, .verb = STEP_SYNC), BY(1, .verb = STEP_PUT, .key = "e", .len = 100, .fill = 5),
	ENDS_IN(SRD_EPOISONED, .verb = STEP_SYNC), ENDS_IN(SRD_EPOISONED, .verb = STEP_CLOSE), OPEN,
	PUT("f", 3000, 6), SYNC, PUT("g", 50, 7), BY(1, .verb = STEP_CLOSE), CLOSE, END,
};

/* With an index beside it, an old one, and one by another handle. */
static const struct step indexes[] = {
	OPEN, PUT("a", 3000, 1), PUT("d/b", 20, 2), SAVE, PUT("a", 3000, 3), PUT("c", 5000, 4), DELETE("d/b"), SYNC,
	PUT("e", 700, 5), SAVE, PUT("f", 3000, 6), RENAME("f", "d/f"), CLOSE_UNSYNCED, OPEN, PUT("g", 3000, 7),
	BY(1, .verb = STEP_OPEN), DATA(0, 9000, 8), BY(1, .verb = STEP_PUT, .key = "h", .len = 100, .fill = 9),
	BY(1, .verb = STEP_SAVE), NAME(0, "a"), DELETE("e"), BY(1, .verb = STEP_CLOSE_UNSYNCED), PUT("c", 40, 10),
	SAVE, APPEND("c", 5000, 11), CLOSE, OPEN, PUT("i", 3000, 12), CLOSE_UNSYNCED, END,
};

/* Private views, committed and dropped, while others commit. */
static const struct step transactions[] = {
	OPEN, PUT("a", 3000, 1), PUT("d/b", 100, 2), SYNC,
	VIEW(.verb = STEP_TXN), VIEW_PUT("new", 10, 3), VIEW_PUT("page", 70000, 4), VIEW_PUT("d/c", 5000, 5),
	PUT("others", 700, 6), VIEW(.verb = STEP_RENAME, .key = "d", .other = "moved"),
	VIEW(.verb = STEP_WRITE, .key = "a", .pos = 1000, .len = 3000, .fill = 7), VIEW(.verb = STEP_DELETE, .key = "new"),
	VIEW(.verb = STEP_XATTR, .key = "a", .other = "user.x", .len = 300, .fill = 8),
	VIEW(.verb = STEP_LINK, .key = "page", .other = "moved/hard"), VIEW(.verb = STEP_TXN_COMMIT),
	VIEW(.verb = STEP_CLOSE), PUT("others", 40, 9),
	VIEW(.verb = STEP_TXN), VIEW_PUT("a", 6000, 10), VIEW(.verb = STEP_DELETE, .key = "page"), PUT("c", 9000, 11),
	VIEW(.verb = STEP_CLOSE), PUT("e", 100, 12),
	VIEW(.verb = STEP_TXN), VIEW_PUT("a", 60, 13), VIEW_PUT("x", 300, 14), VIEW(.verb = STEP_TXN_COMMIT),
	VIEW(.verb = STEP_CLOSE), VIEW(.verb = STEP_TXN), PUT("x", 20, 15), VIEW_PUT("x", 4000, 16),
	ENDS_IN(-EBUSY, .handle = STEP_VIEW, .view = true, .verb = STEP_TXN_COMMIT), VIEW(.verb = STEP_CLOSE), PUT("last", 900, 17), CLOSE, END,
};

const struct workload workloads[] = {
	{ "create", "a store is made", create, { 0 } },
	{ "puts", "puts and deletes", put_and_delete, { 0 } },
	{ "zeros", "values of zeros", zeros, { 0 } },
	{ "equal", "records alike in length and content", equal, { 0 } },
	{ "batches", "batches", batches, { 0 } },
	{ "data", "streams in flight while others append", data, { 0 } },
	{ "streams", "streams of megabytes", streams, { 0 } },
	{ "directories", "directories, links, renames", directories, { 0 } },
	{ "replace", "rename over", replace, { 0 } },
	{ "appends", "append, truncate, holes", appends, { 0 } },
	{ "copies", "copies", copies, { 0 } },
	{ "reopened", "closed and opened again", reopened, { 0 } },
	{ "several", "several handles", several, { 0 } },
	{ "lone-mark", "a mark known to one handle only", lone_mark, { 0 } },
	{ "indexes", "an index saved now and then", indexes, { 0 } },
	{ "lost-bytes", "an fdatasync that failed in another handle", lost_bytes, { 0 } },
	{ "transactions", "private views committed and dropped", transactions, { 0 } },
	{ "snapshots", "snapshots made, renamed and deleted", snapshot_steps, { 0 } },
	{ "compaction", "compacted while others append", compact_steps, { 0 } },
	{ "compacted-twice", "compacted by one handle and the other", compact_twice_steps, { 0 } },
	{ "compacted-snapshots", "compacted with snapshots", compact_snapshot_steps, { 0 } },
	{ "compacted-views", "compacted under private views", compact_transaction_steps, { 0 } },
	{ "versions", "compacted, two versions of each file kept", versions_steps, { .keep_versions = 2 } },
	{ "replaced", "compacted, three versions kept, of files that replaced others, too", replaced_steps,
	  { .keep_versions = 3 } },
	{ "undelete", "deleted and had again, compacted with all that came since", undelete_steps, { .keep_since = "1" } },
	{ "trims", "trimmed again and again", trim_steps, { 0 } },
	{ "trimmed-past", "trimmed with snapshots, compacted, and trimmed", trim_past_steps, { 0 } },
};
const unsigned workload_count = sizeof workloads / sizeof workloads[0];
