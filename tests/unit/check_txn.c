/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction sees its own changes, checks what POSIX has it check, and
 * happens wholly or not at all, whoever else writes.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/le.h"
#include "format/spare.h"
#include "store/store.h"

static char directory[] = "/tmp/check-txn-XXXXXX";
static char path[64];
static struct srd_store *store;

static void setup(void)
{
	strcpy(directory + sizeof directory - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/store", directory);
	ck_assert_int_eq(srd_store_open(path, SRD_CREATE | SRD_NOSYNC, NULL, &store), 0);
}

static void teardown(void)
{
	ck_assert_int_eq(srd_store_close(store), 0);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void reopen(void)
{
	ck_assert_int_eq(srd_store_close(store), 0);
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, NULL, &store), 0);
}

static struct srd_txn *begin(void)
{
	struct srd_txn *txn;

	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	return txn;
}

static void commit(struct srd_txn *txn)
{
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

static int try_make(struct srd_txn *txn, uint64_t dir, const char *name, uint32_t mode, uint64_t *ino)
{
	return srd_txn_make(txn, dir, name, strlen(name), mode, 0, 0, 0, NULL, 0, ino);
}

static uint64_t make(struct srd_txn *txn, uint64_t dir, const char *name, uint32_t mode)
{
	uint64_t ino;

	ck_assert_int_eq(try_make(txn, dir, name, mode, &ino), 0);
	return ino;
}

static uint64_t make_file(struct srd_txn *txn, uint64_t dir, const char *name)
{
	return make(txn, dir, name, S_IFREG | 0644);
}

static uint64_t make_dir(struct srd_txn *txn, uint64_t dir, const char *name)
{
	return make(txn, dir, name, S_IFDIR | 0755);
}

static int unlink_in(struct srd_txn *txn, uint64_t dir, const char *name, int directory_only)
{
	return srd_txn_unlink(txn, dir, name, strlen(name), directory_only);
}

static int move(struct srd_txn *txn, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                unsigned flags)
{
	return srd_txn_rename(txn, dir, name, strlen(name), new_dir, new_name, strlen(new_name), flags);
}

/* The number NAME stands for now, 0: none. */
static uint64_t find(uint64_t dir, const char *name)
{
	struct srd_txn *txn = begin();
	struct srd_node node;
	int error = srd_txn_lookup(txn, dir, name, strlen(name), &node);

	srd_txn_abort(txn);
	ck_assert(error == 0 || error == -ENOENT);
	return error ? 0 : node.ino;
}

START_TEST(names_that_cannot_be_are_refused)
{
	char name[257];
	uint64_t ino;
	struct srd_txn *txn = begin();

	memset(name, 'x', sizeof name);
	ck_assert_int_eq(srd_txn_make(txn, 1, name, 256, S_IFREG, 0, 0, 0, NULL, 0, &ino), -ENAMETOOLONG);
	ck_assert_int_eq(srd_txn_make(txn, 1, name, 255, S_IFREG, 0, 0, 0, NULL, 0, &ino), 0);
	ck_assert_int_eq(try_make(txn, 1, "", S_IFREG, &ino), -EINVAL);
	ck_assert_int_eq(try_make(txn, 1, "a/b", S_IFREG, &ino), -EINVAL);
	ck_assert_int_eq(try_make(txn, 1, "..", S_IFREG, &ino), -EINVAL);
	ck_assert_int_eq(try_make(txn, 1, ".srd", S_IFREG, &ino), SRD_ERESERVED);
	uint64_t dir = make_dir(txn, 1, "dir");
	make_file(txn, dir, ".srd");
	ck_assert_int_eq(move(txn, dir, ".srd", 1, ".srd", 0), SRD_ERESERVED);
	ck_assert_int_eq(try_make(txn, 99, "a", S_IFREG, &ino), -ENOENT);
	commit(txn);
}
END_TEST

START_TEST(a_transaction_sees_its_own_changes)
{
	struct srd_txn *txn = begin();
	uint64_t ino;
	uint64_t dir = make_dir(txn, 1, "dir");
	uint64_t file = make_file(txn, dir, "file");

	ck_assert_int_eq(try_make(txn, dir, "file", S_IFREG, &ino), -EEXIST);
	ck_assert_int_eq(try_make(txn, file, "below", S_IFREG, &ino), -ENOTDIR);
	ck_assert_int_eq(unlink_in(txn, 1, "dir", 1), -ENOTEMPTY);
	ck_assert_int_eq(unlink_in(txn, 1, "dir", 0), -EISDIR);
	ck_assert_int_eq(unlink_in(txn, dir, "file", 1), -ENOTDIR);
	ck_assert_int_eq(move(txn, dir, "file", 1, "moved", 0), 0);
	ck_assert_int_eq(unlink_in(txn, dir, "file", 0), -ENOENT);
	ck_assert_int_eq(unlink_in(txn, 1, "dir", 1), 0);
	ck_assert_int_eq(try_make(txn, dir, "late", S_IFREG, &ino), -ENOENT);
	commit(txn);
	ck_assert_uint_eq(find(1, "moved"), file);
	ck_assert_uint_eq(find(1, "dir"), 0);
	reopen();
	ck_assert_uint_eq(find(1, "moved"), file);
	ck_assert_uint_eq(find(1, "dir"), 0);
	ck_assert_uint_eq(store->state.misfits, 0);
}
END_TEST

START_TEST(an_aborted_transaction_never_was)
{
	struct srd_txn *txn = begin();

	make_file(txn, 1, "a");
	srd_txn_abort(txn);
	ck_assert_uint_eq(find(1, "a"), 0);
	ck_assert_uint_eq(store->log->end, SRD_FIRST_RECORD + SRD_SPARE_LEN);
}
END_TEST

START_TEST(a_directory_never_comes_to_lie_below_itself)
{
	struct srd_txn *txn = begin();
	uint64_t a = make_dir(txn, 1, "a");
	uint64_t b = make_dir(txn, a, "b");
	uint64_t c = make_dir(txn, b, "c");

	ck_assert_int_eq(move(txn, 1, "a", c, "x", 0), -EINVAL);
	ck_assert_int_eq(move(txn, 1, "a", a, "x", 0), -EINVAL);
	commit(txn);
	txn = begin();
	ck_assert_int_eq(move(txn, 1, "a", c, "x", 0), -EINVAL);
	ck_assert_int_eq(move(txn, a, "b", 1, "b", 0), 0);
	/* Now c is below b, no longer below a, all within this transaction. */
	ck_assert_int_eq(move(txn, 1, "a", c, "x", 0), 0);
	ck_assert_int_eq(move(txn, 1, "b", a, "y", 0), -EINVAL);
	commit(txn);
	ck_assert_uint_eq(store->state.misfits, 0);
	ck_assert_uint_eq(find(c, "x"), a);
}
END_TEST

START_TEST(rename_replaces_by_the_rules)
{
	struct srd_txn *txn = begin();
	uint64_t file = make_file(txn, 1, "file"), other = make_file(txn, 1, "other");
	uint64_t full = make_dir(txn, 1, "full"), empty = make_dir(txn, 1, "empty");

	make_file(txn, full, "x");
	commit(txn);
	txn = begin();
	ck_assert_int_eq(move(txn, 1, "file", 1, "full", 0), -EISDIR);
	ck_assert_int_eq(move(txn, 1, "full", 1, "file", 0), -ENOTDIR);
	ck_assert_int_eq(move(txn, 1, "empty", 1, "full", 0), -ENOTEMPTY);
	ck_assert_int_eq(move(txn, 1, "file", 1, "other", RENAME_NOREPLACE), -EEXIST);
	ck_assert_int_eq(move(txn, 1, "none", 1, "other", 0), -ENOENT);
	ck_assert_int_eq(move(txn, 1, "file", 1, "none", RENAME_EXCHANGE), -ENOENT);
	ck_assert_int_eq(move(txn, 1, "file", 1, "other", RENAME_WHITEOUT), -EINVAL);
	ck_assert_int_eq(move(txn, 1, "full", 1, "empty", 0), 0);
	ck_assert_int_eq(move(txn, 1, "file", 1, "other", RENAME_EXCHANGE), 0);
	ck_assert_int_eq(srd_txn_link(txn, file, 1, "again", 5), 0);
	ck_assert_int_eq(move(txn, 1, "again", 1, "other", 0), 0);   /* same file: nothing */
	commit(txn);
	ck_assert_uint_eq(find(1, "empty"), full);
	ck_assert_uint_eq(find(1, "full"), 0);
	ck_assert_uint_eq(find(1, "other"), file);
	ck_assert_uint_eq(find(1, "file"), other);
	ck_assert_uint_eq(find(1, "again"), file);
	ck_assert_uint_eq(srd_state_inode_of(&store->state, empty), 0);
	ck_assert_uint_eq(store->state.misfits, 0);
}
END_TEST

START_TEST(data_counts_once_a_commit_names_it)
{
	static char bytes[100000];
	struct iovec pieces[2] = { { bytes, sizeof bytes }, { bytes, 10 } };
	uint64_t runs[2], ino;
	struct srd_ref ref;

	memset(bytes, 'd', sizeof bytes);
	ck_assert_int_eq(srd_store_append_data(store, pieces, 2, runs, NULL), 0);
	struct srd_txn *txn = begin();
	ino = make_file(txn, 1, "file");
	struct srd_ref refs[2] = { { .pos = 0, .run = runs[0], .skip = 5, .len = 50000 },
	                           { .pos = 60000, .run = runs[1], .skip = 0, .len = 10 } };
	ck_assert_int_eq(srd_txn_refs(txn, ino, refs, 2, false), 0);
	commit(txn);
	reopen();
	const struct srd_inode *inode = srd_inode_at(&store->state, srd_state_inode_of(&store->state, ino));
	ck_assert_uint_eq(inode->size, 60010);
	ck_assert_uint_eq(srd_state_stored_bytes(&store->state, inode), 50010);
	ck_assert(srd_state_extent(&store->state, inode, 55000, &ref));
	ck_assert_uint_eq(ref.pos, 60000);
	struct srd_run run;
	char copy[10];
	ck_assert(srd_log_run(store->log, ref.run, &run));
	ck_assert_int_eq(srd_log_copy(store->log, &run, ref.skip, ref.len, copy), 0);
	ck_assert_int_eq(memcmp(copy, bytes, 10), 0);
}
END_TEST

START_TEST(history_is_a_chain)
{
	struct srd_txn *txn = begin();
	uint64_t ino = make_file(txn, 1, "file");

	ck_assert_int_eq(srd_txn_write(txn, ino, 0, "one", 3, false), 0);
	commit(txn);
	txn = begin();
	ck_assert_int_eq(srd_txn_write(txn, ino, 0, "two", 3, true), 0);
	ck_assert_int_eq(srd_txn_set_attr(txn, ino, &(struct srd_attr){ .mask = SRD_ATTR_MODE, .mode = 0600 }), 0);
	commit(txn);
	static const enum srd_op_kind want[] = { SRD_OP_SETATTR, SRD_OP_WRITE, SRD_OP_WRITE, SRD_OP_MAKE };
	uint64_t at = srd_inode_at(&store->state, srd_state_inode_of(&store->state, ino))->last_op;
	for (unsigned i = 0; i < 4; i++) {
		struct srd_op op;
		uint64_t end = store->log->end;
		ck_assert(srd_op_decode(&op, srd_log_at(store->log, at, 8), end - at, at, end));
		ck_assert_int_eq(op.kind, want[i]);
		at = op.prev;
	}
	ck_assert_uint_eq(at, 0);
}
END_TEST

static ssize_t no_space(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	return *(bool *)io->user ? -ENOSPC : srd_io_posix.pwritev(io, fd, iov, count, offset);
}

START_TEST(a_commit_that_cannot_be_written_is_not_seen)
{
	bool full = false;
	struct srd_io io = srd_io_posix;

	io.pwritev = no_space;
	io.user = &full;
	srd_store_close(store);
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, &io, &store), 0);
	full = true;
	struct srd_txn *txn = begin();
	make_file(txn, 1, "a");
	ck_assert_int_eq(srd_txn_commit(txn, NULL), -ENOSPC);
	ck_assert_uint_eq(find(1, "a"), 0);
	full = false;
	txn = begin();
	uint64_t b = make_file(txn, 1, "b");
	commit(txn);
	reopen();
	ck_assert_uint_eq(find(1, "a"), 0);
	ck_assert_uint_eq(find(1, "b"), b);
}
END_TEST

