/* SPDX-License-Identifier: Apache-2.0 */
/* check_difference.c - a store written anew is the same to the last attribute: from
 * nothing, from an earlier state, and with commits carried over as they are. */
#include "config.h"

#include "base/check.h"
#include "fixture.h"
#include "samestate.h"
#include "store/carry.h"
#include "store/difference.h"
#include "store/fold.h"
#include "store/store.h"

enum { NAMES = 7, NUMBERS = 60 };

static uint64_t seed;
static uint64_t inos[NUMBERS], dirs[NUMBERS];

/* ---- Random commits ---- */

static uint64_t any_dir(void)
{
	uint64_t number = dirs[unit_below(&seed, NUMBERS)];

	return number ? number : SRD_ROOT_INO;
}

static uint64_t any_ino(void)
{
	return inos[unit_below(&seed, NUMBERS)];
}

static const char *any_name(void)
{
	static const char *const names[NAMES] = { "a", "b", "c", "dir", "another name", ".srd-2", ".srd-2~" };

	return names[unit_below(&seed, NAMES)];
}

static void make_any(struct srd_txn *txn)
{
	static const uint32_t modes[] = { S_IFREG | 0644, S_IFREG | 04755, S_IFDIR | 0755, S_IFDIR | 01777, S_IFLNK | 0777,
	                                  S_IFCHR | 0600, S_IFIFO | 0600 };
	uint32_t mode = modes[unit_below(&seed, SRD_LEN(modes))];
	const char *name = any_name();
	uint64_t parent = unit_below(&seed, 20) == 0 && !S_ISDIR(mode) ? 0 : any_dir(), ino;
	size_t len = S_ISLNK(mode) ? 1 + unit_below(&seed, 200) : S_ISREG(mode) ? unit_below(&seed, 3) * unit_below(&seed, 9000) : 0;
	uint8_t *data = srd_txn_alloc(txn, len + 1);

	unit_random_bytes(&seed, data, len);
	if (srd_txn_make(txn, parent, name, parent ? strlen(name) : 0, mode, unit_below(&seed, 9), 3, S_ISCHR(mode) ? 259 : 0,
	                 len ? data : NULL, len, &ino) != 0)
		return;
	inos[unit_below(&seed, NUMBERS)] = ino;
	if (S_ISDIR(mode))
		dirs[unit_below(&seed, NUMBERS)] = ino;
}

static void rename_any(struct srd_txn *txn)
{
	static const unsigned flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
	const char *from = any_name(), *to = any_name();
	uint64_t old_dir = any_dir(), new_dir = any_dir();

	srd_txn_rename(txn, old_dir, from, strlen(from), new_dir, to, strlen(to), flags[unit_below(&seed, 4)]);
}

static void write_any(struct srd_txn *txn)
{
	uint64_t pos = unit_below(&seed, 3) * unit_below(&seed, 30000);
	size_t len = unit_below(&seed, 2) ? unit_below(&seed, 100) : unit_below(&seed, 20000);
	uint8_t *data = srd_txn_alloc(txn, len + 1);

	unit_random_bytes(&seed, data, len);
	srd_txn_write(txn, any_ino(), pos, data, len, unit_below(&seed, 5) == 0);
}

/* All or a part of a file becomes part of another. */
static void clone_any(struct srd_txn *txn)
{
	uint32_t index = srd_state_inode_of(&store->state, any_ino());
	struct srd_ref ref;

	if (!index || !S_ISREG(srd_inode_at(&store->state, index)->mode) ||
	    !srd_state_extent(&store->state, srd_inode_at(&store->state, index), unit_below(&seed, 20000), &ref))
		return;
	if (ref.run && ref.len > 10) {
		uint32_t cut = unit_below(&seed, ref.len / 2);
		ref.skip += cut;
		ref.len -= cut + unit_below(&seed, ref.len / 2 - 1);
	}
	ref.pos = unit_below(&seed, 40000);
	srd_txn_refs(txn, any_ino(), &ref, 1, unit_below(&seed, 3) == 0);
}

static void set_any(struct srd_txn *txn)
{
	struct srd_attr attr = { .mask = unit_below(&seed, 2) ? SRD_ATTR_SIZE : unit_below(&seed, SRD_ATTR_ALL + 1),
	                         .mode = unit_below(&seed, 07777), .uid = 5, .gid = unit_below(&seed, 5),
	                         .size = unit_below(&seed, 40000), .atime_ns = unit_below(&seed, 1000),
	                         .mtime_ns = -5, .ctime_ns = unit_below(&seed, 100) };

	srd_txn_set_attr(txn, any_ino(), &attr);
}

