/* SPDX-License-Identifier: Apache-2.0 */
/* Rot costs what it hit; who repairs may be killed over it. */
#include "config.h"

#include "rules.h"

/* ---- rot ---- */

/* a to e, and the mark behind all of them. */
static struct image make_durable(struct srd_record records[RECORDS_MAX])
{
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	must_put(store, "b", 20, 2);
	must_put(store, "c", 9000, 3);
	must_put(store, "d", 300, 4);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "e", 40, 5);
	srd_close(store);
	struct image file = file_of(records, 5);
	return file;
}

START_TEST(rot_below_the_mark_costs_that_commit_alone)
{
	struct srd_record records[RECORDS_MAX];
	struct image file = make_durable(records);

	for (uint64_t at = records[2].offset; at < records[2].offset + SRD_HEADER_LEN + records[2].meta_len; at++) {
		file.bytes[at] ^= 0x20;
		image_store(&file, path);
		struct srd_store *store = open_store(0), *other = open_store(0);
		ck_assert_int_eq(look(store, "a", 3000, 1), 0);
		ck_assert_int_eq(look(store, "b", 20, 2), 0);
		ck_assert_int_eq(look(store, "c", 9000, 3), -ENOENT);
		ck_assert_int_eq(look(store, "d", 300, 4), 0);
		ck_assert_int_eq(look(store, "e", 40, 5), 0);
		ck_assert_uint_eq(damaged_records(store), 1);
		struct damage damage = verify(store);
		ck_assert_uint_eq(damage.count, 1);
		ck_assert_uint_eq(damage.offset, records[2].offset);
		ck_assert_int_eq(put(store, "f", 10, 6), SRD_EDAMAGED);
		ck_assert_int_eq(put(other, "f", 10, 6), SRD_EDAMAGED);
		srd_close(store);
		srd_close(other);
		file.bytes[at] ^= 0x20;
	}
	image_release(&file);
}
END_TEST

START_TEST(rot_in_payload_costs_that_payload_alone)
{
	struct srd_record records[RECORDS_MAX];
	struct image file = make_durable(records);
	/* Beside its name; behind the metadata; in the last, short block. */
	const struct { unsigned record; uint64_t back; const char *key; } spots[] = {
		{ 1, 0, "b" }, { 0, 100, "a" }, { 2, 100, "c" },
	};

	for (unsigned i = 0; i < 3; i++) {
		const struct srd_record *record = &records[spots[i].record];
		struct step fill = { .len = 20, .fill = 2 };
		struct image value = { 0 };
		uint64_t at = record->offset + record->len - spots[i].back;
		step_fill(&fill, &value);
		if (spots[i].back == 0)
			at = (uint64_t)((uint8_t *)memmem(file.bytes + record->offset, record->len, value.bytes, 20) -
			                file.bytes);
		file.bytes[at] ^= 0x20;
		image_store(&file, path);
		struct srd_store *store = open_store(0);
		ck_assert_int_eq(look(store, "a", 3000, 1), i == 1 ? SRD_ECORRUPT : 0);
		ck_assert_int_eq(look(store, "b", 20, 2), i == 0 ? SRD_ECORRUPT : 0);
		ck_assert_int_eq(look(store, "c", 9000, 3), i == 2 ? SRD_ECORRUPT : 0);
		ck_assert_int_eq(look(store, "e", 40, 5), 0);
		struct damage damage = verify(store);
		ck_assert_uint_eq(damage.count, 1);
		ck_assert_str_eq(damage.key, spots[i].key);
		ck_assert_uint_eq(damaged_records(store), 0);
		must_put(store, "f", 10, 6);
		srd_close(store);
		file.bytes[at] ^= 0x20;
		image_release(&value);
	}
	image_release(&file);
}
END_TEST

/* The same in what was never synced ends the log before that commit. */
START_TEST(damage_above_the_mark_ends_the_log)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	must_put(store, "b", 20, 2);
	must_put(store, "c", 500, 3);
	srd_close(store);
	struct image file = file_of(records, 3);
	for (uint64_t at = records[1].offset; at < records[1].offset + SRD_HEADER_LEN + records[1].meta_len; at += 5) {
		file.bytes[at] ^= 4;
		image_store(&file, path);
		store = open_store(0);
		ck_assert_int_eq(look(store, "a", 3000, 1), 0);
		/* But for padding, which says nothing. */
		if (look(store, "b", 20, 2) != 0) {
			ck_assert_int_eq(look(store, "b", 20, 2), -ENOENT);
			ck_assert_int_eq(look(store, "c", 500, 3), -ENOENT);
		}
		ck_assert_uint_eq(damaged_records(store), 0);
		must_put(store, "d", 10, 4);
		srd_close(store);
		file.bytes[at] ^= 4;
	}
	image_release(&file);
}
END_TEST

