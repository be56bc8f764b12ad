/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/image.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "log/image.h"
#include "state/image.h"

/* ---- A chunk that is damaged: the state once more, as it was when saved ---- */

struct rebuilt {
	struct srd_state state;
	struct srd_table *tables[SRD_IMAGE_TABLES];
};

static int apply_to(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	return srd_state_apply(user, record, metadata);
}

/* The state that the log up to UPTO adds up to.  SRD_EDAMAGED: there it is, but for
 * damaged commits. */
static int fold(const struct srd_store *store, uint64_t upto, struct srd_state *state)
{
	struct srd_log_place start = srd_log_start(store->log);
	int error = srd_state_init(state, &store->log->sb, srd_store_source(store), 0);

	if (error)
		return error;
	error = srd_log_replay(store->log, &start, upto, apply_to, state);
	if (error && error != SRD_EDAMAGED)
		srd_state_release(state);
	return error;
}

static int rebuild(void *user, struct srd_table *const **tables)
{
	struct srd_store *store = user;
	struct rebuilt *rebuilt = calloc(1, sizeof *rebuilt);

	if (!rebuilt)
		return -ENOMEM;
	int error = fold(store, store->image.offset, &rebuilt->state);
	if (error && error != SRD_EDAMAGED) {
		free(rebuilt);
		return error;
	}
	srd_state_tables(&rebuilt->state, rebuilt->tables);
	store->rebuilt = rebuilt;
	*tables = rebuilt->tables;
	return 0;
}

static void forget(void *user)
{
	struct srd_store *store = user;

	srd_state_release(&store->rebuilt->state);
	free(store->rebuilt);
	store->rebuilt = NULL;
}

/* ---- Loading ---- */

static int map_tables(struct srd_store *store, const struct srd_image *image, int fd)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];
	int error = 0;

	srd_state_tables(&store->state, tables);
	for (unsigned i = 0; !error && i < SRD_IMAGE_TABLES; i++)
		error = srd_log_image_map(store->log, fd, &image->tables[i], tables[i]->base);
	return error;
}

static int adopt(struct srd_store *store, struct srd_source source, const struct srd_image *image, int fd)
{
	struct srd_chunks_source chunks = { .rebuild = rebuild, .forget = forget, .user = store };
	uint64_t *checks;
	int error = srd_log_image_checks(store->log, fd, image, &checks);

	if (!error)
		error = srd_state_adopt(&store->state, &store->log->sb, source, image, checks, chunks);
	if (error)
		return error;
	error = map_tables(store, image, fd);
	if (error)
		srd_state_release(&store->state);
	return error;
}

static int load_image(struct srd_store *store, struct srd_source source)
{
	SRD_AUTO_CLOSE int fd = -1;
	struct srd_image image;
	int error = srd_log_image_open(store->log, &image, &fd);

	if (!error)
		error = adopt(store, source, &image, fd);
	if (error)
		return error;
	struct srd_log_place place = srd_log_image_place(&image);
	srd_log_begin_at(store->log, &place);
	store->image = (struct srd_store_image){ .offset = image.offset, .ops = image.ops, .bytes = image.len,
	                                         .saved_ns = image.saved_ns };
	return 0;
}

int srd_image_load(struct srd_store *store)
{
	struct srd_source source = srd_store_source(store);

	if (load_image(store, source) == 0)
		return 0;
	return srd_state_init(&store->state, &store->log->sb, source, 0);
}

/* ---- Tables that are bad ---- */

/* Who has a file open has pinned its inode.  One that is gone cannot be had again. */
static void carry_pins(const struct srd_state *from, struct srd_state *to)
{
	for (uint32_t i = 1; i < from->inodes.count; i++) {
		if (i < from->inodes.saved && !srd_table_is_sound(&from->inodes, i))
			continue;
		const struct srd_inode *inode = srd_inode_at(from, i);
		unsigned pins = atomic_load(&inode->pins);
		uint32_t index = pins ? srd_state_inode_of(to, inode->ino) : 0;
		if (index)
			srd_state_pin(to, index, pins);
	}
}

int srd_image_replace(struct srd_store *store)
{
	struct srd_state fresh, bad;
	int error = fold(store, atomic_load(&store->log->end), &fresh);

	if (error == SRD_EDAMAGED)
		error = srd_log_note_damage(store->log, SRD_FIRST_RECORD, atomic_load(&store->log->end));
	if (error)
		return error;
	srd_brlock_write_lock(&store->state_lock);
	carry_pins(&store->state, &fresh);
	bad = store->state;
	store->state = fresh;
	store->image = (struct srd_store_image){ 0 };
	srd_brlock_write_unlock(&store->state_lock);
	srd_state_release(&bad);
	return 0;
}

/* ---- Saving ---- */

enum { BUFFER_LEN = 1 << 20 };

/* Chunks on their way to the file, and their checks. */
struct saving {
	struct srd_image_file file;
	const struct srd_state *state;
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
			error = srd_image_file_write(&saving->file, saving->buffer, used, at);
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

	for (unsigned i = 0; !error && i < SRD_IMAGE_TABLES; i++)
		error = save_table(saving, i);
	/* What it was copied from must have been sound itself. */
	if (!error)
		error = srd_chunks_error(saving->state->chunks);
	if (error)
		return error;
	size_t len = saving->check_count * sizeof *saving->checks;
	saving->image.checks_check = srd_hash(saving->checks, len, 0);
	return srd_image_file_write(&saving->file, saving->checks, len, saving->image.checks_offset);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Saves STATE, which is that of the log up to PLACE, to where the log is durable. */
static int save(struct srd_store *store, const struct srd_state *state, const struct srd_log_place *place)
{
	struct saving saving = { .state = state };

	int error = srd_image_file_begin(&saving.file, store->log, place->end);
	if (error)
		return error;
	srd_log_image_set_place(&saving.image, place);
	saving.image.saved_ns = now_ns();
	srd_state_describe(state, &saving.image);
	saving.buffer = malloc(BUFFER_LEN);
	saving.checks = malloc(srd_image_chunks_all(&saving.image) * sizeof *saving.checks);
	error = saving.buffer && saving.checks ? save_all(&saving) : -ENOMEM;
	if (error)
		srd_image_file_abandon(&saving.file);
	else
		error = srd_image_file_publish(&saving.file, &saving.image);
	free(saving.buffer);
	free(saving.checks);
	return error;
}

/* An opening replays some three ops in a microsecond: these are worth a file, and
 * with many inodes some more of them, as the file is larger. */
enum { OPS_WORTH_SAVING = 2000, SHARE_WORTH_SAVING = 64 };

static bool is_worth_saving(const struct srd_store *store)
{
	const struct srd_state *state = &store->state;
	uint64_t live = state->files + state->directories + state->others;

	return state->ops - store->image.ops > SRD_MAX((uint64_t)OPS_WORTH_SAVING, live / SHARE_WORTH_SAVING);
}

void srd_image_save_at_close(struct srd_store *store)
{
	const struct srd_log *log = store->log;

	if ((store->flags & SRD_RDONLY) || log->damage_count > 0 || store->state.own_order ||
	    atomic_load(&store->broken) || srd_chunks_error(store->state.chunks) ||
	    atomic_load(&log->durable) < atomic_load(&log->end) || !is_worth_saving(store))
		return;
	struct srd_log_place place = srd_log_here(log);
	save(store, &store->state, &place);
}
