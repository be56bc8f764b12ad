/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults - one workload, again and again: the first call of a kind fails, then
 * the second, until there is none left to fail.  Each time
 *
 *   - the error reaches the caller as itself, or nobody needs to know
 *   - the store then holds what it held before, for us and for others
 *   - the same step, done again when the fault has gone, succeeds; after a failed
 *     sync it is refused until the store is opened again, and reading goes on
 *   - in the end all is there, verifies, and nothing else lies about
 *
 *     CRASH_ONLY=NAME[:N]  one kind of fault, the Nth call
 *     CRASH_STATES=all     every call; else every fifth, from CRASH_SEED on
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "inject.h"
#include "runner.h"
#include "tell.h"

/* Torn bytes come to lie behind the log before each opening but the first. */
static const struct step steps[] = {
	{ .verb = STEP_OPEN },
	{ .verb = STEP_PUT, .key = "a", .len = 40, .fill = 1 },
	{ .verb = STEP_PUT, .key = "b", .len = 5000, .fill = 2 },
	{ .verb = STEP_PUT, .key = "d/e/c", .len = 70000, .fill = 3 },
	{ .verb = STEP_SYNC },
	{ .verb = STEP_PUT, .key = "a", .len = 900, .fill = 4 },
	{ .verb = STEP_COPY, .key = "b", .other = "d/copy" },
	{ .verb = STEP_RENAME, .key = "d/e/c", .other = "c" },
	{ .verb = STEP_BATCH_PUT, .key = "x/1", .len = 300, .fill = 5 },
	{ .verb = STEP_BATCH_PUT, .key = "x/2", .len = 3000, .fill = 6 },
	{ .verb = STEP_BATCH_DELETE, .key = "a" },
	{ .verb = STEP_BATCH_COMMIT },
	{ .verb = STEP_CLOSE },
	{ .verb = STEP_OPEN },
	{ .verb = STEP_MKDIR, .key = "dir" },
	{ .verb = STEP_DATA, .pos = 0, .len = 9000, .fill = 7 },
	{ .verb = STEP_DATA, .pos = 0, .len = 20, .fill = 8 },
	{ .verb = STEP_NAME, .pos = 0, .key = "dir/data" },
	{ .verb = STEP_STREAM_WRITE, .key = "stream", .len = 1200000, .fill = 9 },
	{ .verb = STEP_STREAM_COMMIT, .key = "stream" },
	{ .verb = STEP_SYMLINK, .key = "link", .other = "a/target" },
	{ .verb = STEP_LINK, .key = "b", .other = "hard" },
	{ .verb = STEP_APPEND, .key = "b", .len = 100, .fill = 10 },
	{ .verb = STEP_WRITE, .key = "b", .pos = 4000, .len = 2000, .fill = 11 },
	{ .verb = STEP_TRUNCATE, .key = "b", .pos = 4100 },
	{ .verb = STEP_HOLE, .key = "c", .pos = 5000, .len = 9000 },
	{ .verb = STEP_XATTR, .key = "c", .other = "user.x", .len = 200, .fill = 12 },
	{ .verb = STEP_EXCHANGE, .key = "x", .other = "d" },
	{ .verb = STEP_OPEN, .handle = 1 },
	{ .verb = STEP_PUT, .key = "other", .len = 3000, .fill = 13, .handle = 1 },
	{ .verb = STEP_DELETE, .key = "hard" },
	{ .verb = STEP_SYNC },
	{ .verb = STEP_SNAPSHOT, .key = "before" },
	{ .verb = STEP_PUT, .key = "other", .len = 300, .fill = 15 },
	{ .verb = STEP_COMPACT },
	{ .verb = STEP_PUT, .key = "other", .len = 5000, .fill = 16, .handle = 1 },
	{ .verb = STEP_CLOSE, .handle = 1 },
	{ .verb = STEP_CLOSE },
	{ .verb = STEP_OPEN },
	{ .verb = STEP_DELETE, .key = "link" },
	/* More than the tables have pages for. */
	{ .verb = STEP_CROWD, .key = "crowd", .pos = 900, .len = 1, .fill = 14 },
	{ .verb = STEP_CLOSE },
};

