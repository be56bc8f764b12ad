/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "tell.h"

#define AFTER_KEY "~after"

enum { RELICS_OF_A_STATE = 4 };

static int complain(struct checker *checker, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int complain(struct checker *checker, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(checker->complaint, sizeof checker->complaint, format, args);
	va_end(args);
	return -1;
}

/* The last commit after which the store held what DIGEST says, with the number SEQUENCE if there
 * is one; -1: none. */
static int commit_of(const struct runner *books, uint64_t digest, uint64_t sequence)
{
	int last = -1;

	for (int i = books->commits; i >= 0; i--) {
		if (books->digests[i] == digest && books->sequences[i] == sequence)
			return i;
		if (books->digests[i] == digest && last < 0)
			last = i;
	}
	return last;
}

static int count_damage(void *user, const struct srd_event *event)
{
	*(unsigned *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

/* What verify says, and what opening has counted. */
static int check_sound(struct checker *checker, struct srd_store *store, const char *who)
{
	struct srd_info info;
	unsigned damage = 0;
	int error = srd_info(store, &info);

	if (!error)
		error = srd_scan(store, SRD_SCAN_PAYLOAD, count_damage, &damage);
	if (error)
		return complain(checker, "%s: cannot be verified: %s", who, srd_strerror(error));
	if (damage > 0 || info.damaged_records > 0 || info.misfits > 0)
		return complain(checker, "%s: verify finds %u damaged, opening %llu, %llu misfits", who, damage,
		                (unsigned long long)info.damaged_records, (unsigned long long)info.misfits);
	return 0;
}

static int check_digest(struct checker *checker, struct srd_store *store, uint64_t want, const char *who)
{
	uint64_t digest;
	int error = store_digest(store, &digest);

	if (error)
		return complain(checker, "%s: cannot be read: %s", who, srd_strerror(error));
	if (digest != want)
		return complain(checker, "%s: does not hold what it must (but what was after commit %d)", who,
		                commit_of(checker->books, digest, store->log->sequence));
	return 0;
}

static int open_store(struct checker *checker, int flags, const char *who, struct srd_store **store)
{
	int error = srd_open(checker->path, flags | SRD_NOSYNC, store);

	return error ? complain(checker, "%s: does not open: %s", who, srd_strerror(error)) : 0;
}

/* Which commit the content is of; *COMMIT on success. */
static int check_prefix(struct checker *checker, struct srd_store *store, int promised, int *commit)
{
	uint64_t digest;
	int error = store_digest(store, &digest);

	if (error)
		return complain(checker, "first opening: cannot be read: %s", srd_strerror(error));
	*commit = commit_of(checker->books, digest, store->log->sequence);
	if (*commit < 0)
		return complain(checker, "first opening: holds what never was");
	if (*commit < promised)
		return complain(checker, "first opening: holds commit %d, but %d was promised", *commit, promised);
	return check_sound(checker, store, "first opening");
}

/* As it was behind some commit between the first and COMMIT: all of it, or its names alone. */
static int check_past_commit(struct checker *checker, struct srd_store *store, int commit, unsigned more, uint64_t dice)
{
	struct srd_info info;
	int past = commit > 0 ? 1 + (int)(dice % (uint64_t)commit) : 0, error = srd_info(store, &info);
	srd_store *view;
	char at[24];

	if (error || past == 0)
		return error;
	snprintf(at, sizeof at, "%llu", (unsigned long long)(info.sequence - more - (unsigned)(commit - past)));
	error = srd_view(store, at, &view);
	if (error)
		return complain(checker, "there is no commit %s any more: %s", at, srd_strerror(error));
	if (checker->books->keep.keep_since)
		error = check_digest(checker, view, checker->books->digests[past], at);
	srd_close(view);
	return error;
}

/* What is kept of the past behind COMMIT, by lot; STORE has so many MORE. */
static int check_past(struct checker *checker, struct srd_store *store, int commit, unsigned more, uint64_t number)
{
	const struct relics *relics = &checker->books->relics[commit];
	uint64_t dice = srd_mix(number ^ more);
	int error = 0;

	for (size_t i = 0; i < RELICS_OF_A_STATE && i < relics->count && !error; i++) {
		const struct relic *relic = &relics->items[(dice + i) % relics->count];
		error = relic_look(relic, store, more);
		checker->relics++;
		if (error)
			return complain(checker, "%s as %s %u commits ago: %s", relic->key, relic->deleted ? "deleted" : "made",
			                relic->age, srd_strerror(error));
	}
	bool is_kept = checker->books->keep.keep_since || checker->books->keep.keep_versions;
	return is_kept ? check_past_commit(checker, store, commit, more, dice) : 0;
}

static int check_unchanged(struct checker *checker, const struct image *image)
{
	struct image now = { 0 };

	image_load(&now, checker->path);
	bool same = now.len == image->len && memcmp(now.bytes, image->bytes, now.len) == 0;
	image_release(&now);
	return same ? 0 : complain(checker, "opened for reading alone, the file has changed");
}

static uint64_t digest_with_after(uint64_t digest, const char *value)
{
	return digest + model_digest_entry(AFTER_KEY, SRD_FILE, strlen(value), srd_hash(value, strlen(value), 0));
}

/* A write by WRITER, seen by *READER, unless that must first go: whole records are
 * dropped only by who is alone. */
static int check_write(struct checker *checker, struct srd_store *writer, struct srd_store **reader, uint64_t digest)
{
	static const char value[] = "kept after a crash";
	uint64_t want = digest_with_after(digest, value);
	int error = srd_put(writer, AFTER_KEY, strlen(AFTER_KEY), value, strlen(value));

	if (error == -EBUSY && writer->log->drop_needed) {
		srd_close(*reader);
		*reader = NULL;
		error = srd_put(writer, AFTER_KEY, strlen(AFTER_KEY), value, strlen(value));
	}
	if (error)
		return complain(checker, "takes no write: %s", srd_strerror(error));
	error = check_digest(checker, writer, want, "the writer");
	if (!error && *reader)
		error = check_digest(checker, *reader, want, "a reader that was open before the write");
	return error;
}

static int check_written(struct checker *checker, uint64_t want)
{
	struct srd_store *store = NULL;
	struct srd_info info;
	int error = open_store(checker, SRD_RDONLY, "opening after the write", &store);

	if (!error)
		error = check_digest(checker, store, want, "opening after the write");
	if (!error)
		error = check_sound(checker, store, "opening after the write");
	if (!error && srd_info(store, &info) == 0 && info.dropped_bytes > 0)
		error = complain(checker, "opening after the write: %llu bytes behind the end",
		                 (unsigned long long)info.dropped_bytes);
	srd_close(store);
	return error;
}

/* A compaction finds the same, and leaves it so; what another one left goes. */
static int check_compacted(struct checker *checker, struct srd_store *reader, uint64_t want, int commit,
                           uint64_t number)
{
	struct srd_compacted compacted;
	struct srd_store *store = NULL;
	char path[4200];
	int error = open_store(checker, 0, "opening to compact", &store);

	if (error)
		return error;
	error = srd_compact(store, &checker->books->keep, &compacted);
	if (error)
		error = complain(checker, "cannot be compacted: %s", srd_strerror(error));
	if (!error)
		error = check_digest(checker, store, want, "compacted");
	if (!error)
		error = check_past(checker, store, commit, 1, number);
	if (!error && reader)
		error = check_digest(checker, reader, want, "a reader that was open before the compaction");
	srd_close(store);
	snprintf(path, sizeof path, "%s.new", checker->path);
	if (!error && access(path, F_OK) == 0)
		error = complain(checker, "compacted, and a new log lies beside it still");
	return error ? error : check_written(checker, want);
}

static int check_file(struct checker *checker, const struct crash_state *state, int *commit, bool *dropped)
{
	struct srd_store *reader = NULL, *again = NULL, *writer = NULL;
	int error = open_store(checker, SRD_RDONLY, "first opening", &reader);

	if (!error)
		error = check_prefix(checker, reader, state->promised, commit);
	if (error)
		goto out;
	uint64_t digest = checker->books->digests[*commit];
	*dropped = reader->log->dropped > 0;
	checker->indexed += reader->image.offset > 0;
	if (state->number % 4 == 0) {
		error = open_store(checker, SRD_RDONLY, "second opening", &again);
		if (!error)
			error = check_digest(checker, again, digest, "second opening");
		srd_close(again);
	}
	if (!error)
		error = check_past(checker, reader, *commit, 0, state->number);
	if (!error)
		error = check_unchanged(checker, state->image);
	if (!error)
		error = open_store(checker, 0, "opening to write", &writer);
	if (!error)
		error = check_digest(checker, writer, digest, "opening to write");
	if (!error)
		error = check_write(checker, writer, &reader, digest);
	srd_close(writer);
	if (!error)
		error = check_written(checker, digest_with_after(digest, "kept after a crash"));
	if (!error && (state->next || state->number % 16 == 3))
		error = check_compacted(checker, reader, digest_with_after(digest, "kept after a crash"), *commit, state->number);
out:
	srd_close(reader);
	return error;
}

/* Without its name there is no store; nobody may have been promised one. */
static int check_no_file(struct checker *checker, const struct crash_state *state)
{
	struct srd_store *store;

	if (state->promised >= 0)
		return complain(checker, "the store is not there, though it was promised");
	int error = srd_open(checker->path, SRD_RDONLY, &store);
	if (error != -ENOENT)
		return complain(checker, "opening no file: %s", srd_strerror(error));
	error = srd_open(checker->path, SRD_CREATE | SRD_NOSYNC, &store);
	if (error)
		return complain(checker, "cannot be made after the crash: %s", srd_strerror(error));
	srd_close(store);
	return 0;
}

/* The shm of the run may be there still, or something else in its place, or
 * something that cannot be a shm. */
static void put_shm(struct checker *checker, const struct crash_state *state)
{
	char path[4200];
	struct image noise = { 0 };

	snprintf(path, sizeof path, "%s.shm", checker->path);
	if (unlink(path) != 0)
		rmdir(path);
	if (state->number % 8 == 5 && mkdir(path, 0700) != 0)
		die("%s: cannot be made", path);
	if (state->number % 8 == 5 || checker->books->shm.len == 0)
		return;
	if (state->number % 3 == 1)
		image_store(&checker->books->shm, path);
	if (state->number % 16 == 2) {
		image_copy(&noise, &checker->books->shm);
		for (size_t i = 64; i < noise.len; i++)
			noise.bytes[i] = (uint8_t)srd_mix(state->number ^ i);
		image_store(&noise, path);
		image_release(&noise);
	}
}

/* Some units of it are zeros, or it ends early. */
static void tear(struct image *index, uint64_t dice)
{
	for (size_t at = 0; at < index->len; at += 4096)
		if (srd_mix(dice + at) % 3 == 0)
			memset(index->bytes + at, 0, index->len - at < 4096 ? index->len - at : 4096);
	if (dice % 5 == 0)
		image_resize(index, index->len - dice % 4096);
}

/* One of the first COUNT indexes that were saved, the last one mostly, whole or torn, or none. */
static void put_one_index(const struct recorder *recorder, unsigned count, uint64_t dice, const char *path)
{
	struct image index = { 0 };

	unlink(path);
	if (count == 0 || dice % 6 == 0)
		return;
	image_copy(&index, &recorder->indexes[dice % 3 ? count - 1 : dice / 3 % count].bytes);
	if (dice % 4 == 0)
		tear(&index, dice);
	image_store(&index, path);
	image_release(&index);
}

/* Beside the store may be any index that was saved by then, and any may have been kept. */
static void put_index(const struct checker *checker, const struct crash_state *state)
{
	const struct recorder *recorder = checker->books->recorder;
	unsigned count = 0;
	char path[4200];

	while (recorder && count < recorder->index_count && recorder->indexes[count].since <= state->done)
		count++;
	snprintf(path, sizeof path, "%s.idx", checker->path);
	put_one_index(recorder, count, srd_mix(state->number ^ 0x1d), path);
	snprintf(path, sizeof path, "%s.idx.3", checker->path);
	put_one_index(recorder, count, srd_mix(state->number ^ 0x3d), path);
}

/* What a compaction left that did not come to its end. */
static void put_next(const struct checker *checker, const struct crash_state *state)
{
	char path[4200];

	snprintf(path, sizeof path, "%s.new", checker->path);
	if (state->next)
		image_store(state->next, path);
	else
		unlink(path);
}

static void put_state(struct checker *checker, const struct crash_state *state)
{
	if (state->there)
		image_store(state->image, checker->path);
	else
		unlink(checker->path);
	put_next(checker, state);
	put_shm(checker, state);
	put_index(checker, state);
}

static void keep_evidence(const struct checker *checker, const struct crash_state *state)
{
	const char *dir = getenv("CRASH_KEEP");
	char path[4200];

	if (!dir || !state->there)
		return;
	snprintf(path, sizeof path, "%s/%llu-%d.srd", dir, (unsigned long long)state->number, checker->violations);
	image_store(state->image, path);
}

/* ---- the second crash ---- */

/* Of the workload, what a program would do again whose commit COMMIT + 1 is gone; OTHER:
 * with other content, so that what was lost would be known if it came back. */
static int redo(struct checker *checker, struct runner *run, int commit, bool other)
{
	const struct step close = { .verb = STEP_CLOSE }, sync = { .verb = STEP_SYNC };
	const struct step open = { .verb = STEP_OPEN }, drop = { .verb = STEP_CLOSE, .handle = STEP_VIEW, .view = true };
	const struct step more[] = { { .verb = STEP_PUT, .key = "~more", .len = 3000, .fill = 991 },
	                             { .verb = STEP_PUT, .key = "~last", .len = 30, .fill = 992 } };
	size_t from = checker->books->steps_done[commit];
	size_t to = commit < checker->books->commits ? checker->books->steps_done[commit + 1] : from;
	int error = runner_step(run, &open);

	for (size_t i = from; i < to && !error; i++) {
		struct step step = checker->steps[i];
		bool again = step_commits(&step) || step.verb == STEP_DATA || step.verb == STEP_STREAM_WRITE ||
		             step.verb == STEP_BATCH_PUT || step.verb == STEP_BATCH_DELETE || step.verb == STEP_TXN ||
		             step.verb == STEP_COMPACT || step.verb == STEP_TRIM;
		/* A transaction that was begun earlier is gone, with all that was done in it. */
		if (step.view && step.verb != STEP_TXN && !run->is_view[step.handle])
			continue;
		if (!step.view)
			step.handle = 0;
		step.fill += other ? 1000 : 0;
		if (step.verb == STEP_STREAM_COMMIT && !run->stream)
			continue;
		if (again && step.expect == 0)
			error = runner_step(run, &step);
	}
	for (size_t i = 0; i < 2 && !error; i++)
		error = runner_step(run, &more[i]);
	if (!error && run->is_view[STEP_VIEW])
		error = runner_step(run, &drop);
	if (!error)
		error = runner_step(run, &sync);
	return error ? error : runner_step(run, &close);
}

static int check_second(struct checker *checker, const struct crash_state *first, struct runner *run,
                        struct recorder *recorder)
{
	struct states_pick pick = { .seed = checker->seed ^ first->number, .share = checker->second_share };
	struct states_count count;
	struct checker second = { .path = checker->path, .books = run, .seed = checker->seed };

	states_each(recorder, &pick, check_state, &second, &count);
	checker->second_states += second.states;
	if (second.violations > 0)
		return complain(checker, "after a second crash: %s", second.complaint);
	return 0;
}

static int live_on(struct checker *checker, const struct crash_state *state, int commit)
{
	struct recorder recorder;
	struct image index = { 0 };
	struct runner *run = malloc(sizeof *run);
	char path[4200];

	if (!run)
		die("no memory");
	put_state(checker, state);
	recorder_init(&recorder, state->image);
	if (state->next)
		recorder_begin_with_next(&recorder, state->next);
	snprintf(path, sizeof path, "%s.idx", checker->path);
	if (image_exists(path)) {
		image_load(&index, path);
		recorder_begin_with_index(&recorder, &index);
		image_release(&index);
	}
	recorder_promise(&recorder, 0);
	runner_init(run, checker->path, &recorder, NULL);
	run->keep = checker->books->keep;
	runner_on_paper(run, checker->steps, checker->books->steps_done[commit]);
	runner_start_at(run);
	int error = redo(checker, run, commit, srd_mix(state->number) % 2);
	if (error)
		error = complain(checker, "lost steps cannot be done again: %s", srd_strerror(error));
	else if (!recorder_only_appended(&recorder))
		error = complain(checker, "writes over what is there");
	else
		error = check_second(checker, state, run, &recorder);
	checker->second_crashes++;
	runner_release(run);
	free(run);
	recorder_release(&recorder);
	return error;
}

/* Those with something to drop are the interesting ones. */
static bool meets_second(const struct checker *checker, const struct crash_state *state, bool dropped)
{
	uint64_t dice = srd_mix(checker->seed ^ (state->number << 1));

	return checker->steps && state->there && checker->second_of &&
	       dice % (dropped ? checker->second_of : checker->second_of * 16) == 0;
}

int check_state(void *user, const struct crash_state *state)
{
	struct checker *checker = user;
	bool dropped = false;
	int commit = 0;

	put_state(checker, state);
	int error = state->there ? check_file(checker, state, &commit, &dropped) : check_no_file(checker, state);
	checker->states++;
	checker->dropped += dropped;
	if (!error && meets_second(checker, state, dropped))
		error = live_on(checker, state, commit);
	if (error) {
		keep_evidence(checker, state);
		if (checker->violations++ < 3 && !checker->quiet)
			tell("state %llu, promised %d: %s: %s", (unsigned long long)state->number, state->promised,
			     state->what, checker->complaint);
	}
	return 0;
}
