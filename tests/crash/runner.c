/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/image.h"
#include "tell.h"
#include "verbs.h"

void runner_init(struct runner *runner, const char *path, struct recorder *recorder, const struct srd_io *io)
{
	memset(runner, 0, sizeof *runner);
	runner->path = path;
	runner->recorder = recorder;
	runner->io = recorder ? &recorder->io : io;
	for (unsigned i = 0; i < RUNNER_SLOTS; i++)
		srd_extents_init(&runner->slots[i].extents);
	runner_start_at(runner);
}

void runner_start_at(struct runner *runner)
{
	runner->commits = 0;
	runner->digests[0] = model_digest(&runner->model);
	relics_gather(&runner->relics[0], &runner->model, &runner->keep);
	runner->steps = 0;
	runner->steps_done[0] = 0;
}

static void slot_clear(struct slot *slot)
{
	image_release(&slot->content);
	srd_extents_release(&slot->extents);
	srd_extents_init(&slot->extents);
}

void runner_release(struct runner *runner)
{
	srd_batch_free(runner->batch);
	srd_writer_abort(runner->stream);
	/* A view goes before what it is of. */
	for (unsigned i = RUNNER_HANDLES; i-- > 0;) {
		if (runner->handles[i])
			runner->handles[i]->flags |= SRD_NOSYNC;
		srd_store_close(runner->handles[i]);
	}
	for (unsigned i = 0; i < RUNNER_SLOTS; i++)
		slot_clear(&runner->slots[i]);
	for (int i = 0; i <= runner->commits; i++)
		relics_release(&runner->relics[i]);
	image_release(&runner->streamed);
	image_release(&runner->bytes);
	image_release(&runner->shm);
	model_release(&runner->model);
}

static void promise(struct runner *runner)
{
	if (runner->recorder)
		recorder_promise(runner->recorder, runner->commits);
}

/* ---- what a step means on paper ---- */

static void apply_batch(struct runner *runner)
{
	struct step step;

	for (size_t i = 0; i < runner->batched_count; i++) {
		step = runner->batched[i];
		step.verb = step.verb == STEP_BATCH_PUT ? STEP_PUT : STEP_DELETE;
		model_apply(&runner->model, &step);
	}
	runner->batched_count = 0;
}

enum { CROWD_KEY_LEN = 64 };

static size_t crowd_key(const struct step *step, uint64_t i, char key[CROWD_KEY_LEN])
{
	return (size_t)snprintf(key, CROWD_KEY_LEN, "%s/%u", step->key, (unsigned)i);
}

static void apply_crowd(struct runner *runner, const struct step *step)
{
	char key[CROWD_KEY_LEN];
	struct step put = { .verb = STEP_PUT, .key = key, .len = step->len, .fill = step->fill };

	for (uint64_t i = 0; i < step->pos; i++) {
		crowd_key(step, i, key);
		model_apply(&runner->model, &put);
	}
}

static void apply_viewed(struct runner *runner)
{
	for (size_t i = 0; i < runner->viewed_count; i++)
		model_apply(&runner->model, &runner->viewed[i]);
	runner->viewed_count = 0;
}

static void apply(struct runner *runner, const struct step *step)
{
	struct slot *slot = &runner->slots[step->pos % RUNNER_SLOTS];

	switch (step->verb) {
	case STEP_BATCH_COMMIT:
		apply_batch(runner);
		break;
	case STEP_TXN_COMMIT:
		apply_viewed(runner);
		break;
	case STEP_CROWD:
		apply_crowd(runner, step);
		break;
	case STEP_NAME:
		model_put(&runner->model, step->key, &slot->content);
		slot_clear(slot);
		break;
	case STEP_STREAM_COMMIT:
		model_put(&runner->model, step->key, &runner->streamed);
		break;
	default:
		model_apply(&runner->model, step);
	}
	model_commit(&runner->model);
}

/* ---- what it means on the store ---- */

static int open_handle(struct runner *runner, const struct step *step)
{
	int error = srd_store_open(runner->path, SRD_CREATE, runner->io, &runner->handles[step->handle]);

	runner->appended[step->handle] = false;
	if (!error && runner->commits == 0) {
		runner->sequences[0] = runner->handles[step->handle]->log->sequence;
		promise(runner);
	}
	return error;
}

