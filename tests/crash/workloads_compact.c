/* SPDX-License-Identifier: Apache-2.0 */
/* Logs that are written anew, and snapshots, which outlive that. */
#include "config.h"

#include <errno.h>

#include "script.h"
#include "workloads.h"

const struct step snapshot_steps[] = {
	OPEN, PUT("a", 3000, 1), PUT("d/b", 20, 2), SNAPSHOT("one"), PUT("a", 70, 3), DELETE("d/b"), SYNC,
	PUT("d/c", 5000, 4), SNAPSHOT("two"), RENAME("d", "e"), DELETE("a"), SNAPSHOT_RENAME("one", "first"),
	PUT("a", 9000, 5), SAVE, BY(1, .verb = STEP_OPEN), BY(1, .verb = STEP_SNAPSHOT, .key = "three"),
	APPEND("a", 100, 6), SNAPSHOT_DELETE("two"), PUT("f", 10, 7), BY(1, .verb = STEP_SYNC),
	SNAPSHOT("two"), SNAPSHOT_DELETE("first"), ENDS_IN(-EEXIST, .verb = STEP_SNAPSHOT, .key = "two"),
	ENDS_IN(-ENOENT, .verb = STEP_SNAPSHOT_DELETE, .key = "one"), TRUNCATE("a", 4000),
	BY(1, .verb = STEP_CLOSE_UNSYNCED), CLOSE_UNSYNCED, OPEN, WRITE("a", 100, 50, 8), SNAPSHOT("one"), CLOSE, END,
};

/* What had not been synced; what others append while it is written, and in the last moment; what
 * comes then, by all of them. */
const struct step compact_steps[] = {
	OPEN, PUT("a", 3000, 1), PUT("d/b", 5000, 2), PUT("gone", 9000, 3), SYNC, DELETE("gone"), PUT("a", 40, 4),
	LINK("d/b", "hard"), BY(1, .verb = STEP_OPEN), PUT("c", 700, 5), COMPACT, PUT("a", 5000, 6),
	BY(1, .verb = STEP_PUT, .key = "e", .len = 20, .fill = 7), BY(1, .verb = STEP_SYNC), DELETE("c"),
	MEANWHILE(FOLLOWED, .verb = STEP_PUT, .key = "d/b", .len = 6000, .fill = 8), COMPACT,
	BY(1, .verb = STEP_PUT, .key = "f", .len = 3000, .fill = 9), PUT("gone", 100, 10),
	MEANWHILE(LAST, .verb = STEP_RENAME, .key = "f", .other = "a"), COMPACT, APPEND("a", 300, 11),
	BY(1, .verb = STEP_CLOSE_UNSYNCED), PUT("last", 50, 12), CLOSE, OPEN, PUT("later", 2000, 13), CLOSE_UNSYNCED, END,
};

/* The other handle has not seen the first when it writes the next. */
const struct step compact_twice_steps[] = {
	OPEN, BY(1, .verb = STEP_OPEN), PUT("a", 5000, 1), BY(1, .verb = STEP_PUT, .key = "b", .len = 20, .fill = 2),
	DATA(0, 6000, 3), BY(1, .verb = STEP_DATA, .pos = 1, .len = 300, .fill = 4), COMPACT,
	BY(1, .verb = STEP_COMPACT), NAME(0, "one"), BY(1, .verb = STEP_NAME, .pos = 1, .key = "two"),
	BY(2, .verb = STEP_OPEN), PUT("a", 100, 5), BY(2, .verb = STEP_DELETE, .key = "b"),
	MEANWHILE(LAST, .verb = STEP_PUT, .key = "c", .len = 700, .fill = 6), BY(2, .verb = STEP_COMPACT),
	BY(2, .verb = STEP_CLOSE_UNSYNCED), HOLE("one", 100, 5000), BY(1, .verb = STEP_SYNC), SAVE,
	PUT("d", 3000, 7), CLOSE, BY(1, .verb = STEP_PUT, .key = "e", .len = 10, .fill = 8),
	BY(1, .verb = STEP_CLOSE), END,
};

const struct step compact_snapshot_steps[] = {
	OPEN, PUT("a", 3000, 1), PUT("b", 30, 2), SNAPSHOT("one"), PUT("a", 5000, 3), DELETE("b"), SAVE, APPEND("a", 10, 9),
	SNAPSHOT("two"),
	PUT("c", 700, 4), RENAME("a", "e/a"), PUT("a", 20, 8), BY(1, .verb = STEP_OPEN), COMPACT, PUT("a", 10, 5),
	SNAPSHOT_RENAME("one", "first"),
	MEANWHILE(FOLLOWED, .verb = STEP_SNAPSHOT, .key = "three"), COMPACT, SNAPSHOT_DELETE("two"),
	BY(1, .verb = STEP_PUT, .key = "b", .len = 900, .fill = 6),
	MEANWHILE(LAST, .verb = STEP_SNAPSHOT_DELETE, .key = "first"), COMPACT, DELETE("c"), SYNC,
	PUT("d", 60, 7), BY(1, .verb = STEP_CLOSE_UNSYNCED), CLOSE, END,
};