static void xattr_any(struct srd_txn *txn)
{
	static const char *const names[] = { "user.a", "user.b", "security.capability", "system.posix_acl_access" };
	const char *name = names[unit_below(&seed, 4)];
	size_t len = unit_below(&seed, 3) * unit_below(&seed, 300);
	uint8_t *data = srd_txn_alloc(txn, len + 1);

	unit_random_bytes(&seed, data, len);
	srd_txn_xattr(txn, any_ino(), name, strlen(name), unit_below(&seed, 4) ? data : NULL, len);
}

static void change_any(struct srd_txn *txn)
{
	const char *name = any_name();
	struct srd_ref kept = { .pos = unit_below(&seed, 60000), .len = 1 + unit_below(&seed, 9000) };

	switch (unit_below(&seed, 14)) {
	case 0: case 1: case 2: make_any(txn); break;
	case 3: srd_txn_link(txn, any_ino(), any_dir(), name, strlen(name)); break;
	case 4: srd_txn_unlink(txn, any_dir(), name, strlen(name), -1); break;
	case 5: case 6: rename_any(txn); break;
	case 7: case 8: write_any(txn); break;
	case 9: clone_any(txn); break;
	case 10: set_any(txn); break;
	case 11: xattr_any(txn); break;
	case 12: srd_txn_hole(txn, any_ino(), unit_below(&seed, 30000), unit_below(&seed, 9000)); break;
	default: unit_below(&seed, 4) ? srd_txn_reserve(txn, any_ino(), &kept, 1) : srd_txn_free(txn, any_ino());
	}
}

static void commit_some(unsigned count)
{
	struct srd_txn *txn;

	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
		for (unsigned k = unit_below(&seed, 3); k < 3; k++)
			change_any(txn);
		ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
	}
}

/* ---- Written anew ---- */

static struct srd_log *next;
static struct srd_rewrite rewrite;
static struct srd_relocate relocate;
static struct srd_state empty;

static void start(void)
{
	ck_assert_int_eq(srd_log_successor_new(store->log, 0, &next), 0);
	ck_assert_int_eq(srd_rewrite_init(&rewrite, next), 0);
	ck_assert_int_eq(srd_relocate_init(&relocate, store->log, next, &(struct srd_relocate_watch){ 0 }), 0);
	ck_assert_int_eq(srd_state_init(&empty, &store->log->sb, srd_store_source(store->log), 0), 0);
}

static void end(void)
{
	srd_state_release(&empty);
	srd_relocate_release(&relocate);
	srd_rewrite_release(&rewrite);
	srd_log_successor_abandon(store->log, next);
}

static struct srd_log_point now(void)
{
	return srd_point_before(atomic_load(&store->log->end));
}

static struct srd_log_place here(struct srd_state *state)
{
	struct srd_log_place place;
	struct srd_log_point point = now();

	ck_assert_int_eq(srd_fold(store->log, &point, NULL, state, &place), 0);
	return place;
}

static void write_difference(const struct srd_state *from, const struct srd_state *to, const struct srd_log_place *place)
{
	struct srd_difference difference = { .from = from, .to = to, .log = store->log, .relocate = &relocate,
	                                     .rewrite = &rewrite, .stamp.flags = SRD_RECORD_BASE,
	                                     .stamp.sequence = place->sequence, .stamp.time_ns = place->last_time_ns };

	ck_assert_int_eq(srd_difference_want(&relocate, from, to), 0);
	ck_assert_int_eq(srd_difference_copy(&relocate, from, to), 0);
	ck_assert_int_eq(srd_difference_write(&difference), 0);
}

static void check_same(const struct srd_state *state, bool cookies)
{
	struct seen_state old = { state, store->log }, fresh = { &rewrite.state, next };

	ck_assert_uint_eq(rewrite.state.misfits, 0);
	same_state(&old, &fresh, cookies);
}

START_TEST(a_state_is_written_from_nothing)
{
	struct srd_state state;

	for (int round = 0; round < 20; round++) {
		commit_some(60);
		struct srd_log_place place = here(&state);
		start();
		write_difference(&empty, &state, &place);
		check_same(&state, true);
		end();
		srd_state_release(&state);
	}
}
END_TEST

