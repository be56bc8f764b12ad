/* SPDX-License-Identifier: Apache-2.0 */
/* engine_srd.c - SIMD R Drive in the engine benchmark, through srd.h alone. */
#include "config.h"

#include "engine.h"

#include <stdio.h>
#include <sys/types.h>

#include "bench.h"

enum { MANY_MAX = 1024 };

static srd_store *store;

static void begin(const char *dir, uint64_t room_bytes)
{
	char path[4096];

	(void)room_bytes;
	snprintf(path, sizeof path, "%s/bench.srd", dir);
	store = open_store(path, SRD_NOSYNC);
}

/* Nothing was synced; an image stands for what is durable only. */
static void end(void)
{
	must_srd(srd_sync(store), "sync");
	must_srd(srd_close(store), "close");
}

static void put_batch(const struct item *items, size_t count)
{
	static srd_batch *batch;
	static srd_store *batch_store;

	if (batch_store != store) {
		must_srd(srd_batch_new(store, &batch), "batch");
		batch_store = store;
	}
	for (size_t i = 0; i < count; i++)
		must_srd(srd_batch_put(batch, items[i].key, items[i].key_len, items[i].data, items[i].len), "batch put");
	must_srd(srd_batch_commit(batch), "commit");
}

static void put(const struct item *item)
{
	must_srd(srd_put(store, item->key, item->key_len, item->data, item->len), "put");
}

static uint64_t get(const struct item *items, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		srd_value value;
		must_srd(srd_get(store, items[i].key, items[i].key_len, &value), "get");
		sum += sum_of(value.data, value.len);
		srd_value_release(&value);
	}
	return sum;
}

static uint64_t get_many(const struct item *items, size_t count)
{
	static srd_key keys[MANY_MAX];
	static srd_value values[MANY_MAX];
	static int errors[MANY_MAX];
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		keys[i] = (srd_key){ items[i].key, items[i].key_len };
	ssize_t found = srd_get_many(store, keys, count, values, errors);
	if (found != (ssize_t)count)
		die("get many: %zd of %zu", found, count);
	for (size_t i = 0; i < count; i++) {
		sum += sum_of(values[i].data, values[i].len);
		srd_value_release(&values[i]);
	}
	return sum;
}

static uint64_t scan(uint64_t *count)
{
	struct srd_entry entry;
	srd_iter *iter;
	uint64_t sum = 0;
	int got;

	*count = 0;
	must_srd(srd_iter_new(store, NULL, 0, 0, 0, 1, &iter), "iterate");
	while ((got = srd_iter_next(iter, &entry)) == 1) {
		must_srd(entry.value_error, entry.key);
		sum += sum_of(entry.value.data, entry.value.len);
		++*count;
	}
	must_srd(got, "iterate");
	srd_iter_free(iter);
	return sum;
}

const struct engine engine_srd = {
	.name = "srd", .mode = PACKAGE_VERSION ", SRD_NOSYNC, values verified on first touch",
	.open = begin, .close = end, .put_batch = put_batch, .put = put, .get = get,
	.get_many = get_many, .scan = scan,
};