static const struct row {
	const char *name;
	struct injection injection;
	bool unnoticed;           /* nobody is to notice */
} rows[] = {
	{ "pwrite-short", { CALL_PWRITE, MANNER_SHORT, 0, 0, false }, true },
	{ "pwrite-EINTR", { CALL_PWRITE, MANNER_FAIL, EINTR, 0, false }, true },
	{ "pwrite-ENOSPC", { CALL_PWRITE, MANNER_FAIL, ENOSPC, 0, false }, false },
	{ "pwrite-EDQUOT", { CALL_PWRITE, MANNER_FAIL, EDQUOT, 0, false }, false },
	{ "pwrite-EIO", { CALL_PWRITE, MANNER_FAIL, EIO, 0, false }, false },
	{ "pwrite-half-ENOSPC", { CALL_PWRITE, MANNER_TORN, ENOSPC, 0, false }, false },
	{ "pwrite-half-EIO", { CALL_PWRITE, MANNER_TORN, EIO, 0, false }, false },
	{ "pwrite-half-uncut", { CALL_PWRITE, MANNER_TORN_UNCUT, ENOSPC, 0, false }, false },
	{ "disk-full", { CALL_PWRITE, MANNER_FAIL, ENOSPC, 0, true }, false },
	{ "fdatasync-EIO", { CALL_FDATASYNC, MANNER_FAIL, EIO, 0, false }, false },
	{ "fdatasync-ENOSPC", { CALL_FDATASYNC, MANNER_FAIL, ENOSPC, 0, false }, false },
	{ "ftruncate-EIO", { CALL_FTRUNCATE, MANNER_FAIL, EIO, 0, false }, false },
	{ "allocate-ENOSPC", { CALL_ALLOCATE, MANNER_FAIL, ENOSPC, 0, false }, true },
	{ "allocate-lasting", { CALL_ALLOCATE, MANNER_FAIL, ENOSPC, 0, true }, false },
	{ "allocate-EOPNOTSUPP", { CALL_ALLOCATE, MANNER_FAIL, EOPNOTSUPP, 0, true }, true },
	{ "allocate-EIO", { CALL_ALLOCATE, MANNER_FAIL, EIO, 0, false }, true },
	{ "rename-EIO", { CALL_RENAME, MANNER_FAIL, EIO, 0, false }, false },
	{ "pread-short", { CALL_PREAD, MANNER_SHORT, 0, 0, false }, true },
	{ "pread-EINTR", { CALL_PREAD, MANNER_FAIL, EINTR, 0, false }, true },
	{ "pread-EIO", { CALL_PREAD, MANNER_FAIL, EIO, 0, false }, false },
	{ "malloc", { CALL_MALLOC, MANNER_FAIL, ENOMEM, 0, false }, false },
	{ "malloc-lasting", { CALL_MALLOC, MANNER_FAIL, ENOMEM, 0, true }, false },
	{ "mmap", { CALL_MMAP, MANNER_FAIL, ENOMEM, 0, false }, false },
	{ "mmap-lasting", { CALL_MMAP, MANNER_FAIL, ENOMEM, 0, true }, false },
	{ "mprotect", { CALL_MPROTECT, MANNER_FAIL, ENOMEM, 0, false }, false },
	{ "thread", { CALL_THREAD, MANNER_FAIL, EAGAIN, 0, true }, true },
	{ "open-EMFILE", { CALL_OPEN, MANNER_FAIL, EMFILE, 0, false }, false },
	{ "lock-ENOLCK", { CALL_LOCK, MANNER_FAIL, ENOLCK, 0, false }, false },
	{ "random-EIO", { CALL_RANDOM, MANNER_FAIL, EIO, 0, false }, false },
};

struct trial {
	const struct row *row;
	struct runner run;
	char path[4200];
	unsigned reported, passed;    /* struck: the caller was told, nobody was */
	char complaint[500];
};

static int complain(struct trial *trial, const struct step *step, const char *what, int error)
{
	char text[160];

	snprintf(trial->complaint, sizeof trial->complaint, "%s: %s: %s", step_text(step, text), what,
	         error ? srd_strerror(error) : "");
	return -1;
}

/* A handle without shm cannot ask for the lock: it would wait until the other's
 * keeper looks, some seconds. */
static void give_locks_back(struct runner *run)
{
	for (unsigned i = 0; i < RUNNER_HANDLES; i++) {
		struct srd_store *store = run->handles[i];
		if (!store)
			continue;
		srd_mutex_lock(&store->commit_mutex);
		srd_log_release(store->log);
		srd_mutex_unlock(&store->commit_mutex);
	}
}

static int armed_step(struct trial *trial, const struct step *step)
{
	trial->run.arm = inject_arm;
	int error = runner_step(&trial->run, step);
	trial->run.arm = NULL;
	give_locks_back(&trial->run);
	return error;
}

static void remove_store(const char *path)
{
	static const char *const beside[] = { "", ".shm", ".idx", ".new" };
	char name[4300];

	for (size_t i = 0; i < SRD_LEN(beside); i++) {
		snprintf(name, sizeof name, "%s%s", path, beside[i]);
		unlink(name);
	}
}

