/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/past_views.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/point.h"

enum {
	VIEWS_MAX = 128,           /* open at once; that may be in use, all of them */
	IDLE_MAX = 16,             /* that nobody uses, ... */
	IDLE_SECONDS = 30,         /* ... for so long, once somebody comes */
};
#define IDLE_BYTES_MAX (UINT64_C(256) << 20)   /* of their tables, but of the one that was used last */

void srd_past_views_init(struct srd_past_views *views, struct srd_store *store,
                         void (*say)(void *user, const char *text), void *user)
{
	*views = (struct srd_past_views){ .store = store, .say = say, .user = user };
	pthread_mutex_init(&views->mutex, NULL);
	pthread_cond_init(&views->opened, NULL);
}

/* A list of views that are in none. */
static void close_all(struct srd_past_view *view)
{
	while (view) {
		struct srd_past_view *next = view->next;
		if (view->fs)
			srd_fs_free(view->fs);
		srd_store_close(view->store);
		free(view);
		view = next;
	}
}

void srd_past_views_release(struct srd_past_views *views)
{
	close_all(views->first);
	pthread_cond_destroy(&views->opened);
	pthread_mutex_destroy(&views->mutex);
}

/* ---- With the mutex held ---- */

/* What a view is of that NODE is in. */
static struct srd_past_node whole_of(const struct srd_past_node *node)
{
	if (node->kind == SRD_PAST_VIEW)
		return (struct srd_past_node){ .kind = SRD_PAST_VIEW, .sequence = node->sequence };
	return (struct srd_past_node){ .kind = SRD_PAST_ALONE, .ino = node->ino, .at = node->at,
	                               .generation = node->generation };
}

static struct srd_past_view *find(const struct srd_past_views *views, const struct srd_past_node *of)
{
	struct srd_past_view *view = views->first;

	while (view && (view->of.kind != of->kind || view->of.sequence != of->sequence || view->of.ino != of->ino ||
	                view->of.at != of->at || view->of.generation != of->generation))
		view = view->next;
	return view;
}

static void remove_from(struct srd_past_views *views, const struct srd_past_view *view)
{
	struct srd_past_view **link = &views->first;

	while (*link != view)
		link = &(*link)->next;
	*link = view->next;
}

static void put_first(struct srd_past_views *views, struct srd_past_view *view)
{
	view->next = views->first;
	views->first = view;
}

static unsigned count(const struct srd_past_views *views)
{
	unsigned number = 0;

	for (const struct srd_past_view *view = views->first; view; view = view->next)
		number++;
	return number;
}

/* Takes out what nobody uses and is one too many, or has been for long; to be closed with
 * the mutex given back. */
static struct srd_past_view *thin_out(struct srd_past_views *views)
{
	struct srd_past_view *taken = NULL, *view, **link = &views->first;
	int64_t old_ns = srd_monotonic_ns() - IDLE_SECONDS * SRD_NS_PER_SECOND;
	uint64_t bytes = 0;
	unsigned idle = 0;

	while ((view = *link)) {
		if (view->users == 0) {
			bytes += idle++ ? srd_state_memory_bytes(&view->store->state) : 0;
			if (idle > IDLE_MAX || bytes > IDLE_BYTES_MAX || view->since_ns < old_ns) {
				*link = view->next;
				view->next = taken;
				taken = view;
				continue;
			}
		}
		link = &view->next;
	}
	return taken;
}

/* ---- With no lock held ---- */

/* Makes it whole: its store is open, unless ERROR says why it is not. */
static int complete(struct srd_past_views *views, struct srd_past_view *view, int error)
{
	return error ? error : srd_fs_new(view->store, views->say, views->user, &view->fs);
}

static int open_view(struct srd_past_views *views, struct srd_past_view *view)
{
	const struct srd_past_node *of = &view->of;
	char text[24];

	if (of->kind == SRD_PAST_ALONE)
		return complete(views, view, srd_store_alone(views->store, of->generation, of->ino, of->at, &view->store));
	snprintf(text, sizeof text, "%" PRIu64, of->sequence);
	int error = complete(views, view, srd_store_view(views->store, text, 0, &view->store));
	return error == SRD_ENOPAST ? -ESTALE : error;
}

/* VIEW, in the list and ours, has been opened, or not. */
static int opened(struct srd_past_views *views, struct srd_past_view *view, int error)
{
	pthread_mutex_lock(&views->mutex);
	view->opening = false;
	if (error)
		remove_from(views, view);
	struct srd_past_view *closing = thin_out(views);
	pthread_cond_broadcast(&views->opened);
	pthread_mutex_unlock(&views->mutex);
	if (error) {
		view->next = closing;
		closing = view;
	}
	close_all(closing);
	return error;
}