static int close_handle(struct runner *runner, const struct step *step)
{
	struct srd_store *store = runner->handles[step->handle];

	runner->handles[step->handle] = NULL;
	if (runner->is_view[step->handle]) {
		runner->is_view[step->handle] = false;
		return srd_store_close(store);
	}
	if (step->verb == STEP_CLOSE_UNSYNCED)
		store->flags |= SRD_NOSYNC;
	int error = srd_store_close(store);
	if (!error && step->verb == STEP_CLOSE && runner->appended[step->handle])
		promise(runner);
	return error;
}

static int sync_handle(struct runner *runner, const struct step *step)
{
	int error = srd_sync(runner->handles[step->handle]);

	if (!error)
		promise(runner);
	return error;
}

/* For which all that is committed is synced. */
static int save_index(struct runner *runner, const struct step *step)
{
	struct srd_store *store = runner->handles[step->handle];
	int error = srd_image_save_beside(store, NULL, &store->saved);

	if (!error)
		promise(runner);
	return error;
}

/* What is to be done at this moment of a compaction: by another handle, or another thread of this one. */
static void do_meanwhile(void *user, enum event_kind kind)
{
	struct runner *runner = user;
	struct step step = runner->meanwhile;

	if (step.verb == STEP_END || step.meanwhile != (kind == EVENT_WRITE ? MEANWHILE_FOLLOWED : MEANWHILE_LAST))
		return;
	runner->meanwhile = (struct step){ .verb = STEP_END };
	step.meanwhile = MEANWHILE_NOT;
	runner->meanwhile_error = runner_step(runner, &step);
	/* The compaction is part of what was begun when it was there; it counts itself. */
	runner->steps_done[runner->commits] = runner->steps;
	runner->steps--;
}

/* Everybody has the same, and all that was there; and came over by the new log's index: nobody
 * had to wait for a replay. */
static int check_moved(const struct runner *runner)
{
	for (unsigned i = 0; i < RUNNER_HANDLES; i++) {
		uint64_t digest;
		if (!runner->handles[i] || runner->is_view[i])
			continue;
		int error = store_digest(runner->handles[i], &digest);
		if (error || digest != model_digest(&runner->model))
			return error ? error : SRD_ECORRUPT;
		if (runner->recorder && runner->handles[i]->image.offset == 0)
			return -ENODATA;
	}
	return 0;
}

static int compact(struct runner *runner, struct srd_store *store)
{
	struct srd_compacted compacted;

	if (runner->recorder) {
		runner->recorder->on_next_user = runner;
		runner->recorder->on_next = do_meanwhile;
	}
	int error = srd_compact(store, &runner->keep, &compacted);
	if (runner->recorder)
		runner->recorder->on_next = NULL;
	if (!error && runner->meanwhile.verb != STEP_END)
		die("what was to be done meanwhile was not");
	return error ? error : runner->meanwhile_error;
}

/* For which all that is committed is synced. */
static int trim(struct runner *runner, struct srd_store *store)
{
	struct srd_trim_result result;
	int error = srd_trim(store, NULL, 0, NULL, NULL, &result);

	if (!error)
		promise(runner);
	return error;
}

static int begin_transaction(struct runner *runner, const struct step *step)
{
	int error = srd_transaction_begin(runner->handles[step->pos], &runner->handles[step->handle]);

	runner->is_view[step->handle] = !error;
	return error;
}

static int batch_step(struct runner *runner, struct srd_store *store, const struct step *step)
{
	int error = runner->batch ? 0 : srd_batch_new(store, &runner->batch);

	if (error)
		return error;
	if (step->verb == STEP_BATCH_COMMIT) {
		error = srd_batch_commit(runner->batch);
		if (!error) {
			srd_batch_free(runner->batch);
			runner->batch = NULL;
		}
		return error;
	}
	if (step->verb == STEP_BATCH_DELETE)
		return srd_batch_delete(runner->batch, step->key, strlen(step->key));
	return srd_batch_put(runner->batch, step->key, strlen(step->key), runner->bytes.bytes, runner->bytes.len);
}

static int crowd_step(struct srd_store *store, const struct step *step, const struct image *bytes)
{
	char key[CROWD_KEY_LEN];
	srd_batch *batch;
	int error = srd_batch_new(store, &batch);

	if (error)
		return error;
	for (uint64_t i = 0; i < step->pos && !error; i++)
		error = srd_batch_put(batch, key, crowd_key(step, i, key), bytes->bytes, bytes->len);
	if (!error)
		error = srd_batch_commit(batch);
	srd_batch_free(batch);
	return error;
}