/* A later commit names DATA that has rotted; a stream that was cut off left some too. */
START_TEST(rot_in_data_is_damage_where_it_is_named)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE);
	struct srd_extents named, never;
	uint8_t bytes[9000];

	memset(bytes, 7, sizeof bytes);
	srd_extents_init(&named);
	srd_extents_init(&never);
	ck_assert_int_eq(srd_extents_append(&never, store, 0, bytes, sizeof bytes), 0);
	ck_assert_int_eq(srd_extents_append(&named, store, 0, bytes, sizeof bytes), 0);
	named.size = sizeof bytes;
	ck_assert_int_eq(verb_name(store, "named", &named), 0);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "a", 10, 1);
	srd_close(store);
	struct image file = file_of(records, 4);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t payload = records[i].offset + records[i].len - 1000;
		file.bytes[payload] ^= 1;
		image_store(&file, path);
		store = open_store(SRD_RDONLY);
		struct damage damage = verify(store);
		ck_assert_uint_eq(damage.count, i);
		ck_assert_str_eq(damage.key, i ? "named" : "");
		srd_close(store);
		file.bytes[payload] ^= 1;
	}
	srd_extents_release(&named);
	srd_extents_release(&never);
	image_release(&file);
}
END_TEST

/* ---- repair ---- */

struct mending {
	unsigned lost, mended;    /* states */
};

/* Damaged as it was, or repaired: everything but b is there in either case, and if it is
 * damaged it can be repaired (again). */
static int must_be_mendable(void *user, const struct crash_state *state)
{
	struct mending *mending = user;
	struct damage damage = { 0 };

	image_store(state->image, path);
	struct srd_store *store = open_store(SRD_EXCLUSIVE);
	ck_assert_msg(look(store, "a", 2000, 1) == 0, "%s: a is not there", state->what);
	ck_assert_msg(look(store, "c", 2000, 3) == 0, "%s: c is not there", state->what);
	int error = put(store, "d", 100, 4);
	ck_assert_msg(error == 0 || error == SRD_EDAMAGED, "%s: %s", state->what, srd_strerror(error));
	ck_assert_msg(error == 0 || state->promised < 1, "%s: was said to be repaired", state->what);
	mending->lost += error != 0;
	mending->mended += error == 0;
	if (error) {
		ck_assert_int_ge(srd_repair(store, 0, note_damage, &damage), 0);
		must_put(store, "d", 100, 4);
	}
	srd_close(store);
	store = open_store(SRD_RDONLY);
	ck_assert_int_eq(look(store, "d", 100, 4), 0);
	ck_assert_int_eq(look(store, "c", 2000, 3), 0);
	srd_close(store);
	return 0;
}

/* b's commit has rotted (0), or the superblock (1), or its spare (2); the power goes at
 * any moment of the repair. */
START_TEST(who_crashes_while_repairing_repairs_again)
{
	struct states_pick pick = { .seed = 1, .share = UINT64_C(1) << 32 };
	struct srd_record records[RECORDS_MAX];
	struct damage damage = { 0 };
	struct mending mending = { 0 };
	struct states_count count;
	struct recorder recorder;
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 2000, 1);
	must_put(store, "b", 5000, 2);
	must_put(store, "c", 2000, 3);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "a", 2000, 1);
	ck_assert_int_eq(srd_sync(store), 0);
	srd_close(store);
	struct image file = file_now(path);
	list_records(&file, records);
	const uint64_t rot[] = { records[1].offset + 20, 30, SRD_FIRST_RECORD + 100 };
	file.bytes[rot[_i]] ^= 4;
	image_store(&file, path);
	recorder_init(&recorder, &file);
	store = open_as(path, SRD_EXCLUSIVE, &recorder.io);
	ck_assert_int_ge(srd_repair(store, 0, note_damage, &damage), 0);
	recorder_promise(&recorder, 1);
	must_put(store, "e", 3000, 5);
	ck_assert_int_eq(srd_sync(store), 0);
	srd_close(store);
	states_each(&recorder, &pick, must_be_mendable, &mending, &count);
	/* A spare is looked at when the superblock is lost: alone it is no reason to refuse. */
	ck_assert(mending.lost > 0 || _i == 2);
	ck_assert_uint_gt(mending.mended, 0);
	recorder_release(&recorder);
	image_release(&file);
}
END_TEST

START_TEST(reading_leaves_nothing_behind)
{
	char shm[4300];
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	srd_close(store);
	store = open_store(SRD_RDONLY);
	snprintf(shm, sizeof shm, "%s.shm", path);
	ck_assert_int_eq(access(shm, F_OK), -1);
	ck_assert_int_eq(put(store, "b", 10, 2), -EROFS);
	ck_assert_int_eq(look(store, "a", 3000, 1), 0);
	srd_close(store);
	ck_assert_int_eq(access(shm, F_OK), -1);
}
END_TEST

void rules_damage(TCase *tcase)
{
	tcase_add_test(tcase, rot_below_the_mark_costs_that_commit_alone);
	tcase_add_test(tcase, rot_in_payload_costs_that_payload_alone);
	tcase_add_test(tcase, damage_above_the_mark_ends_the_log);
	tcase_add_test(tcase, rot_in_data_is_damage_where_it_is_named);
	tcase_add_loop_test(tcase, who_crashes_while_repairing_repairs_again, 0, 3);
	tcase_add_test(tcase, reading_leaves_nothing_behind);
}
