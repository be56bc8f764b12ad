/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - a small checker of linearizability.
 *
 * All that the key may be is kept while time goes on: a configuration is a value, and
 * which of the events that have begun and not ended have taken effect.
 *
 *     an event begins   it gets a place (a bit) in all configurations
 *     an event ends     it must have taken effect: each configuration is continued
 *                       by events that are under way, in every order; those in which
 *                       this one has not, or got another answer, are dropped
 *
 * If none is left there is no order.  Who never ended keeps its place.
 */
#include "config.h"

#include "history.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 64, CONFIGURATIONS_MAX = 1 << 20 };

struct configuration {
	uint64_t value;
	uint64_t happened;       /* a bit for each place */
};

struct set {
	struct configuration *items;
	size_t count, cap;
	uint32_t *slots;         /* hash: index + 1 */
	size_t slot_count;
};

static size_t slot_of(const struct set *set, const struct configuration *c)
{
	uint64_t h = (c->value * 0x9E3779B97F4A7C15u) ^ (c->happened * 0xC2B2AE3D27D4EB4Fu);

	return (h ^ h >> 29) & (set->slot_count - 1);
}

static void place(struct set *set, size_t index)
{
	size_t slot = slot_of(set, &set->items[index]);

	while (set->slots[slot])
		slot = (slot + 1) & (set->slot_count - 1);
	set->slots[slot] = (uint32_t)index + 1;
}

static void grow(struct set *set)
{
	set->cap = set->cap ? 2 * set->cap : 64;
	set->items = realloc(set->items, set->cap * sizeof *set->items);
	free(set->slots);
	set->slot_count = 4 * set->cap;
	set->slots = calloc(set->slot_count, sizeof *set->slots);
	if (!set->items || !set->slots)
		abort();
	for (size_t i = 0; i < set->count; i++)
		place(set, i);
}

static void add(struct set *set, struct configuration c)
{
	if (set->count == set->cap)
		grow(set);
	for (size_t slot = slot_of(set, &c); set->slots[slot]; slot = (slot + 1) & (set->slot_count - 1)) {
		const struct configuration *there = &set->items[set->slots[slot] - 1];
		if (there->value == c.value && there->happened == c.happened)
			return;
	}
	set->items[set->count] = c;
	place(set, set->count++);
}

static void clear(struct set *set)
{
	set->count = 0;
	if (set->slots)
		memset(set->slots, 0, set->slot_count * sizeof *set->slots);
}

/* EVENT takes effect where the key is VALUE; false: its answer would have been another. */
static bool apply(const struct event *event, uint64_t *value)
{
	bool answered = atomic_load(&event->end_ns) != 0, there = *value != 0;

	switch (event->kind) {
	case KIND_GET:
		return !answered || event->value == *value;
	case KIND_PUT:
		*value = event->value;
		return true;
	case KIND_DELETE:
		if (answered && event->done != there)
			return false;
		*value = 0;
		return true;
	case KIND_CREATE:
		if (answered && event->done == there)
			return false;
		if (!there)
			*value = event->value;
		return true;
	}
	return false;
}

struct checker {
	struct event *under_way[PLACES];
	struct set now, next;
};

static int free_place(const struct checker *checker)
{
	for (int i = 0; i < PLACES; i++)
		if (!checker->under_way[i])
			return i;
	abort();   /* more clients than were ever meant */
}

/* EVENT, at PLACE, ends. */
static bool end(struct checker *checker, int ended)
{
	struct set *now = &checker->now, *next = &checker->next;
	uint64_t bit = UINT64_C(1) << ended;

	clear(next);
	/* New ones are added behind, and have their turn. */
	for (size_t i = 0; i < now->count && now->count < CONFIGURATIONS_MAX; i++) {
		struct configuration c = now->items[i];
		if (c.happened & bit) {
			add(next, (struct configuration){ c.value, c.happened & ~bit });
			continue;
		}
		for (int p = 0; p < PLACES; p++) {
			struct configuration then = { c.value, c.happened | UINT64_C(1) << p };
			if (checker->under_way[p] && !(c.happened >> p & 1) && apply(checker->under_way[p], &then.value))
				add(now, then);
		}
	}
	struct set old = *now;
	*now = *next;
	*next = old;
	checker->under_way[ended] = NULL;
	return now->count > 0;
}

static int by_end(const void *a, const void *b)
{
	uint64_t x = atomic_load(&(*(struct event *const *)a)->end_ns);
	uint64_t y = atomic_load(&(*(struct event *const *)b)->end_ns);

	return x < y ? -1 : x > y;
}

static void begin(struct checker *checker, struct event *event)
{
	/* Who has read nothing, for nobody heard, has changed nothing. */
	if (event->kind != KIND_GET || atomic_load(&event->end_ns))
		checker->under_way[free_place(checker)] = event;
}

static int place_of(const struct checker *checker, const struct event *event)
{
	int i = 0;

	while (checker->under_way[i] != event)
		i++;
	return i;
}

bool history_is_linear(struct event *const *events, size_t count, size_t *failed)
{
	struct checker checker = { 0 };
	struct event **ends = malloc((count + 1) * sizeof *ends);
	size_t begun = 0, i = 0;
	bool linear = true;

	if (!ends)
		abort();
	memcpy(ends, events, count * sizeof *ends);
	qsort(ends, count, sizeof *ends, by_end);
	while (i < count && !atomic_load(&ends[i]->end_ns))
		i++;
	add(&checker.now, (struct configuration){ 0 });
	for (; i < count && linear; i++) {
		while (begun < count && events[begun]->begin_ns <= atomic_load(&ends[i]->end_ns))
			begin(&checker, events[begun++]);
		linear = end(&checker, place_of(&checker, ends[i]));
		for (size_t e = 0; !linear && e < count; e++)
			if (events[e] == ends[i])
				*failed = e;
	}
	free(ends);
	free(checker.now.items);
	free(checker.now.slots);
	free(checker.next.items);
	free(checker.next.slots);
	return linear;
}

/* ---- At one time ---- */

static bool is_put(const struct event *event)
{
	return event->kind == KIND_PUT || (event->kind == KIND_CREATE && event->done);
}

static const struct event *find_put(struct event *const *events, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++)
		if ((events[i]->kind == KIND_PUT || events[i]->kind == KIND_CREATE) && events[i]->value == value)
			return events[i];
	return NULL;
}

static bool has_deletes(struct event *const *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (events[i]->kind == KIND_DELETE)
			return true;
	return false;
}

void history_narrow(struct event *const *events, size_t count, uint64_t value, uint64_t *from_ns, uint64_t *until_ns)
{
	const struct event *put = value ? find_put(events, count, value) : NULL;
	uint64_t put_end = put ? atomic_load(&put->end_ns) : 0;

	if (put && put->begin_ns > *from_ns)
		*from_ns = put->begin_ns;
	/* One that nobody lived to hear of may come late; what is not there may be so again. */
	if (value ? put_end == 0 : has_deletes(events, count))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct event *event = events[i];
		uint64_t end = atomic_load(&event->end_ns);
		bool changes = is_put(event) || (event->kind == KIND_DELETE && event->done);
		if (changes && end && event->begin_ns > put_end && end < *until_ns)
			*until_ns = end;
	}
}