/* What a killed process may have left. */
static void tear(const char *path)
{
	static const char junk[100] = "what a killed process left";
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd >= 0 && write(fd, junk, sizeof junk) != sizeof junk)
		die("%s: cannot be written", path);
	if (fd >= 0)
		close(fd);
}

/* ---- what must hold after a step that failed ---- */

static int check_holds(struct trial *trial, const struct step *step, struct srd_store *store, const char *who)
{
	uint64_t digest;
	int error = store_digest(store, &digest);

	if (error)
		return complain(trial, step, who, error);
	if (digest != model_digest(&trial->run.model))
		return complain(trial, step, who, SRD_ECORRUPT);
	return 0;
}

static int check_content(struct trial *trial, const struct step *step)
{
	struct srd_store *store = trial->run.handles[step->handle], *fresh;
	int error = store ? check_holds(trial, step, store, "what it holds after an error") : 0;

	if (error || access(trial->path, F_OK) != 0)
		return error;
	error = srd_store_open(trial->path, SRD_RDONLY, NULL, &fresh);
	if (error)
		return complain(trial, step, "opened by another after an error", error);
	error = check_holds(trial, step, fresh, "what another sees after an error");
	srd_close(fresh);
	return error;
}

static bool is_poisoned(const struct trial *trial, const struct step *step)
{
	struct srd_store *store = trial->run.handles[step->handle];

	return store && atomic_load(&store->log->poisoned) != 0;
}

/* Refuses to write and to sync; opened again, it goes on. */
static int check_poisoned(struct trial *trial, const struct step *step)
{
	const struct step put = { .verb = STEP_PUT, .key = "refused", .len = 10, .fill = 1, .handle = step->handle };
	const struct step sync = { .verb = STEP_SYNC, .handle = step->handle };
	const struct step close = { .verb = STEP_CLOSE_UNSYNCED, .handle = step->handle };
	const struct step open = { .verb = STEP_OPEN, .handle = step->handle };
	int error = runner_step(&trial->run, &put);

	if (error != SRD_EPOISONED)
		return complain(trial, &put, "after a failed sync", error);
	error = runner_step(&trial->run, &sync);
	if (error != SRD_EPOISONED)
		return complain(trial, &sync, "after a failed sync", error);
	error = check_content(trial, step);
	/* A batch and a stream are of the handle that goes. */
	srd_batch_free(trial->run.batch);
	srd_writer_abort(trial->run.stream);
	trial->run.batch = NULL;
	trial->run.stream = NULL;
	trial->run.batched_count = 0;
	image_release(&trial->run.streamed);
	runner_step(&trial->run, &close);
	if (!error)
		error = runner_step(&trial->run, &open) ? complain(trial, &open, "after a failed sync", 0) : 0;
	return error;
}

static int do_again(struct trial *trial, const struct step *step)
{
	if (step->verb == STEP_CLOSE)
		return 0;   /* closed it is, whatever it said */
	if (step->verb == STEP_STREAM_COMMIT && !trial->run.stream)
		return 0;   /* gone with the error */
	int error = runner_step(&trial->run, step);
	return error ? complain(trial, step, "done again", error) : 0;
}

/* A file that could not be cut is another's fault than the write that was to be undone. */
static bool is_told_as_itself(const struct trial *trial, int got)
{
	const struct injection *injection = &trial->row->injection;

	return got == -injection->error || (injection->manner == MANNER_TORN_UNCUT && got == -EIO);
}

/* Of a compaction that failed nothing stays. */
static int check_no_leftover(struct trial *trial, const struct step *step)
{
	char name[4300];

	snprintf(name, sizeof name, "%s.new", trial->path);
	return access(name, F_OK) == 0 ? complain(trial, step, "left what it had begun", 0) : 0;
}

static int after_error(struct trial *trial, const struct step *step, int got)
{
	int error = check_no_leftover(trial, step);

	if (error)
		return error;
	if (!is_told_as_itself(trial, got))
		return complain(trial, step, "ends in another error", got);
	trial->reported++;
	/* Reading goes on while the disk is full. */
	if (trial->row->injection.lasting && trial->row->injection.call == CALL_PWRITE) {
		inject_arm(true);
		error = check_content(trial, step);
		inject_arm(false);
	}
	inject_lift();
	if (!error)
		error = check_content(trial, step);
	if (!error && is_poisoned(trial, step))
		error = check_poisoned(trial, step);
	return error ? error : do_again(trial, step);
}