static int stream_write(struct runner *runner, struct srd_store *store, const struct step *step)
{
	int error = runner->stream ? 0 : srd_writer_new(store, step->key, strlen(step->key), &runner->stream);

	if (error)
		return error;
	error = srd_writer_write(runner->stream, runner->bytes.bytes, runner->bytes.len);
	if (error) {
		srd_writer_abort(runner->stream);
		runner->stream = NULL;
		image_release(&runner->streamed);
	}
	return error;
}

static int stream_step(struct runner *runner, struct srd_store *store, const struct step *step)
{
	int error = 0;

	if (step->verb == STEP_STREAM_WRITE)
		return stream_write(runner, store, step);
	if (step->verb == STEP_STREAM_COMMIT)
		error = srd_writer_commit(runner->stream);
	else
		srd_writer_abort(runner->stream);
	runner->stream = NULL;
	return error;
}

static int data_step(struct srd_store *store, struct slot *slot, const struct image *bytes)
{
	int error = srd_extents_append(&slot->extents, store, slot->content.len, bytes->bytes, bytes->len);

	if (!error)
		slot->extents.size = slot->content.len + bytes->len;
	return error;
}

static int run(struct runner *runner, const struct step *step)
{
	struct srd_store *store = runner->handles[step->handle];
	struct slot *slot = &runner->slots[step->pos % RUNNER_SLOTS];

	switch (step->verb) {
	case STEP_OPEN: return open_handle(runner, step);
	case STEP_CLOSE:
	case STEP_CLOSE_UNSYNCED: return close_handle(runner, step);
	case STEP_SYNC: return sync_handle(runner, step);
	case STEP_SAVE: return save_index(runner, step);
	case STEP_TRIM: return trim(runner, store);
	case STEP_COMPACT: return compact(runner, store);
	case STEP_TXN: return begin_transaction(runner, step);
	case STEP_TXN_COMMIT: return srd_transaction_commit(store, NULL, 0);
	case STEP_FAIL_SYNC:
		recorder_fail_sync(runner->recorder);
		return 0;
	case STEP_BATCH_PUT:
	case STEP_BATCH_DELETE:
	case STEP_BATCH_COMMIT: return batch_step(runner, store, step);
	case STEP_STREAM_WRITE:
	case STEP_STREAM_ABORT:
	case STEP_STREAM_COMMIT: return stream_step(runner, store, step);
	case STEP_DATA: return data_step(store, slot, &runner->bytes);
	case STEP_CROWD: return crowd_step(store, step, &runner->bytes);
	case STEP_NAME: return verb_name(store, step->key, &slot->extents);
	default: return verb_run(store, step, &runner->bytes);
	}
}

static bool is_for_view_alone(const struct step *step)
{
	return step->view && step_commits(step) && step->verb != STEP_TXN_COMMIT;
}

/* What a step leaves on paper when the store takes it. */
static void note(struct runner *runner, const struct step *step)
{
	struct slot *slot = &runner->slots[step->pos % RUNNER_SLOTS];

	/* On paper alone: it was done within what is done now. */
	if (step->verb == STEP_COMPACT && runner->meanwhile.verb != STEP_END) {
		apply(runner, &runner->meanwhile);
		runner->meanwhile.verb = STEP_END;
	}

	if (is_for_view_alone(step))
		runner->viewed[runner->viewed_count++] = *step;
	else if (step_commits(step))
		apply(runner, step);
	else if (step->verb == STEP_BATCH_PUT || step->verb == STEP_BATCH_DELETE)
		runner->batched[runner->batched_count++] = *step;
	else if (step->verb == STEP_DATA)
		step_fill(step, &slot->content);
	else if (step->verb == STEP_STREAM_WRITE)
		step_fill(step, &runner->streamed);
	else if (step->view && step->verb == STEP_CLOSE)
		runner->viewed_count = 0;
	if (step->verb == STEP_STREAM_COMMIT || step->verb == STEP_STREAM_ABORT)
		image_release(&runner->streamed);
}

/* Who closes last takes it away; after a crash it is there. */
static void keep_shm(struct runner *runner)
{
	char path[4300];

	snprintf(path, sizeof path, "%s.shm", runner->path);
	if (runner->recorder && image_exists(path))
		image_load(&runner->shm, path);
}

/* Who has just committed knows it. */
static uint64_t newest_sequence(const struct runner *runner)
{
	uint64_t newest = 0;

	for (unsigned i = 0; i < RUNNER_HANDLES; i++)
		if (runner->handles[i] && !runner->is_view[i])
			newest = SRD_MAX(newest, runner->handles[i]->log->sequence);
	return newest;
}

