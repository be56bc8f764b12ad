/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/image.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "log/image.h"
#include "log/overlay.h"
#include "state/image.h"
#include "state/lost.h"
#include "store/fold.h"
#include "store/kept.h"
#include "store/warmer.h"

static int apply_to(void *state, const struct srd_record *record, const uint8_t *metadata)
{
	return srd_state_apply(state, record, metadata);
}

/* The state of the store as it is, in the past or not; also of what a private view has in
 * memory. */
static int fold_now(struct srd_store *store, struct srd_state *state)
{
	uint64_t end = store->frozen ? store->place.end
	               : store->private ? store->log->overlay->base.end : atomic_load(&store->log->end);
	struct srd_log_point point = srd_point_before(end);
	/* First: what is lost is made up for while folding.  A frozen store's log may be another's. */
	int damaged = store->frozen ? 0 : srd_log_look_again(store->log, end);

	if (damaged)
		return damaged;
	int error = srd_fold_all(store->log, &point, NULL, state, NULL);

	if ((error && error != SRD_EDAMAGED) || !store->private)
		return error;
	int overlay_error = srd_overlay_walk(store->log, apply_to, state);
	if (overlay_error)
		srd_state_release(state);
	return overlay_error ? overlay_error : error;
}

/* ---- Loading ---- */

static struct srd_store_image describe(const struct srd_image *image)
{
	return (struct srd_store_image){ .offset = image->offset, .ops = image->ops, .bytes = image->len,
	                                 .saved_ns = image->saved_ns };
}

int srd_image_load(struct srd_store *store)
{
	struct srd_image image;

	if (srd_fold_load(store->log, &store->state, &image) != 0)
		return srd_state_init(&store->state, &store->log->sb, srd_store_source(store->log), 0);
	struct srd_log_place place = srd_log_image_place(&image);
	srd_log_begin_at(store->log, &place);
	store->image = store->saved = describe(&image);
	return 0;
}

int srd_image_forgo(struct srd_store *store)
{
	struct srd_log_place start = srd_log_start(store->log);

	srd_warmer_stop(store);
	srd_state_release(&store->state);
	srd_log_begin_at(store->log, &start);
	store->image = store->saved = (struct srd_store_image){ 0 };
	return srd_state_init(&store->state, &store->log->sb, srd_store_source(store->log), 0);
}

/* ---- Tables that are bad ---- */

bool srd_image_carry_pins(const struct srd_state *from, struct srd_state *to)
{
	bool more = false;

	to->heirs = from->heirs;
	for (uint32_t i = 1; i < from->inodes.count; i++) {
		if (i < from->inodes.saved && !srd_table_is_sound(&from->inodes, i))
			continue;
		const struct srd_inode *inode = srd_inode_at(from, i);
		unsigned pins = atomic_load(&inode->pins);
		uint32_t index = pins ? srd_state_inode_of(to, inode->ino) : 0;
		if (index)
			more |= atomic_exchange(&srd_inode_at(to, index)->pins, pins) == 0;
	}
	return more;
}

int srd_image_replace(struct srd_store *store)
{
	struct srd_state fresh, bad;
	int error = fold_now(store, &fresh);
	bool loses = error == SRD_EDAMAGED;

	/* It may have rotted right now. */
	if (loses && !store->frozen && srd_log_damages(store->log) == 0)
		error = srd_log_note_damage(store->log, SRD_FIRST_RECORD, atomic_load(&store->log->end));
	if (error && error != SRD_EDAMAGED)
		return error;
	srd_warmer_stop(store);
	srd_brlock_write_lock(&store->state_lock);
	srd_image_carry_pins(&store->state, &fresh);
	fresh.losses = store->state.losses + loses;
	fresh.still = store->state.still;
	bad = store->state;
	store->state = fresh;
	store->image = (struct srd_store_image){ 0 };
	srd_brlock_write_unlock(&store->state_lock);
	srd_state_release(&bad);
	return 0;
}

/* ---- Saving ---- */

enum { BUFFER_LEN = 1 << 20, SHARE_OF_WAY = 8 };

/* Chunks on their way to the file, and their checks. */
struct saving {
	struct srd_image_file file;
	const struct srd_state *state;
	const atomic_uint *stop;
	struct srd_image image;
	uint8_t *buffer;
	uint64_t *checks;
	size_t check_count;
};

/* Writes table NUMBER as many whole chunks at a time as the buffer holds. */
static int save_table(struct saving *saving, unsigned number)
{
	const struct srd_image_table *table = &saving->image.tables[number];
	uint32_t count;
	size_t used = 0;
	uint64_t at = table->offset;
	int error = 0;

	for (uint32_t first = 0; !error && first < table->count; first += count) {
		count = SRD_MIN(table->chunk_len, table->count - first);
		size_t len = (size_t)count * table->entry_len;
		if (used + len > BUFFER_LEN) {
			bool stop = saving->stop && atomic_load_explicit(saving->stop, memory_order_relaxed);
			error = stop ? -ECANCELED : srd_image_file_write(&saving->file, saving->buffer, used, at);
			at += used;
			used = 0;
		}
		srd_state_copy_entries(saving->state, number, first, count, saving->buffer + used);
		saving->checks[saving->check_count++] = srd_chunk_check(saving->buffer + used, len);
		used += len;
	}
	return error ? error : srd_image_file_write(&saving->file, saving->buffer, used, at);
}

