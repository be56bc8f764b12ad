/* SPDX-License-Identifier: Apache-2.0 */
/* Random calls on a store and on a model of it say the same, now and after
 * opening anew. */
#include "config.h"

#include "fixture.h"

enum { SLOTS = 60, LEN_MAX = 200000 };

/* The model: files by a fixed set of keys, none of them below another. */
static struct {
	uint8_t *bytes;
	size_t len;
	bool there;
} model[SLOTS];

static uint64_t seed;

static void key_of(char key[64], size_t slot)
{
	static const char *const formats[] = { "plain-%zu", "dir/%zu", "dir/sub/%zu", "other/a/b/%zu" };

	snprintf(key, 64, formats[slot % 4], slot);
}

static void model_set(size_t slot, uint8_t *bytes, size_t len)
{
	free(model[slot].bytes);
	model[slot].bytes = bytes;
	model[slot].len = len;
	model[slot].there = bytes != NULL;
}

static uint8_t *duplicate(size_t slot)
{
	uint8_t *bytes = malloc(model[slot].len + 1);

	memcpy(bytes, model[slot].bytes, model[slot].len);
	return bytes;
}

static size_t random_len(void)
{
	static const uint32_t limits[] = { 2, 100, 5000, 70000, LEN_MAX };

	return unit_below(&seed, limits[unit_below(&seed, 5)]);
}

static void check_slot(size_t slot)
{
	char key[64];
	srd_value value;

	key_of(key, slot);
	int error = srd_get(store, KEY(key), &value);
	EXPECT(error == (model[slot].there ? 0 : -ENOENT));
	if (error)
		return;
	size_t at = 0;
	EXPECT(value.len == model[slot].len);
	for (int i = 0; i < value.iov_count; at += value.iov[i++].iov_len)
		EXPECT(memcmp(value.iov[i].iov_base, model[slot].bytes + at, value.iov[i].iov_len) == 0);
	EXPECT(at == value.len);
	srd_value_release(&value);
}

static void check_all(void)
{
	srd_iter *iter;
	struct srd_entry entry;
	int count = 0, wanted = 0;

	for (size_t slot = 0; slot < SLOTS; slot++) {
		check_slot(slot);
		wanted += model[slot].there;
	}
	ck_assert_int_eq(srd_iter_new(store, "", 0, 0, 0, 1, &iter), 0);
	for (; srd_iter_next(iter, &entry) == 1; count++)
		EXPECT(entry.value_error == 0);
	srd_iter_free(iter);
	ck_assert_int_eq(count, wanted);
}

static void do_put(size_t slot)
{
	size_t len = random_len();
	uint8_t *bytes = pattern(len, unit_random(&seed));
	char key[64];

	key_of(key, slot);
	EXPECT(srd_put(store, KEY(key), bytes, len) == 0);
	model_set(slot, bytes, len);
}

static void do_delete(size_t slot)
{
	char key[64];

	key_of(key, slot);
	EXPECT(srd_delete(store, KEY(key)) == (model[slot].there ? 0 : -ENOENT));
	model_set(slot, NULL, 0);
}

/* Rename, copy or link from SLOT; a link is undone at once: the model has none. */
static void do_two(size_t slot, unsigned what)
{
	size_t to = unit_below(&seed, SLOTS);
	char from_key[64], to_key[64];

	key_of(from_key, slot);
	key_of(to_key, to);
	if (what == 2) {
		int error = srd_link(store, KEY(from_key), KEY(to_key));
		EXPECT(error == (!model[slot].there ? -ENOENT : model[to].there ? -EEXIST : 0));
		EXPECT(error || srd_delete(store, KEY(to_key)) == 0);
		return;
	}
	int error = what ? srd_copy(store, KEY(from_key), store, KEY(to_key))
	                 : srd_rename(store, KEY(from_key), KEY(to_key));
	EXPECT(error == (model[slot].there ? 0 : -ENOENT));
	if (error || slot == to)
		return;
	model_set(to, duplicate(slot), model[slot].len);
	if (!what)
		model_set(slot, NULL, 0);
}

static void do_batch(void)
{
	unsigned count = unit_below(&seed, 100);
	srd_batch *batch;

	EXPECT(srd_batch_new(store, &batch) == 0);
	for (unsigned i = 0; i < count; i++) {
		size_t slot = unit_below(&seed, SLOTS), len = random_len() % 70000;
		uint8_t *bytes = unit_below(&seed, 4) ? pattern(len, unit_random(&seed)) : NULL;
		char key[64];
		key_of(key, slot);
		EXPECT((bytes ? srd_batch_put(batch, KEY(key), bytes, len) : srd_batch_delete(batch, KEY(key))) == 0);
		model_set(slot, bytes, bytes ? len : 0);
	}
	EXPECT(srd_batch_commit(batch) == 0);
	srd_batch_free(batch);
}

static void do_stream(size_t slot)
{
	uint8_t *bytes = malloc(LEN_MAX + 8);
	size_t at = 0;
	srd_writer *writer;
	char key[64];

	key_of(key, slot);
	EXPECT(srd_writer_new(store, KEY(key), &writer) == 0);
	for (unsigned i = unit_below(&seed, 8); i > 0; i--) {
		size_t len = unit_below(&seed, LEN_MAX / 8);
		uint8_t *piece = pattern(len, unit_random(&seed));
		bool hole = unit_below(&seed, 3) == 0;
		if (hole)
			memset(piece, 0, len);
		EXPECT((hole ? srd_writer_skip(writer, len) : srd_writer_write(writer, piece, len)) == 0);
		memcpy(bytes + at, piece, len);
		at += len;
		free(piece);
	}
	if (unit_below(&seed, 4) == 0) {
		srd_writer_abort(writer);
		free(bytes);
		return;
	}
	EXPECT(srd_writer_commit(writer) == 0);
	model_set(slot, bytes, at);
}

static void step(void)
{
	size_t slot = unit_below(&seed, SLOTS);

	switch (unit_below(&seed, 10)) {
	case 0:
	case 1:
	case 2: do_put(slot); break;
	case 3: do_delete(slot); break;
	case 4: do_batch(); break;
	case 5: do_stream(slot); break;
	case 6: check_slot(slot); break;
	default: do_two(slot, unit_below(&seed, 3)); break;
	}
}

START_TEST(store_and_model_agree)
{
	seed = unit_seed();
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < 150; i++)
			step();
		check_all();
		reopen_store();
		check_all();
	}
	struct srd_info info;
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.misfits, 0);
	for (size_t slot = 0; slot < SLOTS; slot++)
		model_set(slot, NULL, 0);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, store_and_model_agree);
}

int main(void)
{
	return run_case("model", add);
}
