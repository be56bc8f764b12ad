/* SPDX-License-Identifier: Apache-2.0 */
/* A list of keys in one buffer: 16 bytes and the key each, so that millions of them fit. */
#include "config.h"

#include "tool.h"

#include <stdlib.h>

/* Room for NEED items of ITEM_LEN bytes. */
static void *grow(void *items, size_t need, size_t *cap, size_t item_len)
{
	if (need <= *cap)
		return items;
	*cap = need < 64 ? 64 : need + need / 2;
	items = reallocarray(items, *cap, item_len);
	if (!items)
		tool_no_memory();
	return items;
}

void tool_keys_add(struct tool_keys *keys, const char *key, size_t len, enum srd_kind kind)
{
	keys->bytes = grow(keys->bytes, keys->len + len + 1, &keys->cap, 1);
	keys->items = grow(keys->items, keys->count + 1, &keys->item_cap, sizeof *keys->items);
	memcpy(keys->bytes + keys->len, key, len);
	keys->bytes[keys->len + len] = '\0';
	keys->items[keys->count++] = (struct tool_keys_item){ keys->len, (uint32_t)len, kind };
	keys->len += len + 1;
}

static int compare(const void *left, const void *right, void *bytes)
{
	const struct tool_keys_item *a = left, *b = right;

	return strcmp((char *)bytes + a->at, (char *)bytes + b->at);
}

void tool_keys_sort(struct tool_keys *keys)
{
	if (keys->count > 1)
		qsort_r(keys->items, keys->count, sizeof *keys->items, compare, keys->bytes);
}

const char *tool_keys_at(const struct tool_keys *keys, size_t i)
{
	return keys->bytes + keys->items[i].at;
}

const char *tool_keys_pop(struct tool_keys *keys)
{
	if (keys->count == 0)
		return NULL;
	keys->count--;
	keys->len = keys->items[keys->count].at;
	return keys->bytes + keys->len;
}

void tool_keys_release(struct tool_keys *keys)
{
	free(keys->bytes);
	free(keys->items);
	*keys = (struct tool_keys){ 0 };
}

int tool_keys_below(struct tool_keys *keys, srd_store *store, const char *key)
{
	char prefix[SRD_KEY_MAX + 2];
	int len = snprintf(prefix, sizeof prefix, "%s/", key);
	struct srd_entry entry;
	srd_iter *iter;

	int error = srd_iter_new(store, prefix, (size_t)len, SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter);
	if (error)
		return error;
	while ((error = srd_iter_next(iter, &entry)) > 0)
		tool_keys_add(keys, entry.key, entry.key_len, entry.kind);
	srd_iter_free(iter);
	return error;
}
