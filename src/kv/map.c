/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - what the bytes of a log are: ops, content that files have, content that they had,
 * what was given up, and what is damaged.
 *
 * One walk over the headers for what there is, one over the state for what of that is
 * in use; content is not read.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"
#include "format/ops.h"
#include "store/compact.h"
#include "store/moved.h"

struct mapping {
	const struct srd_log *log;
	const struct srd_state *state;
	struct srd_map *map;
	struct srd_moved live;
	struct srd_map_writes { uint64_t ino, count, bytes; } *writes;
	size_t write_count, write_cap;
};

/* ---- Ranges into cells ---- */

typedef uint64_t *field_of(struct srd_map_cell *cell);

static uint64_t *live_field(struct srd_map_cell *cell) { return &cell->live; }
static uint64_t *records_field(struct srd_map_cell *cell) { return &cell->records; }
static uint64_t *dead_field(struct srd_map_cell *cell) { return &cell->dead; }
static uint64_t *trimmed_field(struct srd_map_cell *cell) { return &cell->trimmed; }
static uint64_t *damaged_field(struct srd_map_cell *cell) { return &cell->damaged; }

static void spread(struct srd_map *map, uint64_t from, uint64_t to, field_of *field)
{
	uint64_t span = map->cell_bytes;

	to = SRD_MIN(to, map->end);
	*field(&map->total) += to > from ? to - from : 0;
	while (from < to) {
		uint64_t cell = from / span, end = SRD_MIN(to, (cell + 1) * span);
		*field(&map->cells[cell]) += end - from;
		from = end;
	}
}

/* ---- What there is ---- */

static void note_time(struct srd_map *map, const struct srd_record *record)
{
	/* Times are what anybody wrote: far apart, and in no order. */
	double span = (double)map->last_ns - (double)map->first_ns;
	double since = (double)record->time_ns - (double)map->first_ns;
	double slot = span > 0 ? since / span * SRD_MAP_TIMES : 0;

	map->growth[(int)SRD_MAX(SRD_MIN(slot, SRD_MAP_TIMES - 1.0), 0.0)] += record->len;
}

/* All of it is payload for now; what is live is taken off later. */
static void note_record(struct mapping *mapping, const struct srd_record *record)
{
	uint64_t ops = record->offset + SRD_HEADER_LEN + record->meta_len, end = record->offset + record->len;

	spread(mapping->map, record->offset, record->type == SRD_RECORD_SPARE ? end : ops, records_field);
	if (record->type != SRD_RECORD_SPARE)
		spread(mapping->map, ops, end, dead_field);
	note_time(mapping->map, record);
}

static bool whole_at(const struct srd_log *log, uint64_t at, struct srd_record *record)
{
	return srd_log_record_at(log, at, record) && srd_log_at(log, at, record->len);
}

static void walk_records(struct mapping *mapping)
{
	struct srd_map *map = mapping->map;
	struct srd_record record;
	uint64_t at = SRD_FIRST_RECORD;

	if (whole_at(mapping->log, at, &record))
		map->first_ns = record.time_ns;
	spread(map, 0, SRD_FIRST_RECORD, records_field);
	while (at < map->end) {
		uint64_t from = at;
		while (at < map->end && !whole_at(mapping->log, at, &record))
			at += SRD_RECORD_ALIGN;
		spread(map, from, at, damaged_field);
		if (at >= map->end)
			return;
		note_record(mapping, &record);
		at += record.len;
	}
}

/* ---- What of it is in use ---- */

static int want_run(struct mapping *mapping, uint64_t at)
{
	struct srd_run run;

	return srd_log_run(mapping->log, at, &run) && run.len > 0
	           ? srd_moved_want(&mapping->live, run.offset + run.distance, run.len) : 0;
}

/* What lies nowhere is on no map. */
static int want_ref(struct mapping *mapping, const struct srd_ref *ref)
{
	uint32_t len;
	uint64_t at = srd_moved_place(mapping->log, ref, 0, &len);

	return at < SRD_MOVED_NOWHERE ? srd_moved_want(&mapping->live, at, len) : 0;
}

static int want_inode(struct mapping *mapping, const struct srd_inode *inode)
{
	const struct srd_xattr *xattr = NULL;
	struct srd_ref ref;
	int error = 0;

	while (!error && (xattr = srd_state_next_xattr(mapping->state, inode, xattr)) != NULL)
		error = want_run(mapping, xattr->run);
	if (srd_inode_is_dir(inode))
		return error;
	for (uint64_t pos = 0; !error && srd_state_extent(mapping->state, inode, pos, &ref); pos = ref.pos + ref.len)
		if (srd_ref_has_run(&ref))
			error = want_ref(mapping, &ref);
	return error;
}