START_TEST(of_two_who_make_one_name_one_wins)
{
	struct srd_store *other;
	struct srd_txn *txn;
	uint64_t ino, theirs;

	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, NULL, &other), 0);
	ck_assert_int_eq(srd_txn_begin(other, &txn), 0);
	ck_assert_int_eq(try_make(txn, 1, "name", S_IFREG, &theirs), 0);
	commit(txn);
	/* The other's keeper gives the lock over when we ask. */
	txn = begin();
	ck_assert_int_eq(try_make(txn, 1, "name", S_IFREG, &ino), -EEXIST);
	srd_txn_abort(txn);
	ck_assert_uint_eq(find(1, "name"), theirs);
	ck_assert_int_eq(srd_store_close(other), 0);
}
END_TEST

START_TEST(an_unlinked_file_lives_while_pinned)
{
	struct srd_txn *txn = begin();
	uint64_t ino = make_file(txn, 1, "file");

	ck_assert_int_eq(srd_txn_write(txn, ino, 0, "abc", 3, false), 0);
	commit(txn);
	srd_state_pin(&store->state, srd_state_inode_of(&store->state, ino), 2);
	txn = begin();
	ck_assert_int_eq(unlink_in(txn, 1, "file", 0), 0);
	commit(txn);
	ck_assert_uint_eq(find(1, "file"), 0);
	txn = begin();
	ck_assert_int_eq(srd_txn_write(txn, ino, 3, "def", 3, false), 0);
	commit(txn);
	ck_assert_uint_eq(srd_inode_at(&store->state, srd_state_inode_of(&store->state, ino))->size, 6);
	srd_store_unpin(store, ino, 1);
	ck_assert_uint_ne(srd_state_inode_of(&store->state, ino), 0);
	srd_store_unpin(store, ino, 1);
	ck_assert_uint_eq(srd_state_inode_of(&store->state, ino), 0);
	reopen();
	ck_assert_uint_eq(srd_state_inode_of(&store->state, ino), 0);
	ck_assert_uint_eq(store->state.misfits, 0);
}
END_TEST