/* One that is there, or a new one to be opened. */
static int claim(struct srd_past_views *views, const struct srd_past_node *of, struct srd_past_view **out)
{
	SRD_LOCK_GUARD(&views->mutex);
	struct srd_past_view *view;

	while ((view = find(views, of)) && view->opening)
		pthread_cond_wait(&views->opened, &views->mutex);
	if (view) {
		remove_from(views, view);
	} else {
		view = count(views) < VIEWS_MAX ? calloc(1, sizeof *view) : NULL;
		if (!view)
			return count(views) < VIEWS_MAX ? -ENOMEM : -ENFILE;
		view->of = *of;
		view->opening = true;
	}
	view->users++;
	put_first(views, view);
	*out = view;
	return 0;
}

int srd_past_view_get(struct srd_past_views *views, const struct srd_past_node *node, struct srd_past_view **out)
{
	const struct srd_past_node of = whole_of(node);
	struct srd_past_view *view;
	int error = claim(views, &of, &view);

	if (error)
		return error;
	if (view->opening)
		error = opened(views, view, open_view(views, view));
	if (!error)
		*out = view;
	return error;
}

void srd_past_view_put(struct srd_past_views *views, struct srd_past_view *view)
{
	pthread_mutex_lock(&views->mutex);
	view->users--;
	view->since_ns = srd_monotonic_ns();
	struct srd_past_view *closing = thin_out(views);
	pthread_mutex_unlock(&views->mutex);
	close_all(closing);
}

void srd_past_view_drop(struct srd_past_views *views, const struct srd_past_node *node)
{
	const struct srd_past_node of = whole_of(node);

	pthread_mutex_lock(&views->mutex);
	struct srd_past_view *view = find(views, &of);
	bool closing = view && view->users == 0;
	if (closing) {
		remove_from(views, view);
		view->next = NULL;
	}
	pthread_mutex_unlock(&views->mutex);
	if (closing)
		close_all(view);
}

/* ---- What people write ---- */

bool srd_past_snapshot(struct srd_store *store, const char *name, uint64_t *sequence)
{
	unsigned stripe;

	if (srd_store_read(store, &stripe) != 0)
		return false;
	uint32_t index = srd_state_snapshot(&store->state, name, strlen(name));
	/* Nothing was committed between. */
	uint64_t made = index ? srd_snap_at(&store->state, index)->sequence : 0;
	if (srd_store_done(store, stripe) != 0 || index == 0)
		return false;
	*sequence = made - 1;
	return true;
}

static bool recall(struct srd_past_views *views, const char *text, uint64_t *sequence)
{
	SRD_LOCK_GUARD(&views->mutex);

	for (unsigned i = 0; i < SRD_PAST_TEXTS; i++) {
		if (*text && strcmp(views->texts[i].text, text) == 0) {
			*sequence = views->texts[i].sequence;
			return true;
		}
	}
	return false;
}

static void remember(struct srd_past_views *views, const char *text, uint64_t sequence)
{
	SRD_LOCK_GUARD(&views->mutex);
	struct srd_past_text *place = &views->texts[views->next_text++ % SRD_PAST_TEXTS];

	if (strlen(text) >= sizeof place->text)
		return;
	strcpy(place->text, text);
	place->sequence = sequence;
}

/* Opens the view of a time to see where it stands; others will want it now. */
static int find_time(struct srd_past_views *views, const char *text, int64_t now_ns, uint64_t *sequence)
{
	struct srd_past_view *view = calloc(1, sizeof *view);
	int error = view ? complete(views, view, srd_store_view(views->store, text, now_ns, &view->store)) : -ENOMEM;

	if (!error) {
		*sequence = view->store->place.sequence;
		view->of = (struct srd_past_node){ .kind = SRD_PAST_VIEW, .sequence = *sequence };
		view->since_ns = srd_monotonic_ns();
		pthread_mutex_lock(&views->mutex);
		if (!find(views, &view->of)) {
			put_first(views, view);
			view = NULL;
		}
		pthread_mutex_unlock(&views->mutex);
	}
	if (view)
		close_all(view);
	return error;
}

/* True if POINT, of TEXT, is the same at any time, and not in the future. */
static bool is_settled(const char *text, int64_t now_ns, const struct srd_log_point *point)
{
	struct srd_log_point later;

	return point->time_ns <= now_ns && srd_point_parse(text, now_ns + SRD_NS_PER_SECOND, &later) &&
	       later.time_ns == point->time_ns;
}

int srd_past_views_find(struct srd_past_views *views, const char *text, uint64_t *sequence, bool *settled)
{
	struct srd_log_point point;
	int64_t now_ns = srd_wall_ns();

	*settled = false;
	if (srd_past_snapshot(views->store, text, sequence))
		return 0;
	if (!srd_point_parse(text, now_ns, &point))
		return SRD_ENOPAST;
	*settled = point.sequence != UINT64_MAX || is_settled(text, now_ns, &point);
	if (point.sequence != UINT64_MAX) {
		*sequence = point.sequence;
		return 0;
	}
	if (*settled && recall(views, text, sequence))
		return 0;
	int error = find_time(views, text, now_ns, sequence);
	if (!error && *settled)
		remember(views, text, *sequence);
	return error;
}