/* What was taken for dead in [FROM, TO) is something else.  (Content inside of ops, which is
 * small, stays counted with them.) */
static void take_from_dead(struct srd_map *map, uint64_t from, uint64_t to, field_of *field)
{
	to = SRD_MIN(to, map->end);
	for (uint64_t end; from < to; from = end) {
		struct srd_map_cell *cell = &map->cells[from / map->cell_bytes];
		end = SRD_MIN(to, (from / map->cell_bytes + 1) * map->cell_bytes);
		uint64_t len = SRD_MIN(end - from, cell->dead);
		cell->dead -= len;
		*field(cell) += len;
		map->total.dead -= len;
		*field(&map->total) += len;
	}
}

static void take_live(struct mapping *mapping)
{
	for (size_t i = 0; i < mapping->live.count; i++) {
		const struct srd_moved_piece *piece = &mapping->live.pieces[i];
		take_from_dead(mapping->map, piece->at, piece->at + piece->len, live_field);
	}
}

static int take_trimmed(void *user, const struct srd_range *range)
{
	take_from_dead(user, range->offset, range->offset + range->len, trimmed_field);
	return 0;
}

/* ---- Keys ---- */

static int by_ino(const void *a, const void *b)
{
	const struct srd_map_writes *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* One entry of each inode, with the sums. */
static void sum_writes(struct mapping *mapping)
{
	size_t kept = 0;

	if (mapping->write_count == 0)
		return;
	qsort(mapping->writes, mapping->write_count, sizeof *mapping->writes, by_ino);
	for (size_t i = 1; i < mapping->write_count; i++) {
		if (mapping->writes[i].ino != mapping->writes[kept].ino) {
			mapping->writes[++kept] = mapping->writes[i];
			continue;
		}
		mapping->writes[kept].count += mapping->writes[i].count;
		mapping->writes[kept].bytes += mapping->writes[i].bytes;
	}
	mapping->write_count = kept + 1;
}

static uint64_t written_bytes(const struct srd_op *op)
{
	uint64_t bytes = op->has_run ? op->run.len : 0;

	for (uint64_t i = 0; i < op->ref_count; i++)
		bytes += srd_op_ref(op->refs, i).len;
	return bytes;
}

static int note_writes(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct mapping *mapping = user;
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;

	while (srd_ops_next(&ops, &op)) {
		if (op.kind != SRD_OP_WRITE && op.kind != SRD_OP_REFS && !(op.kind == SRD_OP_MAKE && op.has_run))
			continue;
		if (mapping->write_count == mapping->write_cap)
			sum_writes(mapping);
		int error = srd_array_reserve(&mapping->writes, &mapping->write_cap, mapping->write_count * 2 + 1024,
		                              sizeof *mapping->writes);
		if (error)
			return error;
		mapping->writes[mapping->write_count++] = (struct srd_map_writes){ op.ino, 1, written_bytes(&op) };
	}
	return 0;
}

/* Puts KEY where it belongs among the COUNT largest, by what BY says of it. */
static void rank(struct srd_map_key keys[SRD_MAP_KEYS], const struct srd_map_key *key,
                 uint64_t (*by)(const struct srd_map_key *key))
{
	size_t at = SRD_MAP_KEYS;

	while (at > 0 && (keys[at - 1].ino == 0 || by(&keys[at - 1]) < by(key)))
		at--;
	if (at == SRD_MAP_KEYS)
		return;
	memmove(&keys[at + 1], &keys[at], (SRD_MAP_KEYS - at - 1) * sizeof *keys);
	keys[at] = *key;
}

static uint64_t size_of(const struct srd_map_key *key) { return key->size; }
static uint64_t writes_of(const struct srd_map_key *key) { return key->writes; }

static void rank_inode(struct mapping *mapping, const struct srd_inode *inode)
{
	struct srd_map_key key = { .ino = inode->ino, .size = srd_state_stored_bytes(mapping->state, inode) };
	struct srd_map_writes wanted = { .ino = inode->ino };
	const struct srd_map_writes *writes = mapping->write_count == 0
	        ? NULL : bsearch(&wanted, mapping->writes, mapping->write_count, sizeof wanted, by_ino);

	if (writes) {
		key.writes = writes->count;
		key.written_bytes = writes->bytes;
	}
	rank(mapping->map->largest, &key, size_of);
	if (key.writes > 1)
		rank(mapping->map->rewritten, &key, writes_of);
}

static void name_keys(const struct srd_state *state, struct srd_map_key keys[SRD_MAP_KEYS])
{
	char buffer[SRD_KEY_MAX + 1];
	const char *key;

	for (size_t i = 0; i < SRD_MAP_KEYS && keys[i].ino != 0; i++) {
		uint32_t inode = srd_state_inode_of(state, keys[i].ino);
		uint32_t dentry = inode ? srd_inode_at(state, inode)->dentry : 0;
		int len = dentry ? srd_state_path(state, dentry, buffer, &key) : -ENOENT;
		keys[i].key = len >= 0 ? strdup(key) : NULL;
	}
}

/* ---- All of it ---- */

static int map_state(struct mapping *mapping)
{
	const struct srd_state *state = mapping->state;
	int error = 0;

	for (uint32_t i = 1; !error && i < state->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (inode->mode == 0)
			continue;
		error = want_inode(mapping, inode);
		if (S_ISREG(inode->mode))
			rank_inode(mapping, inode);
	}
	if (!error)
		error = srd_moved_settle(&mapping->live);
	name_keys(state, mapping->map->largest);
	name_keys(state, mapping->map->rewritten);
	return error;
}

static int map_log(struct mapping *mapping)
{
	struct srd_log_point point = { mapping->map->end, UINT64_MAX, INT64_MAX };
	struct srd_log_place start = srd_log_start(mapping->log);
	struct srd_log_visitor visitor = { .visit = note_writes, .user = mapping };

	walk_records(mapping);
	int error = srd_log_replay(mapping->log, &start, &point, &visitor, NULL);
	sum_writes(mapping);
	return error == SRD_EDAMAGED ? 0 : error;
}

static int fill(const struct srd_era *era, struct mapping *mapping)
{
	struct srd_store *store;
	unsigned stripe;
	int error = map_log(mapping);

	if (!error)
		error = srd_era_read(era, &store, &stripe);
	if (error)
		return error;
	mapping->state = &store->state;
	error = map_state(mapping);
	int bad = srd_store_done(store, stripe);
	if (error || bad)
		return error ? error : bad;
	take_live(mapping);
	return srd_log_trimmed(mapping->log, take_trimmed, mapping->map);
}

static int start(struct srd_store *store, const struct srd_log *log, size_t cells, struct srd_map *map)
{
	*map = (struct srd_map){ .cell_count = cells, .cells = calloc(cells, sizeof *map->cells) };
	srd_mutex_lock(&store->commit_mutex);
	map->end = atomic_load(&log->end);
	map->last_ns = log->last_time_ns;
	map->sequence = log->sequence;
	srd_mutex_unlock(&store->commit_mutex);
	map->cell_bytes = SRD_MAX(SRD_DIV_UP(map->end, cells), UINT64_C(1));
	return map->cells ? 0 : -ENOMEM;
}

int srd_map(struct srd_store *store, size_t cells, struct srd_map *map)
{
	struct srd_compact_options dry = { .flags = SRD_COMPACT_DRY_RUN };
	struct srd_compacted compacted = { 0 };
	struct srd_map drawn = { 0 };
	struct srd_hold hold;
	int error = cells == 0 ? -EINVAL : srd_store_follow(store);

	if (error)
		return error;
	/* The state is to be that of the log, also if another takes its place meanwhile. */
	struct srd_era *era = srd_era_begin(store, &hold);
	struct mapping mapping = { .log = hold.log, .map = &drawn };
	error = start(store, hold.log, cells, &drawn);
	if (!error)
		error = fill(era, &mapping);
	srd_moved_release(&mapping.live);
	free(mapping.writes);
	srd_hold_drop(&hold);
	srd_era_leave(era);
	/* Where it cannot be compacted, nothing would be saved. */
	if (!error && srd_store_compact(store, &dry, &compacted) == 0)
		drawn.compacted_bytes = compacted.new_bytes;
	if (error)
		srd_map_release(&drawn);
	else
		*map = drawn;
	return error;
}

void srd_map_release(struct srd_map *map)
{
	for (size_t i = 0; i < SRD_MAP_KEYS; i++) {
		free(map->largest[i].key);
		free(map->rewritten[i].key);
	}
	free(map->cells);
	*map = (struct srd_map){ 0 };
}
