/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/past_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "base/cleanup.h"

enum { KEPT = 8 };             /* lists that nobody uses */

void srd_past_lists_init(struct srd_past_lists *lists, struct srd_store *store)
{
	*lists = (struct srd_past_lists){ .store = store };
	pthread_mutex_init(&lists->mutex, NULL);
}

static void free_list(struct srd_past_list *list)
{
	free(list->items);
	free(list->text);
	free(list);
}

void srd_past_lists_release(struct srd_past_lists *lists)
{
	for (struct srd_past_list *list = lists->first, *next; list; list = next) {
		next = list->next;
		free_list(list);
	}
	pthread_mutex_destroy(&lists->mutex);
}

int srd_past_list_add(struct srd_past_list *list, const struct srd_past_item *item, const char *name)
{
	int error = srd_array_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);

	if (!error && name)
		error = srd_array_reserve(&list->text, &list->text_cap, list->text_len + item->name_len, 1);
	if (error)
		return error;
	struct srd_past_item *added = &list->items[list->count++];
	*added = *item;
	if (!name)
		return 0;
	added->name = (uint32_t)list->text_len;
	memcpy(list->text + list->text_len, name, item->name_len);
	list->text_len += item->name_len;
	return 0;
}

/* ---- Making one ---- */

/* What is known of its node now. */
struct present {
	struct srd_hold hold;     /* of the log */
	uint64_t dir;             /* where it is; 0: nowhere */
	char name[SRD_NAME_MAX];
	size_t len;
};

/* The last op on NODE, and where it is.  Nothing is held on error. */
static int look(struct srd_store *store, struct srd_past_node *node, struct present *present)
{
	const struct srd_state *state = &store->state;
	unsigned stripe;
	int error = srd_store_read(store, &stripe);

	if (error)
		return error;
	uint32_t index = srd_state_inode_of(state, node->ino);
	bool gone = node->at != 0;
	if (gone ? node->generation != store->log->sb.generation : index == 0)
		error = -ESTALE;
	node->generation = store->log->sb.generation;
	if (!error && !gone) {
		const struct srd_inode *inode = srd_inode_at(state, index);
		const struct srd_dentry *dentry = inode->dentry ? srd_dentry_at(state, inode->dentry) : NULL;
		const char *name = dentry ? srd_dentry_name(state, dentry) : NULL;
		node->at = inode->last_op;
		present->dir = name ? srd_inode_at(state, dentry->parent)->ino : 0;
		present->len = name ? dentry->name_len : 0;
		if (name)
			memcpy(present->name, name, present->len);
	}
	present->hold = srd_store_hold_read(store, stripe);
	int bad = srd_store_done(store, stripe);
	if (bad || error)
		srd_hold_drop(&present->hold);
	return bad ? bad : error;
}

/* What NAME of ITEM leads to in the directory with INDEX now; NULL: nothing. */
static const struct srd_inode *present_at(const struct srd_state *state, uint32_t index, const struct srd_past_list *list,
                                          const struct srd_past_item *item)
{
	uint32_t dentry = index ? srd_state_lookup(state, index, list->text + item->name, item->name_len) : 0;

	return dentry ? srd_inode_at(state, srd_dentry_at(state, dentry)->inode) : NULL;
}

static bool has_other_names(const struct srd_state *state, const struct srd_past_item *item)
{
	uint32_t inode = item->names > 1 ? srd_state_inode_of(state, item->ino) : 0;

	return inode && !srd_inode_at(state, inode)->gone;
}

/* Takes out names that are there now, in DIR (0: that is gone), and of what has others still. */
static int leave_out_present(struct srd_store *store, uint64_t dir, struct srd_past_list *list)
{
	const struct srd_state *state = &store->state;
	unsigned stripe;
	size_t kept = 0;
	int error = srd_store_read(store, &stripe);

	if (error)
		return error;
	uint32_t index = dir ? srd_state_inode_of(state, dir) : 0;
	for (size_t i = 0; i < list->count; i++) {
		struct srd_past_item item = list->items[i];
		const struct srd_inode *present = present_at(state, index, list, &item);
		item.is_covered = present && srd_inode_is_dir(present) && S_ISDIR(item.mode);
		if ((!present || item.is_covered) && !has_other_names(state, &item))
			list->items[kept++] = item;
	}
	list->count = kept;
	return srd_store_done(store, stripe);
}

static int fill(struct srd_store *store, bool gone, const struct present *present, struct srd_past_list *list)
{
	if (list->of.kind == SRD_PAST_VERSIONS)
		return srd_past_trace_versions(present->hold.log, present->dir, present->name, present->len, list);
	int error = srd_past_trace_deleted(present->hold.log, list);
	return error ? error : leave_out_present(store, gone ? 0 : list->of.ino, list);
}

/* ---- Having them ---- */

/* Mutex held. */
static struct srd_past_list *find(struct srd_past_lists *lists, const struct srd_past_node *of)
{
	struct srd_past_list **link = &lists->first, *list;

	while ((list = *link) && (list->of.kind != of->kind || list->of.ino != of->ino || list->of.at != of->at ||
	                          list->of.generation != of->generation))
		link = &list->next;
	if (list) {
		*link = list->next;
		list->next = lists->first;
		lists->first = list;
		list->users++;
	}
	return list;
}

int srd_past_list_get(struct srd_past_lists *lists, const struct srd_past_node *node, struct srd_past_list **out)
{
	struct srd_past_node of = *node;
	struct present present = { .dir = 0 };
	int error = look(lists->store, &of, &present);

	if (error)
		return error;
	pthread_mutex_lock(&lists->mutex);
	struct srd_past_list *list = find(lists, &of);
	pthread_mutex_unlock(&lists->mutex);
	if (!list) {
		list = calloc(1, sizeof *list);
		if (list) {
			list->of = of;
			list->users = 1;
		}
		error = list ? fill(lists->store, node->at != 0, &present, list) : -ENOMEM;
		if (!error) {
			SRD_LOCK_GUARD(&lists->mutex);
			list->next = lists->first;
			lists->first = list;
		} else if (list) {
			free_list(list);
		}
	}
	srd_hold_drop(&present.hold);
	if (!error)
		*out = list;
	return error;
}

void srd_past_list_put(struct srd_past_lists *lists, struct srd_past_list *put)
{
	struct srd_past_list **link = &lists->first, *list;
	unsigned idle = 0;
	SRD_LOCK_GUARD(&lists->mutex);

	put->users--;
	while ((list = *link)) {
		if (list->users == 0 && ++idle > KEPT) {
			*link = list->next;
			free_list(list);
		} else {
			link = &list->next;
		}
	}
}

/* ---- Looking up ---- */

const struct srd_past_item *srd_past_list_version(const struct srd_past_list *list, uint64_t sequence)
{
	size_t from = 0, to = list->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (list->items[middle].sequence < sequence)
			from = middle + 1;
		else
			to = middle;
	}
	return from < list->count && list->items[from].sequence == sequence ? &list->items[from] : NULL;
}

const struct srd_past_item *srd_past_list_deleted(const struct srd_past_list *list, const char *name)
{
	size_t from = 0, to = list->count, len = strlen(name);

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const struct srd_past_item *item = &list->items[middle];
		int order = memcmp(list->text + item->name, name, SRD_MIN(len, (size_t)item->name_len));
		if (order == 0)
			order = (item->name_len > len) - (item->name_len < len);
		if (order == 0)
			return item;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}