/* What nobody was told must make no difference. */
static int after_success(struct trial *trial, const struct step *step)
{
	bool writes = trial->row->injection.call == CALL_PWRITE || trial->row->injection.call == CALL_FDATASYNC;

	trial->passed++;
	/* The mark that closing leaves is a convenience, and so are the index and the seal of who
	 * compacts. */
	if (writes && !trial->row->unnoticed && step->verb != STEP_CLOSE && step->verb != STEP_COMPACT)
		return complain(trial, step, "succeeds, though a write failed", 0);
	inject_lift();
	return check_content(trial, step);
}

static int trial_step(struct trial *trial, const struct step *step)
{
	unsigned struck = inject_struck();

	if (step->verb == STEP_OPEN && step->handle == 0)
		tear(trial->path);
	int error = armed_step(trial, step);
	if (inject_struck() == struck)
		return error ? complain(trial, step, "fails without a fault", error) : 0;
	if (!error)
		return after_success(trial, step);
	/* There the room is what was asked for. */
	if (trial->row->unnoticed && !(step->verb == STEP_COMPACT && trial->row->injection.call == CALL_ALLOCATE))
		return complain(trial, step, "should not have noticed", error);
	return after_error(trial, step, error);
}

/* ---- a whole trial ---- */

static int count_damage(void *user, const struct srd_event *event)
{
	*(unsigned *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

static int check_end(struct trial *trial)
{
	const struct step end = { .verb = STEP_OPEN };
	struct srd_store *store;
	unsigned damage = 0;
	int error = srd_store_open(trial->path, 0, NULL, &store);

	if (error)
		return complain(trial, &end, "in the end", error);
	error = check_holds(trial, &end, store, "in the end");
	if (!error)
		error = srd_scan(store, SRD_SCAN_PAYLOAD, count_damage, &damage);
	srd_close(store);
	return error ? error : damage ? complain(trial, &end, "verify in the end", SRD_ECORRUPT) : 0;
}

/* Nothing but the store lies in its directory, and the index that compaction leaves. */
static int check_directory(struct trial *trial)
{
	const struct step end = { .verb = STEP_CLOSE };
	DIR *dir = opendir(scratch_directory());
	int error = 0;

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, "store") != 0 && strcmp(entry->d_name, "store.idx") != 0)
			error = complain(trial, &end, entry->d_name, 0);
	closedir(dir);
	return error;
}

/* 1: the fault struck, 0: there is no Nth such call, -1: and something was wrong. */
static int run_trial(struct trial *trial, unsigned nth)
{
	struct injection injection = trial->row->injection;
	int error = 0;

	injection.nth = nth;
	remove_store(trial->path);
	runner_init(&trial->run, trial->path, NULL, &inject_io);
	inject_plan(&injection);
	for (size_t i = 0; i < SRD_LEN(steps) && !error; i++)
		error = trial_step(trial, &steps[i]);
	if (!error)
		error = check_end(trial);
	runner_release(&trial->run);
	if (!error)
		error = check_directory(trial);
	return error ? -1 : inject_struck() > 0;
}

static void run_row(const struct row *row, unsigned only, unsigned stride, unsigned first)
{
	struct trial *trial = calloc(1, sizeof *trial);
	unsigned nth = only ? only : first, trials = 0, failures = 0;
	int struck = 1;

	if (!trial)
		die("no memory");
	trial->row = row;
	snprintf(trial->path, sizeof trial->path, "%s/store", scratch_directory());
	while (struck != 0) {
		struck = run_trial(trial, nth);
		if (struck < 0 && failures++ < 5)
			tell("%s:%u: %s", row->name, nth, trial->complaint);
		trials += struck != 0;
		nth += stride;
		if (only)
			break;
	}
	tell_result(failures == 0, "%-20s %4u calls: %3u times the caller was told, %3u times of no consequence",
	            row->name, trials, trial->reported, trial->passed);
	free(trial);
}

int main(void)
{
	const char *only = getenv("CRASH_ONLY");
	size_t len = only ? strcspn(only, ":") : 0;

	unsigned stride = is_full_run() ? 1 : 5;
	uint64_t seed = env_number("CRASH_SEED", (uint64_t)time(NULL));

	setenv("SRD_MAP_BYTES", "0x10000000", 0);
	tell("CRASH_SEED=%llu", (unsigned long long)seed);
	for (size_t i = 0; i < SRD_LEN(rows); i++)
		if (!only || (strlen(rows[i].name) == len && strncmp(rows[i].name, only, len) == 0))
			run_row(&rows[i], only && only[len] ? (unsigned)strtoul(only + len + 1, NULL, 0) : 0,
			        stride, 1 + (unsigned)(seed % stride));
	return tell_status();
}
