/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be there still though no file has it now: the last versions of each file behind
 * compactions that keep some, and what was deleted.  And private views, whose data lies in a log
 * that a compaction leaves.
 */
#include "config.h"

#include <errno.h>

#include "script.h"
#include "workloads.h"

/* Begun before a compaction and committed behind it, with data in the old log, the new one, and in
 * memory; dropped; and in conflict with what came meanwhile. */
const struct step compact_transaction_steps[] = {
	OPEN, PUT("a", 3000, 1), PUT("d/b", 100, 2), PUT("gone", 9000, 3), SYNC, DELETE("gone"),
	VIEW(.verb = STEP_TXN), VIEW_PUT("new", 70000, 4), VIEW_PUT("small", 20, 5), COMPACT,
	VIEW(.verb = STEP_WRITE, .key = "a", .pos = 1000, .len = 3000, .fill = 6), VIEW_PUT("d/c", 6000, 7),
	PUT("others", 700, 8), VIEW(.verb = STEP_RENAME, .key = "d/b", .other = "d/moved"),
	VIEW(.verb = STEP_TXN_COMMIT), VIEW(.verb = STEP_CLOSE), PUT("a", 50, 9), COMPACT,
	VIEW(.verb = STEP_TXN), VIEW_PUT("dropped", 9000, 10), VIEW(.verb = STEP_DELETE, .key = "new"),
	MEANWHILE(LAST, .verb = STEP_PUT, .key = "others", .len = 5000, .fill = 11), BY(1, .verb = STEP_OPEN), COMPACT,
	VIEW(.verb = STEP_CLOSE), VIEW(.verb = STEP_TXN), VIEW_PUT("new", 4000, 12),
	BY(1, .verb = STEP_PUT, .key = "new", .len = 40, .fill = 13), COMPACT,
	ENDS_IN(-EBUSY, .handle = STEP_VIEW, .view = true, .verb = STEP_TXN_COMMIT), VIEW(.verb = STEP_CLOSE),
	PUT("last", 900, 14), BY(1, .verb = STEP_CLOSE_UNSYNCED), CLOSE, END,
};

/* Written anew, and in part, so that a version rests on those before; under several names; in one
 * commit with others; compacted again with what the last compaction had kept. */
const struct step versions_steps[] = {
	OPEN, PUT("a", 5000, 1), PUT("d/b", 20000, 2), PUT("a", 6000, 3), SYNC, WRITE("d/b", 4000, 3000, 4),
	PUT("a", 7000, 5), LINK("a", "hard"), PUT("gone", 9000, 6), DELETE("gone"), COMPACT,
	APPEND("d/b", 3000, 7), PUT("hard", 5000, 8), BY(1, .verb = STEP_OPEN),
	MEANWHILE(FOLLOWED, .verb = STEP_PUT, .key = "c", .len = 3000, .fill = 9), COMPACT, RENAME("d", "e"),
	BATCH_PUT("c", 4000, 10), BATCH_PUT("e/b", 30000, 11), BATCH_PUT("one", 600, 12), BATCH_COMMIT,
	TRUNCATE("e/b", 9000), SNAPSHOT("old"), PUT("c", 100, 13), HOLE("e/b", 0, 5000), PUT("c", 9000, 14),
	MEANWHILE(LAST, .verb = STEP_APPEND, .key = "a", .len = 700, .fill = 15), COMPACT, PUT("a", 20, 16),
	BY(1, .verb = STEP_WRITE, .key = "one", .pos = 50, .len = 2000, .fill = 17), BY(1, .verb = STEP_SYNC),
	BY(1, .verb = STEP_CLOSE_UNSYNCED), PUT("one", 800, 18), CLOSE, END,
};

/* As editors do. */
const struct step replaced_steps[] = {
	OPEN, PUT("file", 3000, 1), PUT(".new", 4000, 2), RENAME(".new", "file"), APPEND("file", 600, 3),
	PUT(".new", 5000, 4), RENAME(".new", "file"), COMPACT, PUT(".new", 2000, 5), SYNC, RENAME(".new", "file"),
	COPY("file", "copy"), PUT("copy", 700, 6), VIEW(.verb = STEP_TXN), VIEW_PUT("copy", 900, 7),
	VIEW(.verb = STEP_APPEND, .key = "file", .len = 3000, .fill = 8), VIEW(.verb = STEP_TXN_COMMIT),
	VIEW(.verb = STEP_CLOSE), COMPACT, EXCHANGE("file", "copy"), PUT("file", 1000, 9), PUT(".new", 6000, 10),
	RENAME(".new", "copy"), COMPACT, PUT("file", 64, 11), COMPACT, PUT("copy", 3000, 12), CLOSE_UNSYNCED, END,
};

/* By who deleted it and by another; again; what it was some versions ago; under a directory that is
 * gone, too, in which it had been deleted before. */
const struct step undelete_steps[] = {
	OPEN, PUT("a", 5000, 1), PUT("d/b", 20000, 2), PUT("a", 40, 3), SYNC, DELETE("a"), PUT("c", 600, 4), DELETE("d/b"),
	UNDELETE("a"), COMPACT, UNDELETE("d/b"), WRITE("d/b", 4000, 5000, 5), DELETE("a"), PUT("a", 3000, 6), DELETE("a"),
	BY(1, .verb = STEP_OPEN), PUT("c", 4000, 7), BY(1, .verb = STEP_UNDELETE, .key = "a"), RESTORE("c", 1), SYNC,
	MEANWHILE(LAST, .verb = STEP_DELETE, .key = "d/b"), COMPACT, DELETE("d"), UNDELETE("d/b"), PUT("c", 300, 8),
	APPEND("c", 5000, 9), RESTORE("c", 2), BY(1, .verb = STEP_DELETE, .key = "c"), BY(1, .verb = STEP_CLOSE_UNSYNCED),
	COMPACT, UNDELETE("c"), CLOSE, END,
};