static int save_all(struct saving *saving)
{
	int error = 0;

	saving->buffer = malloc(BUFFER_LEN);
	saving->checks = malloc(srd_image_chunks_all(&saving->image) * sizeof *saving->checks);
	if (!saving->buffer || !saving->checks)
		return -ENOMEM;
	for (unsigned i = 0; !error && i < SRD_IMAGE_TABLES; i++)
		error = save_table(saving, i);
	/* What it was copied from must have been sound itself. */
	if (!error)
		error = srd_state_error(saving->state);
	if (error)
		return error;
	size_t len = saving->check_count * sizeof *saving->checks;
	saving->image.checks_check = srd_hash(saving->checks, len, 0);
	return srd_image_file_write(&saving->file, saving->checks, len, saving->image.checks_offset);
}

/* Names that stand in for lost ones are in no log, and are not for ever. */
static bool has_made_up_names(const struct srd_state *state)
{
	int64_t ino;

	for (uint32_t i = 1; (ino = srd_lost_bearer(state, i)) >= 0; i++)
		if (ino > 0)
			return true;
	return false;
}

/* Saves STATE, which is that of the log up to PLACE, to where the log is durable, and ends what
 * srd_image_file_begin() began. */
static int save(const struct srd_image_file *file, const struct srd_state *state, const struct srd_log_place *place,
                const atomic_uint *stop, struct srd_store_image *saved)
{
	struct saving saving = { .file = *file, .state = state, .stop = stop };

	srd_log_image_set_place(&saving.image, place);
	saving.image.saved_ns = srd_wall_ns();
	srd_state_describe(state, &saving.image);
	int error = has_made_up_names(state) ? SRD_EDAMAGED : save_all(&saving);
	if (error)
		srd_image_file_abandon(&saving.file);
	else
		error = srd_image_file_publish(&saving.file, &saving.image,
		                               srd_kept_make_room(&saving.file, state, &saving.image));
	free(saving.buffer);
	free(saving.checks);
	if (!error)
		*saved = describe(&saving.image);
	return error;
}

int srd_image_save_state(const struct srd_log *log, const struct srd_state *state, const struct srd_log_place *place)
{
	struct srd_image_file file;
	struct srd_store_image saved;
	int error = srd_image_file_begin(&file, log, place->end);

	return error ? error : save(&file, state, place, NULL, &saved);
}

/* As srd_image_save_beside(), of LOG, which is held, up to OFFSET. */
static int save_beside(const struct srd_log *log, uint64_t offset, const atomic_uint *stop,
                       struct srd_store_image *saved)
{
	struct srd_log_point point = srd_point_before(offset);
	struct srd_log_place place;
	struct srd_image_file file;
	struct srd_state state;
	int error = srd_image_file_begin(&file, log, offset);

	if (error)
		return error;
	error = srd_fold(log, &point, stop, &state, &place);
	/* An image must not hide what is damaged. */
	if (error == SRD_EDAMAGED)
		srd_state_release(&state);
	if (error) {
		srd_image_file_abandon(&file);
		return error;
	}
	error = save(&file, &state, &place, stop, saved);
	srd_state_release(&state);
	/* The old one was in our way, and would be the next time. */
	if (error == SRD_ECORRUPT)
		srd_image_file_remove(log);
	return error;
}

/* An image of the last snapshot will do if that is most of the way: it is good for ever.  Commit
 * mutex held. */
static uint64_t place_to_save(const struct srd_store *store)
{
	uint64_t since = store->state.ops - store->wanted.ops;

	if (store->wanted.offset > store->saved.offset && since <= (store->state.ops - store->saved.ops) / SHARE_OF_WAY)
		return store->wanted.offset;
	return atomic_load(&store->log->end);
}

int srd_image_save_beside(struct srd_store *store, const atomic_uint *stop, struct srd_store_image *saved)
{
	srd_mutex_lock(&store->commit_mutex);
	struct srd_hold hold = srd_store_hold(store);
	uint64_t offset = place_to_save(store);
	int error = srd_log_damages(hold.log) > 0 ? SRD_EDAMAGED : 0;
	srd_mutex_unlock(&store->commit_mutex);
	if (!error)
		error = srd_log_sync(hold.log, offset);
	if (!error)
		error = save_beside(hold.log, offset, stop, saved);
	srd_hold_drop(&hold);
	return error;
}

/* An opening replays some three ops in a microsecond: these are worth a file, and
 * with many inodes some more of them, as the file is larger. */
enum { OPS_WORTH_SAVING = 2000, SHARE_WORTH_SAVING = 64 };

static bool is_worth_saving(const struct srd_store *store)
{
	const struct srd_state *state = &store->state;
	uint64_t live = state->files + state->directories + state->others;

	return state->ops - store->saved.ops > SRD_MAX((uint64_t)OPS_WORTH_SAVING, live / SHARE_WORTH_SAVING);
}

/* An image stands for nothing else.  The mark that the last writer left is not, unless
 * another came, and an image that is gone is to be made again by who only reads. */
static bool is_durable(struct srd_store *store)
{
	struct srd_log *log = store->log;
	uint64_t end = atomic_load(&log->end);

	return atomic_load(&log->durable) >= end || (!(store->flags & SRD_NOSYNC) && srd_log_sync(log, end) == 0);
}

void srd_image_save_at_close(struct srd_store *store)
{
	const struct srd_log *log = store->log;
	struct srd_image_file file;

	if ((store->flags & SRD_RDONLY) || srd_log_damages(log) > 0 || atomic_load(&store->broken) ||
	    srd_state_error(&store->state) || srd_log_is_lost(log) || !is_worth_saving(store) || !is_durable(store))
		return;
	if (store->state.own_order || place_to_save(store) != atomic_load(&log->end)) {
		srd_image_save_beside(store, NULL, &store->saved);
		return;
	}
	struct srd_log_place place = srd_log_here(log);
	if (srd_image_file_begin(&file, log, place.end) == 0)
		save(&file, &store->state, &place, NULL, &store->saved);
}
