/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup - makes a backup of a store on a recording disk, again and again while the store
 * changes, and opens what every crash may have left of it:
 *
 *   - it is a store, and holds what the source did after some commit, no earlier one than the
 *     backup before; or, while it is written anew, is that one
 *   - what it lacks of a file is what the source has given up since, and is not served
 *   - the next backup makes it the source, to the byte
 *
 *     CRASH_STATES=N       about so many crashes in all (2000), or "all"
 *     CRASH_SEED=N         which ones
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"
#include "script.h"
#include "states.h"
#include "tell.h"

#define COPY_NAME "copy"

enum { STATES_DEFAULT = 2000 };

struct leg {
	const char *what;
	const struct step *steps; /* what the source goes through before the backup; ends with STEP_END */
	int flags;
	bool anew;                /* it has to be */
};

static const struct step first[] = { OPEN, PUT("a", 20000, 1), PUT("b", 3000, 2), SYNC, PUT("d/c", 100, 3), END };
static const struct step nothing[] = { END };
static const struct step synced[] = { PUT("a", 9000, 4), SYNC, DELETE("b"), PUT("e", 70000, 5), SYNC, PUT("f", 40, 6),
                                      SYNC, APPEND("f", 5000, 7), SYNC, END };
static const struct step unsynced[] = { PUT("g", 0, 1), DATA(0, 9000, 8), NAME(0, "h"), PUT("i", 300, 9),
                                        RENAME("i", "j"), END };
static const struct step trimmed[] = { DELETE("e"), WRITE("a", 0, 5000, 10), TRIM, PUT("k", 500, 11), END };
/* Come and gone since. */
static const struct step passed[] = { PUT("l", 30000, 12), SYNC, PUT("m", 20000, 13), SYNC, DELETE("l"), SYNC, TRIM,
                                      PUT("n", 10, 14), SYNC, END };
static const struct step compacted[] = { PUT("a", 5000, 15), COMPACT, PUT("o", 9000, 16), END };

static const struct step later[] = { PUT("p", 9000, 17), SYNC, DELETE("o"), SYNC, TRIM, PUT("q", 70, 18), END };
static const struct step ended[] = { SYNC, DELETE("p"), TRIM, END };

static const struct leg legs[] = {
	{ "the first time", first, 0, true },
	{ "with nothing new", nothing, 0, false },
	{ "with marks in what is new", synced, 0, false },
	{ "of what was never synced", unsynced, 0, false },
	{ "behind a trim of what was sent", trimmed, 0, false },
	{ "behind a trim of what was not", passed, 0, false },
	{ "behind a compaction", compacted, 0, true },
	{ "continued there", later, 0, false },
	{ "that ends in a trim", ended, 0, false },
	{ "written anew as asked for", nothing, SRD_BACKUP_WHOLE, true },
};
enum { LEGS = sizeof legs / sizeof legs[0] };

struct backup {
	char source[4200], copy[4200];
	struct recorder recorder;
	struct runner run;
	struct srd_store *reader; /* of the source, for what comes behind the crash */
	struct image before;      /* the copy, as it was found */
	bool was_there;
	int commits_before;       /* that it had */
	uint64_t states, lacking;
	int violations;
	char complaint[300];
};

static int complain(struct backup *backup, const char *what, int error)
{
	snprintf(backup->complaint, sizeof backup->complaint, "%s%s%s", what, error ? ": " : "",
	         error ? srd_strerror(error) : "");
	return -1;
}

/* ---- What is there behind a crash ---- */

struct damage {
	const struct srd_log *source;
	uint64_t had;             /* what lies below was sent before */
	unsigned given_up, other;
};

static int count_damage(void *user, const struct srd_event *event)
{
	struct damage *damage = user;

	if (event->type != SRD_EVENT_DAMAGE)
		return 0;
	if (event->offset >= damage->had && strcmp(event->what, "payload") == 0 &&
	    srd_log_is_trimmed(damage->source, event->offset, event->len) == 1)
		damage->given_up++;
	else
		damage->other++;
	return 0;
}

static int check_commit(struct backup *backup, struct srd_store *store)
{
	const struct runner *books = &backup->run;
	uint64_t digest;
	int error = store_digest(store, &digest), commit = books->commits;

	if (error)
		return complain(backup, "cannot be read", error);
	while (commit >= 0 && books->digests[commit] != digest)
		commit--;
	if (commit < 0)
		return complain(backup, "holds what never was", 0);
	return commit < backup->commits_before ? complain(backup, "has gone back", 0) : 0;
}

static int check_store(struct backup *backup)
{
	struct damage damage = { .source = backup->reader->log, .had = backup->was_there ? backup->before.len : 0 };
	struct srd_store *store;
	int error = srd_open(backup->copy, SRD_RDONLY, &store);

	if (error)
		return complain(backup, "does not open", error);
	error = srd_scan(store, SRD_SCAN_PAYLOAD, count_damage, &damage);
	if (error)
		error = complain(backup, "cannot be verified", error);
	else if (damage.other > 0)
		error = complain(backup, "is damaged", 0);
	else if (damage.given_up > 0)
		backup->lacking++;
	else
		error = check_commit(backup, store);
	srd_close(store);
	return error;
}