/* It shares our locks, so both would append at one place. */
START_TEST(a_child_cannot_write_through_our_handle)
{
	struct srd_txn *txn = begin();
	int status;

	srd_txn_abort(txn);
	pid_t child = fork();
	if (child == 0)
		_exit(srd_txn_begin(store, &txn) == -EBADF && srd_store_close(store) == 0 ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	/* Its closing took nothing of ours away: we are still here to others. */
	struct srd_store *other;
	ck_assert_int_eq(srd_store_open(path, SRD_EXCLUSIVE, NULL, &other), -EBUSY);
	srd_txn_abort(begin());
}
END_TEST

#ifndef SRD_SANITIZED
/* In a process of its own (the check library forks): a limit cannot be raised again. */
START_TEST(any_sane_address_space_will_do)
{
	ck_assert_int_eq(srd_store_close(store), 0);
	for (rlim_t mib = 1024; mib >= 64; mib -= mib / 16) {
		ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ .rlim_cur = mib << 20, .rlim_max = mib << 20 }), 0);
		ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, NULL, &store), 0);
		ck_assert_int_eq(srd_store_close(store), 0);
	}
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, NULL, &store), 0);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("txn");
	TCase *tcase = tcase_create("txn");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, names_that_cannot_be_are_refused);
	tcase_add_test(tcase, a_transaction_sees_its_own_changes);
	tcase_add_test(tcase, an_aborted_transaction_never_was);
	tcase_add_test(tcase, a_directory_never_comes_to_lie_below_itself);
	tcase_add_test(tcase, rename_replaces_by_the_rules);
	tcase_add_test(tcase, data_counts_once_a_commit_names_it);
	tcase_add_test(tcase, history_is_a_chain);
	tcase_add_test(tcase, a_commit_that_cannot_be_written_is_not_seen);
	tcase_add_test(tcase, of_two_who_make_one_name_one_wins);
	tcase_add_test(tcase, an_unlinked_file_lives_while_pinned);
	tcase_add_test(tcase, a_child_cannot_write_through_our_handle);
#ifndef SRD_SANITIZED
	tcase_add_test(tcase, any_sane_address_space_will_do);
#endif
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
