/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that are taken from a log: verify, which the checker asks of every state, takes a hole
 * that no TRIM op speaks of for damage, and all content that is live is read.
 */
#include "config.h"

#include "script.h"
#include "workloads.h"

/* Removed, written over in part, shared with a copy; DATA on its way; by who has not seen the last
 * trim, too. */
const struct step trim_steps[] = {
	OPEN, PUT("a", 20000, 1), PUT("b", 9000, 2), PUT("c", 70000, 3), SYNC, PUT("a", 100, 4), DELETE("c"),
	PUT("d", 5000, 5), TRIM, PUT("e", 9000, 6), COPY("b", "f"), DELETE("b"), DATA(0, 20000, 7), TRIM,
	NAME(0, "g"), DELETE("e"), BY(1, .verb = STEP_OPEN), WRITE("g", 5000, 9000, 8), BY(1, .verb = STEP_TRIM),
	BY(1, .verb = STEP_DELETE, .key = "g"), BY(1, .verb = STEP_CLOSE_UNSYNCED), PUT("h", 20000, 9), DELETE("h"),
	TRIM, PUT("i", 10, 10), TRIM, CLOSE_UNSYNCED, OPEN, DELETE("f"), SAVE, TRIM, PUT("c", 12000, 11),
	DELETE("c"), PUT("d", 3, 12), TRIM, PUT("last", 900, 13), CLOSE, END,
};

const struct step trim_past_steps[] = {
	OPEN, PUT("a", 20000, 1), PUT("b", 20000, 2), SNAPSHOT("one"), DELETE("a"), PUT("c", 20000, 3), DELETE("c"),
	TRIM, SNAPSHOT("two"), PUT("b", 40, 4), SNAPSHOT_DELETE("one"), TRIM, PUT("d", 9000, 5), COMPACT,
	PUT("d", 10000, 6), SNAPSHOT_DELETE("two"), TRIM, PUT("e", 20000, 7), SYNC, TRUNCATE("e", 4096), TRIM,
	APPEND("e", 5000, 8), CLOSE_UNSYNCED, END,
};