/* BYTES of it, all that there are, are what the source begins with: that may have gone on since. */
static int check_equal(struct backup *backup, uint64_t bytes)
{
	struct image source = { 0 }, copy = { 0 };

	image_load(&source, backup->source);
	image_load(&copy, backup->copy);
	bool equal = copy.len == bytes && bytes <= source.len && memcmp(copy.bytes, source.bytes, copy.len) == 0;
	image_release(&source);
	image_release(&copy);
	return equal ? 0 : complain(backup, "the next backup is not what the source is", 0);
}

static int check_next(struct backup *backup)
{
	struct srd_backup done;
	int error = srd_backup(backup->reader, backup->copy, 0, NULL, NULL, &done);

	return error ? complain(backup, "the next backup fails", error) : check_equal(backup, done.bytes);
}

static void put_or_remove(const struct image *image, const char *path)
{
	if (image)
		image_store(image, path);
	else
		unlink(path);
}

static int visit(void *user, const struct crash_state *state)
{
	struct backup *backup = user;
	char part[4210];
	int error = 0;

	snprintf(part, sizeof part, "%s.part", backup->copy);
	put_or_remove(state->there ? state->image : NULL, backup->copy);
	put_or_remove(state->next, part);
	if (!state->there && (backup->was_there || state->promised >= 0))
		error = complain(backup, "is not there", 0);
	if (!error && state->there)
		error = check_store(backup);
	if (!error)
		error = check_next(backup);
	backup->states++;
	if (error && backup->violations++ < 3)
		tell("state %llu: %s: %s", (unsigned long long)state->number, state->what, backup->complaint);
	return 0;
}

/* ---- One backup after another ---- */

/* The disk is that of the copy now, which lies there as it is. */
static void begin_recording(struct backup *backup)
{
	backup->was_there = image_exists(backup->copy);
	if (backup->was_there)
		image_load(&backup->before, backup->copy);
	recorder_restart(&backup->recorder, backup->was_there ? &backup->before : NULL);
}

static void explore(struct backup *backup, const struct leg *leg, uint64_t wanted, uint64_t seed)
{
	struct states_pick none = { 0 }, pick = { .seed = seed, .share = UINT64_C(1) << 32 };
	struct states_count count;

	states_each(&backup->recorder, &none, NULL, NULL, &count);
	if (wanted > 0 && wanted < count.made)
		pick.share = (wanted << 32) / count.made;
	backup->states = backup->lacking = 0;
	backup->violations = 0;
	states_each(&backup->recorder, &pick, visit, backup, &count);
	tell_result(backup->violations == 0, "a backup %s: %zu events, %llu states (%llu lack what was given up): %d violations",
	            leg->what, backup->recorder.count, (unsigned long long)backup->states,
	            (unsigned long long)backup->lacking, backup->violations);
}

static int run_steps(struct backup *backup, const struct step *steps)
{
	char text[160];

	for (const struct step *step = steps; step->verb != STEP_END; step++) {
		int error = runner_step(&backup->run, step);
		if (error) {
			tell("%s ends in: %s", step_text(step, text), srd_strerror(error));
			return error;
		}
	}
	return 0;
}

static int run_leg(struct backup *backup, const struct leg *leg, uint64_t wanted, uint64_t seed)
{
	struct srd_backup done;
	int error = run_steps(backup, leg->steps);

	if (error)
		return error;
	begin_recording(backup);
	error = srd_backup(backup->run.handles[0], backup->copy, leg->flags, NULL, NULL, &done);
	if (!error && leg->anew != (done.why != NULL))
		error = -EINVAL;
	if (!error)
		error = srd_open(backup->source, SRD_RDONLY | SRD_NOSYNC, &backup->reader);
	if (error) {
		tell("%s ends in: %s", leg->what, srd_strerror(error));
		return error;
	}
	recorder_promise(&backup->recorder, backup->run.commits);
	explore(backup, leg, wanted, seed);
	backup->commits_before = backup->run.commits;
	srd_close(backup->reader);
	return check_equal(backup, done.bytes);
}

int main(void)
{
	static struct backup backup;
	const char *dir = scratch_directory();
	uint64_t wanted = is_full_run() ? 0 : env_number("CRASH_STATES", STATES_DEFAULT) / LEGS;
	uint64_t seed = env_number("CRASH_SEED", (uint64_t)time(NULL));
	int error = 0;

	setenv("SRD_MAP_BYTES", "0x10000000", 0);
	snprintf(backup.source, sizeof backup.source, "%s/store", dir);
	snprintf(backup.copy, sizeof backup.copy, "%s/" COPY_NAME, dir);
	tell("CRASH_SEED=%llu", (unsigned long long)seed);
	recorder_init(&backup.recorder, NULL);
	backup.recorder.only = COPY_NAME;
	runner_init(&backup.run, backup.source, NULL, &backup.recorder.io);
	for (int i = 0; i < LEGS && !error; i++)
		error = run_leg(&backup, &legs[i], wanted, seed);
	if (error)
		tell_result(false, "the backups: %s", backup.complaint);
	runner_release(&backup.run);
	recorder_release(&backup.recorder);
	image_release(&backup.before);
	return tell_status();
}
