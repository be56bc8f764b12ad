/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "states.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tell.h"

enum { SUBSETS_ALL_UP_TO = 5, SUBSETS_THROWN = 24, DICE_THROWS = 12, TEARS_ALL_UP_TO = 12, TEARS_THROWN = 6 };

struct maker {
	struct disk disk;
	struct states_pick pick;
	struct states_count *count;
	crash_visit *visit;
	void *user;
	struct fate fates[DISK_PENDING_MAX];
	const struct disk_file *file;     /* which the store's name leads to */
	struct image image;
	const struct disk_file *next_file;     /* at NAME.new; NULL: none */
	struct image next;
	bool beside;              /* it is about that */
	uint64_t *seen;           /* hashes of states visited: open addressing, 0 empty */
	size_t seen_count, seen_cap;
	int result;               /* of the visitor that ended it */
	char what[160];
};

/* True if HASH is new. */
static bool see(struct maker *maker, uint64_t hash)
{
	if (maker->seen_count * 2 >= maker->seen_cap) {
		size_t old_cap = maker->seen_cap;
		uint64_t *old = maker->seen;
		maker->seen_cap = old_cap ? old_cap * 2 : 1024;
		maker->seen = calloc(maker->seen_cap, sizeof *maker->seen);
		if (!maker->seen)
			die("no memory");
		maker->seen_count = 0;
		for (size_t i = 0; i < old_cap; i++)
			if (old[i])
				see(maker, old[i]);
		free(old);
	}
	hash += hash == 0;
	for (size_t i = hash % maker->seen_cap;; i = (i + 1) % maker->seen_cap) {
		if (maker->seen[i] == hash)
			return false;
		if (maker->seen[i] == 0) {
			maker->seen[i] = hash;
			maker->seen_count++;
			return true;
		}
	}
}

/* Counts the state to come; true if it is to be made.  PLAIN ones always are. */
static bool wanted(struct maker *maker, bool plain)
{
	uint64_t number = ++maker->count->made;

	if (maker->result != 0 || !maker->visit)
		return false;
	if (maker->pick.only)
		return number == maker->pick.only;
	return plain || (srd_mix(maker->pick.seed ^ srd_mix(number)) & UINT32_MAX) < maker->pick.share;
}

/* Hands maker->image to the visitor, unless it had one like it; what lies at NAME.new
 * makes a difference only if that is what it is about. */
