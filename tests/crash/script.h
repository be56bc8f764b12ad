/* SPDX-License-Identifier: Apache-2.0 */
/* script.h - steps as the tables of workloads write them: by handle 0, unless said. */
#ifndef CRASH_SCRIPT_H
#define CRASH_SCRIPT_H

#include "step.h"

#define PUT(k, n, f) { .verb = STEP_PUT, .key = k, .len = n, .fill = f }
#define DELETE(k) { .verb = STEP_DELETE, .key = k }
#define RENAME(k, o) { .verb = STEP_RENAME, .key = k, .other = o }
#define EXCHANGE(k, o) { .verb = STEP_EXCHANGE, .key = k, .other = o }
#define COPY(k, o) { .verb = STEP_COPY, .key = k, .other = o }
#define LINK(k, o) { .verb = STEP_LINK, .key = k, .other = o }
#define MKDIR(k) { .verb = STEP_MKDIR, .key = k }
#define SYMLINK(k, o) { .verb = STEP_SYMLINK, .key = k, .other = o }
#define WRITE(k, p, n, f) { .verb = STEP_WRITE, .key = k, .pos = p, .len = n, .fill = f }
#define APPEND(k, n, f) { .verb = STEP_APPEND, .key = k, .len = n, .fill = f }
#define TRUNCATE(k, p) { .verb = STEP_TRUNCATE, .key = k, .pos = p }
#define HOLE(k, p, n) { .verb = STEP_HOLE, .key = k, .pos = p, .len = n }
#define XATTR(k, o, n, f) { .verb = STEP_XATTR, .key = k, .other = o, .len = n, .fill = f }
#define BATCH_PUT(k, n, f) { .verb = STEP_BATCH_PUT, .key = k, .len = n, .fill = f }
#define BATCH_DELETE(k) { .verb = STEP_BATCH_DELETE, .key = k }
#define BATCH_COMMIT { .verb = STEP_BATCH_COMMIT }
#define DATA(s, n, f) { .verb = STEP_DATA, .pos = s, .len = n, .fill = f }
#define NAME(s, k) { .verb = STEP_NAME, .pos = s, .key = k }
#define STREAM(k, n, f) { .verb = STEP_STREAM_WRITE, .key = k, .len = n, .fill = f }
#define STREAM_COMMIT(k) { .verb = STEP_STREAM_COMMIT, .key = k }
#define STREAM_ABORT { .verb = STEP_STREAM_ABORT }
#define SYNC { .verb = STEP_SYNC }
#define OPEN { .verb = STEP_OPEN }
#define CLOSE { .verb = STEP_CLOSE }
#define CLOSE_UNSYNCED { .verb = STEP_CLOSE_UNSYNCED }
#define FAIL_SYNC { .verb = STEP_FAIL_SYNC }
#define UNDELETE(k) { .verb = STEP_UNDELETE, .key = k }
#define RESTORE(k, n) { .verb = STEP_RESTORE, .key = k, .pos = n }
#define TRIM { .verb = STEP_TRIM }
#define SAVE { .verb = STEP_SAVE }
#define END { .verb = STEP_END }
/* The same by handle H; ends in error E. */
#define BY(h, ...) { .handle = h, __VA_ARGS__ }
#define ENDS_IN(e, ...) { .expect = e, __VA_ARGS__ }
#define VIEW(...) { .handle = STEP_VIEW, .view = true, __VA_ARGS__ }
#define VIEW_PUT(k, n, f) VIEW(.verb = STEP_PUT, .key = k, .len = n, .fill = f)
#define COMPACT { .verb = STEP_COMPACT }
#define SNAPSHOT(n) { .verb = STEP_SNAPSHOT, .key = n }
#define SNAPSHOT_RENAME(n, o) { .verb = STEP_SNAPSHOT_RENAME, .key = n, .other = o }
#define SNAPSHOT_DELETE(n) { .verb = STEP_SNAPSHOT_DELETE, .key = n }
/* Within the compaction that comes next, by handle 1. */
#define MEANWHILE(w, ...) { .meanwhile = MEANWHILE_##w, .handle = 1, __VA_ARGS__ }

#endif