/* OP of the one file comes behind what was written: then it is told that it differs. */
static void spoil(const struct srd_state *state, const struct srd_log_place *place, struct srd_op op)
{
	struct srd_difference difference = { .to = state, .log = store->log, .relocate = &relocate, .rewrite = &rewrite };
	struct srd_log_stamp stamp = { .flags = SRD_RECORD_BASE, .sequence = place->sequence, .time_ns = place->last_time_ns };

	start();
	write_difference(&empty, state, place);
	ck_assert(srd_difference_is_same(&difference));
	ck_assert_int_eq(srd_rewrite_add(&rewrite, &op, "x", NULL, NULL), 0);
	ck_assert_int_eq(srd_rewrite_commit(&rewrite, &stamp), 0);
	ck_assert_uint_eq(rewrite.state.misfits, 0);
	ck_assert(!srd_difference_is_same(&difference));
	end();
}

START_TEST(what_was_written_is_held_against_what_it_restates)
{
	struct srd_state state;
	struct srd_txn *txn;
	uint64_t ino;

	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_make(txn, SRD_ROOT_INO, "file", 4, S_IFREG | 0644, 1, 2, 0, "content", 7, &ino), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
	struct srd_log_place place = here(&state);
	const struct srd_op ops[] = {
		{ .kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_MODE | SRD_ATTR_CTIME, .mode = 0600 },
		{ .kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_CTIME, .ctime_ns = 1 },
		{ .kind = SRD_OP_SETATTR, .ino = SRD_ROOT_INO, .mask = SRD_ATTR_MTIME, .mtime_ns = 1 },
		{ .kind = SRD_OP_XATTR, .ino = ino, .name = "user.a", .name_len = 6, .run.len = 1 },
		{ .kind = SRD_OP_WRITE, .ino = ino, .pos = 3, .run.len = 1 },
		{ .kind = SRD_OP_LINK, .ino = ino, .parent = SRD_ROOT_INO, .name = "other", .name_len = 5 },
		{ .kind = SRD_OP_RENAME, .ino = ino, .parent = SRD_ROOT_INO, .name = "file", .name_len = 4,
		  .new_parent = SRD_ROOT_INO, .new_name = "elif", .new_name_len = 4 },
		{ .kind = SRD_OP_UNLINK, .ino = ino, .parent = SRD_ROOT_INO, .name = "file", .name_len = 4 },
	};
	for (size_t i = 0; i < SRD_LEN(ops); i++)
		spoil(&state, &place, ops[i]);
	srd_state_release(&state);
}
END_TEST

START_TEST(a_state_becomes_a_later_one)
{
	for (int round = 0; round < 40; round++) {
		struct srd_state states[4];
		struct srd_log_place places[4];
		for (int i = 0; i < 4; i++) {
			commit_some(1 + unit_below(&seed, 40));
			places[i] = here(&states[i]);
		}
		start();
		for (int i = 0; i < 4; i++) {
			write_difference(i ? &states[i - 1] : &empty, &states[i], &places[i]);
			check_same(&states[i], false);
			ck_assert_uint_eq(next->sequence, places[i].sequence);
		}
		end();
		for (int i = 0; i < 4; i++)
			srd_state_release(&states[i]);
	}
}
END_TEST

static int carry(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	(void)user;
	return srd_carry_commit(&relocate, &rewrite, record, metadata);
}

START_TEST(commits_are_carried_over)
{
	const struct srd_log_visitor visitor = { .visit = carry };

	for (int round = 0; round < 20; round++) {
		struct srd_state before, after;
		commit_some(30);
		struct srd_log_place place = here(&before);
		start();
		write_difference(&empty, &before, &place);
		commit_some(50);
		here(&after);
		struct srd_log_point point = now();
		ck_assert_int_eq(srd_log_replay(store->log, &place, &point, &visitor, NULL), 0);
		check_same(&after, true);
		ck_assert_uint_eq(next->sequence, store->log->sequence);
		end();
		srd_state_release(&before);
		srd_state_release(&after);
	}
}
END_TEST

static void add(TCase *tcase)
{
	seed = unit_seed();
	tcase_add_test(tcase, a_state_is_written_from_nothing);
	tcase_add_test(tcase, what_was_written_is_held_against_what_it_restates);
	tcase_add_test(tcase, a_state_becomes_a_later_one);
	tcase_add_test(tcase, commits_are_carried_over);
}

int main(void)
{
	return run_case("difference", add);
}