static void hand_out(struct maker *maker, bool there, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void hand_out(struct maker *maker, bool there, const char *format, ...)
{
	struct crash_state state = { .image = &maker->image, .there = there, .promised = maker->disk.promised,
	                             .next = maker->next_file ? &maker->next : NULL, .done = maker->disk.done,
	                             .number = maker->count->made, .what = maker->what };
	uint64_t hash = there ? image_hash(&maker->image, (uint64_t)(state.promised + 2)) : (uint64_t)state.promised + 2;
	va_list args;

	if (maker->beside && maker->next_file)
		hash ^= srd_mix(image_hash(&maker->next, 1));
	if (!see(maker, hash))
		return;
	int at = snprintf(maker->what, sizeof maker->what, "after %zu of %zu events, %zu pending: ",
	                  maker->disk.done, maker->disk.recorder->count, maker->file ? maker->file->pending_count : 0);
	va_start(args, format);
	vsnprintf(maker->what + at, sizeof maker->what - (size_t)at, format, args);
	va_end(args);
	maker->count->visited++;
	maker->result = maker->visit(maker->user, &state);
}

static void all_fates(struct maker *maker, enum fate_kind kind)
{
	for (size_t i = 0; i < maker->file->pending_count; i++)
		maker->fates[i] = (struct fate){ .whole = kind };
}

static void render(struct maker *maker)
{
	disk_render(&maker->disk, maker->file, maker->fates, 0, 0, &maker->image);
}

static const char *const fate_names[] = { "kept", "zero", "old", "gone" };

static void make_whole(struct maker *maker)
{
	for (enum fate_kind kind = FATE_KEEP; kind <= FATE_GONE; kind++) {
		if (!wanted(maker, kind == FATE_KEEP || kind == FATE_GONE))
			continue;
		all_fates(maker, kind);
		render(maker);
		hand_out(maker, true, "all %s", fate_names[kind]);
	}
}

static void make_one(struct maker *maker)
{
	size_t count = maker->file->pending_count;

	for (size_t i = 0; i < count; i++) {
		for (enum fate_kind kind = FATE_ZERO; kind <= FATE_GONE; kind++) {
			if (wanted(maker, false)) {
				all_fates(maker, FATE_KEEP);
				maker->fates[i].whole = kind;
				render(maker);
				hand_out(maker, true, "%zu %s, others kept", i, fate_names[kind]);
			}
			if (wanted(maker, false)) {
				all_fates(maker, kind);
				maker->fates[i].whole = FATE_KEEP;
				render(maker);
				hand_out(maker, true, "%zu kept, others %s", i, fate_names[kind]);
			}
			if (wanted(maker, false)) {
				all_fates(maker, FATE_KEEP);
				for (size_t j = i; j < count; j++)
					maker->fates[j].whole = kind;
				render(maker);
				hand_out(maker, true, "from %zu on %s", i, fate_names[kind]);
			}
		}
	}
}

static void make_torn_one(struct maker *maker, size_t i, uint32_t unit, uint32_t first, uint32_t count)
{
	for (enum fate_kind kind = FATE_ZERO; kind <= FATE_GONE; kind++) {
		if (!wanted(maker, false))
			continue;
		all_fates(maker, FATE_KEEP);
		maker->fates[i] = (struct fate){ .torn = kind, .unit = unit, .first = first, .count = count };
		render(maker);
		hand_out(maker, true, "%zu torn: %u units of %u from unit %u %s", i, count, unit, first, fate_names[kind]);
	}
}

/* The tears of one write at unit N of COUNT. */
static void make_torn_at(struct maker *maker, size_t i, uint32_t unit, uint32_t n, uint32_t count)
{
	if (n > 0) {
		make_torn_one(maker, i, unit, 0, n);
		make_torn_one(maker, i, unit, n, count - n);
	}
	make_torn_one(maker, i, unit, n, 1);
}

static void make_torn(struct maker *maker)
{
	for (size_t i = 0; i < maker->file->pending_count; i++) {
		for (uint32_t unit = 512; unit <= 4096; unit *= 8) {
			uint32_t count = disk_units(&maker->disk, maker->file, i, unit);
			uint64_t dice = srd_mix(maker->disk.done * 1000 + i);
			for (uint32_t n = 0; count > 1 && count <= TEARS_ALL_UP_TO && n < count; n++)
				make_torn_at(maker, i, unit, n, count);
			for (uint32_t n = 0; count > TEARS_ALL_UP_TO && n < TEARS_THROWN; n++) {
				dice = srd_mix(dice + 1);
				make_torn_at(maker, i, unit, n < 3 ? n : n == 3 ? count - 1 : (uint32_t)(dice % count), count);
			}
		}
	}
}

static void make_subset(struct maker *maker, uint64_t mask, enum fate_kind kind)
{
	if (!wanted(maker, false))
		return;
	for (size_t i = 0; i < maker->file->pending_count; i++)
		maker->fates[i] = (struct fate){ .whole = mask >> i % 64 & 1 ? FATE_KEEP : kind };
	render(maker);
	hand_out(maker, true, "of mask %llx kept, others %s", (unsigned long long)mask, fate_names[kind]);
}

static void make_subsets(struct maker *maker)
{
	size_t count = maker->file->pending_count;
	uint64_t dice = srd_mix(maker->disk.done);

	for (enum fate_kind kind = FATE_ZERO; kind <= FATE_OLD; kind++) {
		for (uint64_t mask = 1; count > 2 && count <= SUBSETS_ALL_UP_TO && mask < (UINT64_C(1) << count); mask++)
			make_subset(maker, mask, kind);
		for (unsigned i = 0; count > SUBSETS_ALL_UP_TO && i < SUBSETS_THROWN; i++)
			make_subset(maker, dice = srd_mix(dice + 1), kind);
	}
}

static void make_dice(struct maker *maker)
{
	for (unsigned i = 0; maker->file->pending_count > 0 && i < 2 * DICE_THROWS; i++) {
		uint32_t unit = i % 2 ? 4096 : 512;
		if (!wanted(maker, false))
			continue;
		disk_render(&maker->disk, maker->file, NULL, unit, srd_mix(maker->disk.done * 100 + i), &maker->image);
		hand_out(maker, true, "dice %u for units of %u", i, unit);
	}
}

static void make_size(struct maker *maker, size_t len, const char *filled)
{
	if (!wanted(maker, false))
		return;
	all_fates(maker, FATE_KEEP);
	render(maker);
	size_t from = maker->image.len;
	image_resize(&maker->image, len);
	uint64_t dice = from;
	for (size_t i = from; i < len && *filled == 'n'; i++)
		maker->image.bytes[i] = (uint8_t)(dice = srd_mix(dice + 1));
	if (*filled == 'o' && from < maker->file->ghost.len)
		image_write(&maker->image, from, maker->file->ghost.bytes + from,
		            (len < maker->file->ghost.len ? len : maker->file->ghost.len) - from);
	hand_out(maker, true, "size %zu instead of %zu, %s", len, from, filled);
}

static void make_sizes(struct maker *maker)
{
	static const int cuts[] = { 1, 3, 63, 64, 65, 128, 192, 500, 512, 1000, 4095, 4096, 4097, 6000, 8192, 20000 };
	size_t len = maker->file->durable.len;

	for (size_t i = 0; i < maker->file->pending_count; i++) {
		const struct event *event = disk_event(&maker->disk, maker->file, i);
		if (event->kind == EVENT_TRUNCATE)
			len = event->offset;
		else if (event->offset + event->len > len)
			len = event->offset + event->len;
	}
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
		if (len >= maker->file->durable.len + (size_t)cuts[i])
			make_size(maker, len - (size_t)cuts[i], "shorter");
	/* No file grows by itself: what a second crash finds has had its first. */
	if (maker->disk.recorder->before.store >= 0)
		return;
	make_size(maker, len + 64, "zeros");
	make_size(maker, (len + 4095) / 4096 * 4096, "zeros");
	make_size(maker, len + 70000, "zeros");
	make_size(maker, len + 5, "noise");
	make_size(maker, len + 4096, "noise");
	make_size(maker, len + 64, "old");
	make_size(maker, len + 70000, "old");
}

/* NAME.new as KIND leaves it, or dice for each UNIT. */
static void render_next(struct maker *maker, enum fate_kind kind, uint32_t unit)
{
	for (size_t i = 0; i < maker->next_file->pending_count; i++)
		maker->fates[i] = (struct fate){ .whole = kind };
	disk_render(&maker->disk, maker->next_file, maker->fates, unit, srd_mix(maker->disk.done), &maker->next);
}

/* The store beside it as it is. */
static void make_leftovers(struct maker *maker)
{
	static const struct { enum fate_kind kind; uint32_t unit; const char *what; } leftovers[] = {
		{ FATE_KEEP, 0, "whole" }, { FATE_GONE, 0, "gone" }, { FATE_ZERO, 0, "zeros" },
		{ FATE_KEEP, 512, "in units of 512" }, { FATE_KEEP, 4096, "in units of 4096" },
	};

	maker->beside = true;
	for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++) {
		if (!wanted(maker, i == 0))
			continue;
		render_next(maker, leftovers[i].kind, leftovers[i].unit);
		all_fates(maker, FATE_KEEP);
		render(maker);
		hand_out(maker, true, "beside it a new log, %s", leftovers[i].what);
	}
	maker->beside = false;
	render_next(maker, FATE_KEEP, 0);
}

