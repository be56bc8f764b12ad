/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "chance.h"

#include <string.h>

#include "base/hash.h"

static const char *const keys[] = { "a", "b", "c", "d/a", "d/b", "d/e/a", "f/a", "a longer name than the others have" };
static const char *const snapshots[] = { "one", "two" };
enum { KEYS = sizeof keys / sizeof keys[0], SNAPSHOTS = sizeof snapshots / sizeof snapshots[0], HANDLES = 2, SLOTS = 2 };

struct draw {
	uint64_t dice;
	bool there[KEYS];
	bool snapped[SNAPSHOTS];
	bool open[HANDLES];
	uint32_t held[SLOTS];     /* pieces of DATA in the slot */
	uint32_t fill;
	struct step *next;
};

static uint32_t throw(struct draw *draw, uint32_t sides)
{
	draw->dice = srd_mix(draw->dice + 1);
	return (uint32_t)(draw->dice >> 20) % sides;
}

/* Around where something changes: inline, blocks, pages. */
static uint32_t some_len(struct draw *draw)
{
	static const uint32_t lens[] = { 0, 1, 20, 62, 63, 64, 65, 400, 512, 1000, 4095, 4096, 4097, 9000, 30000, 66000 };

	return lens[throw(draw, sizeof lens / sizeof lens[0] - (throw(draw, 4) ? 2 : 0))];
}

static struct step *add(struct draw *draw, enum verb verb, const char *key)
{
	struct step *step = draw->next++;

	*step = (struct step){ .verb = verb, .key = key, .fill = throw(draw, 12) ? ++draw->fill : 0 };
	step->handle = draw->open[1] && (!draw->open[0] || throw(draw, 3) == 0);
	return step;
}

static uint32_t some_key(struct draw *draw)
{
	return throw(draw, KEYS);
}

/* A key that is there, KEYS if there is none. */
static uint32_t some_file(struct draw *draw)
{
	uint32_t first = some_key(draw);

	for (uint32_t i = 0; i < KEYS; i++)
		if (draw->there[(first + i) % KEYS])
			return (first + i) % KEYS;
	return KEYS;
}

static void put(struct draw *draw)
{
	uint32_t key = some_key(draw);

	add(draw, STEP_PUT, keys[key])->len = some_len(draw);
	draw->there[key] = true;
}

static void batch(struct draw *draw)
{
	uint32_t key = 0;
	unsigned handle = 0;

	for (uint32_t i = 0; i < 3; i++) {
		key = some_key(draw);
		struct step *step = add(draw, throw(draw, 3) ? STEP_BATCH_PUT : STEP_BATCH_DELETE, keys[key]);
		step->len = step->verb == STEP_BATCH_PUT ? some_len(draw) % 10000 : 0;
		if (i == 0)
			handle = step->handle;
		step->handle = handle;
		draw->there[key] = step->verb == STEP_BATCH_PUT;
	}
	add(draw, STEP_BATCH_COMMIT, NULL)->handle = handle;
}

static void data(struct draw *draw)
{
	uint32_t slot = throw(draw, SLOTS);

	if (draw->held[slot] > 0 && throw(draw, 2)) {
		uint32_t key = some_key(draw);
		add(draw, STEP_NAME, keys[key])->pos = slot;
		draw->there[key] = true;
		draw->held[slot] = 0;
		return;
	}
	struct step *step = add(draw, STEP_DATA, NULL);
	step->pos = slot;
	step->len = some_len(draw) + 1;
	draw->held[slot]++;
}

/* On a file: its name, or what it holds. */
static void change(struct draw *draw)
{
	static const enum verb verbs[] = { STEP_DELETE, STEP_RENAME, STEP_COPY, STEP_EXCHANGE, STEP_APPEND,
	                                   STEP_APPEND, STEP_WRITE, STEP_TRUNCATE, STEP_HOLE, STEP_XATTR };
	enum verb verb = verbs[throw(draw, sizeof verbs / sizeof verbs[0])];
	uint32_t key = some_file(draw), other = some_key(draw);

	if (key == KEYS || key == other || (verb == STEP_EXCHANGE && !draw->there[other]))
		return;
	struct step *step = add(draw, verb, keys[key]);
	step->other = verb == STEP_XATTR ? "user.chance" : keys[other];
	step->len = verb == STEP_APPEND || verb == STEP_WRITE || verb == STEP_HOLE ? some_len(draw) + 1 : 50;
	step->pos = throw(draw, 3) ? throw(draw, 6000) : 0;
	draw->there[key] &= verb != STEP_DELETE && verb != STEP_RENAME;
	draw->there[other] |= verb == STEP_RENAME || verb == STEP_COPY;
}

/* What is there gets a name, or loses it; or all is written anew. */
static void keep(struct draw *draw)
{
	uint32_t snapshot = throw(draw, SNAPSHOTS);

	if (throw(draw, 2)) {
		add(draw, STEP_COMPACT, NULL);
		return;
	}
	add(draw, draw->snapped[snapshot] ? STEP_SNAPSHOT_DELETE : STEP_SNAPSHOT, snapshots[snapshot]);
	draw->snapped[snapshot] = !draw->snapped[snapshot];
}

static void open_or_close(struct draw *draw)
{
	uint32_t handle = throw(draw, HANDLES);

	/* One stays open: its batch, its promises. */
	if (draw->open[handle] && !draw->open[!handle])
		return;
	enum verb close = throw(draw, 2) ? STEP_CLOSE : STEP_CLOSE_UNSYNCED;
	add(draw, draw->open[handle] ? close : STEP_OPEN, NULL)->handle = handle;
	draw->open[handle] = !draw->open[handle];
}

void chance_draw(uint64_t seed, struct step steps[CHANCE_STEPS + 8])
{
	struct draw draw = { .dice = srd_mix(seed), .next = steps, .open = { true, false } };

	*draw.next++ = (struct step){ .verb = STEP_OPEN };
	while (draw.next < steps + CHANCE_STEPS) {
		uint32_t lot = throw(&draw, 20);
		if (lot < 6)
			put(&draw);
		else if (lot < 8)
			batch(&draw);
		else if (lot < 11)
			data(&draw);
		else if (lot < 15)
			change(&draw);
		else if (lot < 17)
			keep(&draw);
		else if (lot < 19)
			add(&draw, STEP_SYNC, NULL);
		else
			open_or_close(&draw);
	}
	for (unsigned handle = 0; handle < HANDLES; handle++)
		if (draw.open[handle])
			*draw.next++ = (struct step){ .verb = STEP_CLOSE, .handle = handle };
	*draw.next++ = (struct step){ .verb = STEP_END };
}
