/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_lmdb.c - LMDB in the engine benchmark, in its fastest mode: nothing is
 * synced, pages are written in the map.  Unlike the other engine's, its file may
 * then be beyond repair after a crash of the system.
 */
#include "config.h"

#include "engine.h"

#include <lmdb.h>

#include "bench.h"

static MDB_env *env;
static MDB_dbi dbi;

static void must_lmdb(int error, const char *what)
{
	if (error)
		die("lmdb: %s: %s", what, mdb_strerror(error));
}

static void begin(const char *dir, uint64_t room_bytes)
{
	MDB_txn *txn;

	must_lmdb(mdb_env_create(&env), "create");
	must_lmdb(mdb_env_set_mapsize(env, room_bytes), "size");
	must_lmdb(mdb_env_open(env, dir, MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP, 0600), "open");
	must_lmdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	must_lmdb(mdb_dbi_open(txn, NULL, 0, &dbi), "database");
	must_lmdb(mdb_txn_commit(txn), "commit");
}

static void end(void)
{
	mdb_env_close(env);
}

static MDB_val value_of(const void *data, size_t len)
{
	return (MDB_val){ .mv_size = len, .mv_data = (void *)data };
}

static void put_batch(const struct item *items, size_t count)
{
	MDB_txn *txn;

	must_lmdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	for (size_t i = 0; i < count; i++) {
		MDB_val key = value_of(items[i].key, items[i].key_len);
		MDB_val value = value_of(items[i].data, items[i].len);
		must_lmdb(mdb_put(txn, dbi, &key, &value, 0), "put");
	}
	must_lmdb(mdb_txn_commit(txn), "commit");
}

static void put(const struct item *item)
{
	put_batch(item, 1);
}

/* One by one or many: one read transaction either way, as its users would. */
static uint64_t get(const struct item *items, size_t count)
{
	uint64_t sum = 0;
	MDB_txn *txn;

	must_lmdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
	for (size_t i = 0; i < count; i++) {
		MDB_val key = value_of(items[i].key, items[i].key_len), value;
		must_lmdb(mdb_get(txn, dbi, &key, &value), "get");
		sum += sum_of(value.mv_data, value.mv_size);
	}
	mdb_txn_abort(txn);
	return sum;
}

static uint64_t scan(uint64_t *count)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t sum = 0;
	MDB_txn *txn;
	int error;

	*count = 0;
	must_lmdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
	must_lmdb(mdb_cursor_open(txn, dbi, &cursor), "cursor");
	while ((error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		sum += sum_of(value.mv_data, value.mv_size);
		++*count;
	}
	if (error != MDB_NOTFOUND)
		must_lmdb(error, "next");
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return sum;
}

const struct engine engine_lmdb = {
	.name = "lmdb", .mode = MDB_VERSION_STRING ", MDB_NOSYNC|MDB_NOMETASYNC|MDB_WRITEMAP",
	.open = begin, .close = end, .put_batch = put_batch, .put = put, .get = get,
	.get_many = get, .scan = scan,
};