/* The names lead to NAMES. */
static void make_outcome(struct maker *maker, const struct names *names)
{
	const struct disk *disk = &maker->disk;

	maker->file = names->store < 0 ? NULL : &disk->files[names->store];
	maker->next_file = names->next < 0 ? NULL : &disk->files[names->next];
	if (!maker->file) {
		maker->next_file = NULL;
		if (wanted(maker, true)) {
			image_resize(&maker->image, 0);
			hand_out(maker, false, "no file");
		}
		return;
	}
	if (maker->next_file)
		make_leftovers(maker);
	if (disk->touched >= 0 && disk->touched != names->store)
		return;
	make_whole(maker);
	make_one(maker);
	make_torn(maker);
	make_subsets(maker);
	make_dice(maker);
	make_sizes(maker);
}

/* All the states of a crash at the place where maker->disk stands. */
static void make_here(struct maker *maker)
{
	for (size_t i = 0; i < maker->disk.names_count; i++)
		make_outcome(maker, &maker->disk.names[i]);
}

int states_each(const struct recorder *recorder, const struct states_pick *pick, crash_visit *visit,
                void *user, struct states_count *count)
{
	struct maker *maker = calloc(1, sizeof *maker);

	if (!maker)
		die("no memory");
	*count = (struct states_count){ 0 };
	maker->pick = *pick;
	maker->count = count;
	maker->visit = visit;
	maker->user = user;
	disk_init(&maker->disk, recorder);
	while (maker->result == 0 && disk_step(&maker->disk))
		make_here(maker);
	int result = maker->result;
	disk_release(&maker->disk);
	image_release(&maker->image);
	image_release(&maker->next);
	free(maker->seen);
	free(maker);
	return result;
}