int runner_step(struct runner *runner, const struct step *step)
{
	if (step->meanwhile != MEANWHILE_NOT) {
		runner->meanwhile = *step;
		runner->steps++;
		return 0;
	}
	runner->bytes.len = 0;
	step_fill(step, &runner->bytes);
	if (runner->arm)
		runner->arm(true);
	int error = run(runner, step);
	if (runner->arm)
		runner->arm(false);
	runner->steps++;
	keep_shm(runner);
	if (error)
		return error;
	note(runner, step);
	if (step_commits(step) && !is_for_view_alone(step)) {
		if (runner->commits == RUNNER_COMMITS_MAX)
			die("more commits than the books have lines");
		runner->appended[step->handle] = true;
		runner->commits++;
		runner->digests[runner->commits] = model_digest(&runner->model);
		runner->sequences[runner->commits] = newest_sequence(runner);
		relics_gather(&runner->relics[runner->commits], &runner->model, &runner->keep);
		runner->steps_done[runner->commits] = runner->steps;
	}
	/* Durable on return. */
	if (step->verb == STEP_TXN_COMMIT || step->verb == STEP_COMPACT)
		promise(runner);
	return step->verb == STEP_COMPACT ? check_moved(runner) : 0;
}

void runner_on_paper(struct runner *runner, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].meanwhile != MEANWHILE_NOT)
			runner->meanwhile = steps[i];
		else if (steps[i].expect == 0)
			note(runner, &steps[i]);
	/* What was begun and not committed is gone with the process. */
	runner->batched_count = runner->viewed_count = 0;
	runner->meanwhile.verb = STEP_END;
	image_release(&runner->streamed);
	for (unsigned i = 0; i < RUNNER_SLOTS; i++)
		slot_clear(&runner->slots[i]);
}

/* ---- what the store holds ---- */

uint64_t value_hash(const srd_value *value)
{
	struct image image = { 0 };

	for (int i = 0; i < value->iov_count; i++)
		image_write(&image, image.len, value->iov[i].iov_base, value->iov[i].iov_len);
	uint64_t hash = image_hash(&image, 0);
	if (image.len != value->len)
		hash++;   /* a vector that is not as long as the value is no value */
	image_release(&image);
	return hash;
}

/* By key, as a user gets it: what the iterator had must be had so too. */
static int entry_digest(struct srd_store *store, const struct srd_entry *entry, uint64_t *digest)
{
	srd_value value = { 0 };
	uint64_t hash = value_hash(&value);
	int error = 0;

	if (entry->kind == SRD_FILE)
		error = srd_get(store, entry->key, entry->key_len, &value);
	else if (entry->kind == SRD_SYMLINK)
		error = srd_read_link(store, entry->key, entry->key_len, &value);
	if (error)
		return error;
	if (entry->kind != SRD_DIRECTORY) {
		hash = value_hash(&value);
		if (entry->kind == SRD_FILE && value_hash(&entry->value) != hash)
			error = SRD_ECORRUPT;
	}
	*digest += model_digest_entry(entry->key, entry->kind, value.len, hash);
	if (entry->kind != SRD_DIRECTORY)
		srd_value_release(&value);
	return error;
}

static int digest_contents(struct srd_store *store, uint64_t *digest)
{
	struct srd_entry entry;
	uint64_t sum = 1;
	srd_iter *iter;
	int error = srd_iter_new(store, "", 0, SRD_ITER_ALL_KINDS, 0, 1, &iter);

	if (error)
		return error;
	while ((error = srd_iter_next(iter, &entry)) == 1) {
		error = entry.kind == SRD_FILE ? entry.value_error : 0;
		if (!error)
			error = entry_digest(store, &entry, &sum);
		if (error)
			break;
	}
	srd_iter_free(iter);
	if (!error)
		*digest = sum;
	return error;
}

static int digest_snapshot(struct srd_store *store, const char *name, uint64_t *digest)
{
	uint64_t contents;
	srd_store *view;
	int error = srd_view(store, name, &view);

	if (error)
		return error;
	error = digest_contents(view, &contents);
	srd_close(view);
	if (!error)
		*digest += model_digest_snapshot(name, contents);
	return error;
}

int store_digest(struct srd_store *store, uint64_t *digest)
{
	struct srd_snapshot *list = NULL;
	uint64_t sum;
	int error = digest_contents(store, &sum);
	ssize_t count = error ? 0 : srd_snapshots(store, &list);

	if (count < 0)
		return (int)count;
	for (ssize_t i = 0; i < count && !error; i++)
		error = digest_snapshot(store, list[i].name, &sum);
	free(list);
	if (!error)
		*digest = sum;
	return error;
}
