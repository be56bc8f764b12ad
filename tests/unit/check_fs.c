/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as a file system, without a kernel: what is written is seen at once and
 * is in the log when the file is closed; what is unlinked lives as long as it is
 * open and leaves nothing behind; an error keeps the data; random operations
 * match a model.
 */
#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "fs/fs.h"
#include "fs/space.h"
#include "fs/xattr.h"

static uint64_t seed;
static char directory[64], path[96], told[8192];
static struct srd_store *store;
static struct srd_fs *fs;
static struct srd_io io;
static int write_error;   /* what writing to the store's file gives, if not 0 */
static int sync_error;    /* likewise syncing */
static int reads;         /* calls that read the store's file */

static ssize_t write_or_fail(const struct srd_io *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	return write_error ? write_error : srd_io_posix.pwritev(self, fd, iov, count, offset);
}

static ssize_t read_and_count(const struct srd_io *self, int fd, void *data, size_t len, uint64_t offset)
{
	reads++;
	return srd_io_posix.pread(self, fd, data, len, offset);
}

static int sync_or_fail(const struct srd_io *self, int fd)
{
	return sync_error ? sync_error : srd_io_posix.fdatasync(self, fd);
}

static void say(void *user, const char *text)
{
	(void)user;
	snprintf(told, sizeof told, "%s", text);
}

static void mount(void)
{
	ck_assert_int_eq(srd_store_open(path, SRD_CREATE | SRD_NOSYNC, &io, &store), 0);
	ck_assert_int_eq(srd_fs_new(store, say, NULL, &fs), 0);
	srd_unnamed_sweep(fs);
}

static void unmount(void)
{
	ck_assert_int_eq(srd_fs_free(fs), 0);
	ck_assert_uint_eq(store->state.misfits, 0);
	ck_assert_int_eq(srd_store_close(store), 0);
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(directory, sizeof directory, "%.40s/check-fs-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/store", directory);
	io = srd_io_posix;
	io.pwritev = write_or_fail;
	io.pread = read_and_count;
	io.fdatasync = sync_or_fail;
	write_error = sync_error = 0;
	mount();
}

static void teardown(void)
{
	char shm[128];

	unmount();
	snprintf(shm, sizeof shm, "%s.shm", path);
	unlink(shm);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

/* ---- Shorthands ---- */

static const struct srd_fs_node plain = { .mode = S_IFREG | 0644, .uid = 1000, .gid = 1000 };

static struct srd_file *create(const char *name)
{
	struct srd_file *file;
	struct stat st;

	ck_assert_int_eq(srd_fs_create(fs, SRD_ROOT_INO, name, &plain, O_RDWR, &st, &file), 0);
	return file;
}

static uint64_t lookup(const char *name, struct stat *st)
{
	ck_assert_int_eq(srd_fs_lookup(fs, SRD_ROOT_INO, name, st), 0);
	return st->st_ino;
}

static struct srd_file *open_again(uint64_t ino, int flags)
{
	struct srd_file *file;

	ck_assert_int_eq(srd_fs_open(fs, ino, flags, NULL, &file), 0);
	return file;
}

static void write_text(struct srd_file *file, uint64_t pos, const char *text)
{
	ck_assert_int_eq(srd_fs_write(fs, file, pos, text, strlen(text), NULL), 0);
}

static void expect_text(struct srd_file *file, const char *text)
{
	char buffer[256];
	ssize_t len = srd_fs_read(fs, file, 0, buffer, sizeof buffer);

	ck_assert_int_eq(len, (ssize_t)strlen(text));
	ck_assert_mem_eq(buffer, text, (size_t)len);
}

static uint64_t end_of_log(void)
{
	return atomic_load(&store->log->end);
}

/* ---- Writing ---- */

START_TEST(what_is_written_is_seen_at_once_and_committed_at_close)
{
	struct srd_file *file = create("f");
	uint64_t ino = file->inode->ino, end = end_of_log();
	struct srd_file *other = open_again(ino, O_RDONLY);
	struct stat st;

	write_text(file, 0, "hello");
	expect_text(other, "hello");
	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), 0);
	ck_assert_int_eq(st.st_size, 5);
	ck_assert_int_eq(st.st_blocks, 1);
	ck_assert_uint_eq(end_of_log(), end);
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	ck_assert_uint_gt(end_of_log(), end);
	end = end_of_log();
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	srd_fs_close(fs, file);
	srd_fs_close(fs, other);
	ck_assert_uint_eq(end_of_log(), end);
	unmount();
	mount();
	lookup("f", &st);
	ck_assert_int_eq(st.st_size, 5);
	ck_assert_uint_eq(st.st_uid, 1000);
}
END_TEST

START_TEST(a_time_that_was_shown_stays)
{
	struct srd_file *file = create("f");
	struct stat before, after;

	write_text(file, 0, "hello");
	ck_assert_int_eq(srd_fs_get_attr(fs, file->inode->ino, &before), 0);
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	ck_assert_int_eq(srd_fs_get_attr(fs, file->inode->ino, &after), 0);
	ck_assert_mem_eq(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
	ck_assert_mem_eq(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
	srd_fs_close(fs, file);
}
END_TEST

START_TEST(a_failing_commit_keeps_the_data)
{
	struct srd_file *file = create("f");
	uint64_t ino = file->inode->ino;

	write_text(file, 0, "precious");
	write_error = -ENOSPC;
	ck_assert_int_eq(srd_fs_flush(fs, file), -ENOSPC);
	ck_assert_int_eq(srd_fs_sync(fs, file), -ENOSPC);
	expect_text(file, "precious");
	srd_fs_close(fs, file);
	write_error = 0;
	file = open_again(ino, O_RDWR);
	expect_text(file, "precious");
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	srd_fs_close(fs, file);
	unmount();
	mount();
	struct stat st;
	file = open_again(lookup("f", &st), O_RDONLY);
	expect_text(file, "precious");
	srd_fs_close(fs, file);
}
END_TEST

START_TEST(a_large_write_fails_where_there_is_no_room)
{
	struct srd_file *file = create("f");
	size_t len = 1 << 20;
	char *data = calloc(1, len);

	write_error = -ENOSPC;
	ck_assert_int_eq(srd_fs_write(fs, file, 0, data, len, NULL), -ENOSPC);
	write_error = 0;
	ck_assert_int_eq(srd_fs_write(fs, file, 0, data, len, NULL), 0);
	srd_fs_close(fs, file);
	free(data);
}
END_TEST

/* Nobody may have asked for the sync. */
START_TEST(a_failed_sync_is_told_once)
{
	struct srd_file *file = create("f");
	struct srd_file *other;
	struct stat st;

	write_text(file, 0, "text");
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	sync_error = -EIO;
	ck_assert_int_eq(srd_store_sync(store), -EIO);
	sync_error = 0;
	told[0] = 0;
	ck_assert_int_eq(srd_fs_create(fs, SRD_ROOT_INO, "g", &plain, O_RDWR, &st, &other), SRD_EPOISONED);
	ck_assert_int_eq(srd_fs_get_attr(fs, file->inode->ino, &st), 0);
	ck_assert_ptr_nonnull(strstr(told, "syncing the store file failed: Input/output error"));
	told[0] = 0;
	ck_assert_int_eq(srd_fs_get_attr(fs, file->inode->ino, &st), 0);
	ck_assert_str_eq(told, "");
	srd_fs_close(fs, file);
}
END_TEST

START_TEST(truncation_at_open_is_seen_at_once_and_is_one_commit_with_the_new_content)
{
	struct srd_file *file = create("f"), *truncating;
	uint64_t ino = file->inode->ino;
	struct stat st;

	write_text(file, 0, "old content");
	srd_fs_close(fs, file);
	file = open_again(ino, O_RDONLY);
	uint64_t sequence = store->log->sequence;
	truncating = open_again(ino, O_WRONLY | O_TRUNC);
	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	expect_text(file, "");
	write_text(truncating, 0, "new");
	expect_text(file, "new");
	srd_fs_close(fs, truncating);
	ck_assert_uint_eq(store->log->sequence, sequence + 1);
	truncating = open_again(ino, O_WRONLY | O_TRUNC);
	srd_fs_close(fs, truncating);
	expect_text(file, "");
	srd_fs_close(fs, file);
}
END_TEST

/* ---- Access times ---- */

static struct timespec atime_of(uint64_t ino)
{
	struct stat st;

	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), 0);
	return st.st_atim;
}

static bool read_changes_atime(struct srd_file *file)
{
	struct timespec before = atime_of(file->inode->ino);
	expect_text(file, "text");
	struct timespec after = atime_of(file->inode->ino);

	return before.tv_sec != after.tv_sec || before.tv_nsec != after.tv_nsec;
}

START_TEST(access_times_follow_reading_where_wanted_and_are_committed_later)
{
	struct srd_attr day = { .mask = SRD_ATTR_ATIME };
	struct srd_file *file = create("f");
	uint64_t ino = file->inode->ino;
	struct stat before, st;

	write_text(file, 0, "text");
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	ck_assert(!read_changes_atime(file));
	fs->access = SRD_ACCESS_RELATIVE;
	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &before), 0);
	uint64_t sequence = store->log->sequence;
	ck_assert(read_changes_atime(file));
	ck_assert(!read_changes_atime(file));
	ck_assert_uint_eq(store->log->sequence, sequence);
	srd_fs_close(fs, file);
	struct timespec seen = atime_of(ino);
	unmount();
	mount();
	fs->access = SRD_ACCESS_RELATIVE;
	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), 0);
	ck_assert(st.st_atim.tv_sec == seen.tv_sec && st.st_atim.tv_nsec == seen.tv_nsec);
	/* Reading changes nothing else. */
	ck_assert(st.st_ctim.tv_sec == before.st_ctim.tv_sec && st.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	ck_assert(st.st_mtim.tv_sec == before.st_mtim.tv_sec && st.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
	file = open_again(ino, O_RDWR);
	ck_assert(!read_changes_atime(file));
	write_text(file, 0, "text");
	ck_assert(read_changes_atime(file));
	/* A day later. */
	day.atime_ns = srd_wall_ns() - INT64_C(86401000000000);
	ck_assert_int_eq(srd_fs_set_attr(fs, ino, &day, NULL, &st), 0);
	ck_assert(read_changes_atime(file));
	fs->access = SRD_ACCESS_STRICT;
	ck_assert(read_changes_atime(file));
	ck_assert(read_changes_atime(file));
	srd_fs_close(fs, file);
}
END_TEST

/* ---- A limit ---- */

static uint64_t log_end(void)
{
	return atomic_load(&store->log->end);
}

/* Writes a little to each of three files in turn until one is refused. */
static void fill_up(struct srd_file *files[3])
{
	static const char bytes[3000];
	int error = 0;

	for (uint64_t i = 0; !error; i++) {
		ck_assert_uint_lt(i, 1000);
		error = srd_fs_write(fs, files[i % 3], i * sizeof bytes, bytes, sizeof bytes, NULL);
	}
	ck_assert_int_eq(error, -ENOSPC);
}

START_TEST(a_store_grows_up_to_its_limit_and_can_be_put_in_order_then)
{
	struct srd_file *files[3] = { create("a"), create("b"), create("c") };
	struct srd_attr mode = { .mask = SRD_ATTR_MODE, .mode = 0600 }, cut = { .mask = SRD_ATTR_SIZE, .size = 3 };
	uint64_t max = log_end() + 300000, a = files[0]->inode->ino;
	struct stat st;
	int error;

	fs->limit.max_bytes = max;
	fill_up(files);
	/* What was taken has its place. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(srd_fs_flush(fs, files[i]), 0);
	ck_assert_uint_le(log_end(), max);
	ck_assert_uint_ge(log_end(), max - max / 8);
	ck_assert_uint_eq(atomic_load(&fs->limit.pending), 0);
	ck_assert_int_eq(srd_fs_write(fs, files[0], 0, fs, 20000, NULL), -ENOSPC);
	while ((error = srd_fs_make(fs, SRD_ROOT_INO, "new", &plain, &st)) == 0)
		ck_assert_int_eq(srd_fs_unlink(fs, SRD_ROOT_INO, "new", false), 0);
	ck_assert_int_eq(error, -ENOSPC);
	ck_assert_int_eq(srd_fs_link(fs, a, SRD_ROOT_INO, "d", &st), -ENOSPC);
	ck_assert_int_eq(srd_fs_set_xattr(fs, a, "user.a", "v", 1, 0, true), -ENOSPC);
	ck_assert_int_eq(srd_fs_rename(fs, SRD_ROOT_INO, "a", SRD_ROOT_INO, "d", 0, NULL), 0);
	while ((error = srd_fs_set_attr(fs, a, &mode, NULL, &st)) == 0)
		ck_assert_uint_le(log_end(), max);
	ck_assert_int_eq(error, -ENOSPC);
	ck_assert_int_eq(srd_fs_rename(fs, SRD_ROOT_INO, "d", SRD_ROOT_INO, "a", 0, NULL), -ENOSPC);
	ck_assert_int_eq(srd_fs_set_attr(fs, a, &cut, NULL, &st), 0);
	for (int i = 0; i < 3; i++)
		srd_fs_close(fs, files[i]);
	ck_assert_int_eq(srd_fs_unlink(fs, SRD_ROOT_INO, "d", false), 0);
}
END_TEST

/* ---- Unlinked ---- */

START_TEST(an_unlinked_file_works_and_leaves_nothing)
{
	struct srd_file *file = create("f");
	uint64_t ino = file->inode->ino;
	struct srd_attr cut = { .mask = SRD_ATTR_SIZE, .size = 3 }, mode = { .mask = SRD_ATTR_MODE, .mode = 0600 };
	struct stat st;

	write_text(file, 0, "before");
	ck_assert_int_eq(srd_fs_unlink(fs, SRD_ROOT_INO, "f", false), 0);
	uint64_t sequence = store->log->sequence;
	write_text(file, 6, " after");
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	ck_assert_int_eq(srd_fs_sync(fs, file), 0);
	expect_text(file, "before after");
	ck_assert_uint_eq(store->log->sequence, sequence);
	ck_assert_int_eq(srd_fs_set_attr(fs, ino, &mode, NULL, &st), 0);
	ck_assert_int_eq(srd_fs_set_attr(fs, ino, &cut, NULL, &st), 0);
	ck_assert_int_eq(st.st_size, 3);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_uint_eq(st.st_nlink, 0);
	expect_text(file, "bef");
	cut.size = 5;
	ck_assert_int_eq(srd_fs_set_attr(fs, ino, &cut, NULL, &st), 0);
	char buffer[8];
	ck_assert_int_eq(srd_fs_read(fs, file, 0, buffer, sizeof buffer), 5);
	ck_assert_mem_eq(buffer, "bef\0\0", 5);
	srd_fs_close(fs, file);
	/* Held by number only, it is still there. */
	file = open_again(ino, O_RDONLY);
	ck_assert_int_eq(srd_fs_read(fs, file, 0, buffer, sizeof buffer), 5);
	srd_fs_close(fs, file);
	srd_fs_forget(fs, ino, 1);
	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), -ESTALE);
	ck_assert_uint_eq(atomic_load(&fs->opens.changed_count), 0);
}
END_TEST

START_TEST(a_file_that_never_had_a_name_is_given_up)
{
	struct srd_file *file;
	struct stat st;

	ck_assert_int_eq(srd_fs_create(fs, SRD_ROOT_INO, NULL, &plain, O_RDWR, &st, &file), 0);
	uint64_t ino = st.st_ino;
	write_text(file, 0, "text");
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	expect_text(file, "text");
	srd_fs_close(fs, file);
	srd_fs_forget(fs, ino, 1);
	ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), -ESTALE);
	ck_assert_int_eq(srd_fs_create(fs, SRD_ROOT_INO, NULL, &plain, O_RDWR, &st, &file), 0);
	ino = st.st_ino;
	write_text(file, 0, "named");
	ck_assert_int_eq(srd_fs_link(fs, ino, SRD_ROOT_INO, "n", &st), 0);
	srd_fs_close(fs, file);
	srd_fs_forget(fs, ino, 2);
	unmount();
	mount();
	file = open_again(lookup("n", &st), O_RDONLY);
	ck_assert_uint_eq(st.st_nlink, 1);
	expect_text(file, "named");
	srd_fs_close(fs, file);
}
END_TEST

/* Makes a file without a name that nobody takes care of, as a crash leaves it. */
static uint64_t leave_unnamed(void)
{
	struct srd_txn *txn;
	uint64_t ino;

	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_make(txn, 0, NULL, 0, S_IFREG | 0600, 1, 2, 0, "left", 4, &ino), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
	return ino;
}

START_TEST(what_a_crash_left_without_a_name_is_given_up_by_who_is_alone)
{
	uint64_t one = leave_unnamed(), two = leave_unnamed();
	struct srd_store *other;
	struct stat st;

	unmount();
	ck_assert_int_eq(srd_store_open(path, 0, &io, &other), 0);
	mount();
	ck_assert_uint_eq(store->state.unnamed, 2);
	ck_assert_int_eq(srd_fs_get_attr(fs, one, &st), 0);
	unmount();
	ck_assert_int_eq(srd_store_close(other), 0);
	mount();
	ck_assert_uint_eq(store->state.unnamed, 0);
	ck_assert_int_eq(srd_fs_get_attr(fs, one, &st), -ESTALE);
	ck_assert_int_eq(srd_fs_get_attr(fs, two, &st), -ESTALE);
}
END_TEST

START_TEST(birth_is_told_and_stays)
{
	struct timespec birth;
	struct stat made, st;
	struct srd_attr later = { .mask = SRD_ATTR_ATIME | SRD_ATTR_MTIME, .atime_ns = 5, .mtime_ns = 6 };

	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, "f", &plain, &made), 0);
	ck_assert_int_eq(srd_fs_set_attr(fs, made.st_ino, &later, NULL, &st), 0);
	unmount();
	mount();
	ck_assert_int_eq(srd_fs_birth(fs, made.st_ino, &birth), 0);
	ck_assert_int_eq(birth.tv_sec, made.st_ctim.tv_sec);
	ck_assert_int_eq(birth.tv_nsec, made.st_ctim.tv_nsec);
	ck_assert_int_eq(srd_fs_birth(fs, SRD_ROOT_INO, &birth), 0);
	ck_assert_int_eq(birth.tv_sec, store->log->sb.created_ns / 1000000000);
	ck_assert_int_eq(srd_fs_birth(fs, 12345, &birth), -ESTALE);
}
END_TEST

/* ---- Names ---- */

START_TEST(names_are_refused_for_good_reasons)
{
	char name[SRD_NAME_MAX + 2];
	struct stat st;

	memset(name, 'n', sizeof name);
	name[SRD_NAME_MAX + 1] = 0;
	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, name, &plain, &st), -ENAMETOOLONG);
	ck_assert_int_eq(srd_fs_lookup(fs, SRD_ROOT_INO, name, &st), -ENAMETOOLONG);
	name[SRD_NAME_MAX] = 0;
	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, name, &plain, &st), 0);
	lookup(name, &st);
	ck_assert_int_eq(srd_error_errno(srd_fs_make(fs, SRD_ROOT_INO, ".srd", &plain, &st)), EPERM);
	ck_assert_int_eq(srd_error_errno(srd_fs_rename(fs, SRD_ROOT_INO, name, SRD_ROOT_INO, ".srd", 0, NULL)), EPERM);
	ck_assert_int_eq(srd_fs_lookup(fs, SRD_ROOT_INO, ".srd", &st), -ENOENT);
	ck_assert_int_eq(srd_fs_rename(fs, SRD_ROOT_INO, name, SRD_ROOT_INO, "w", RENAME_WHITEOUT, NULL), -EINVAL);
}
END_TEST

START_TEST(a_rename_leaves_something_behind)
{
	struct srd_fs_node left = { .mode = S_IFCHR, .uid = 7, .gid = 8 };
	struct stat st, before, there;

	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, "old", &plain, &before), 0);
	ck_assert_int_eq(srd_fs_rename(fs, SRD_ROOT_INO, "old", SRD_ROOT_INO, "new", 0, &left), 0);
	lookup("new", &there);
	ck_assert_uint_eq(there.st_ino, before.st_ino);
	lookup("old", &st);
	ck_assert(S_ISCHR(st.st_mode) && (st.st_mode & 07777) == 0 && st.st_rdev == 0 && st.st_uid == 7 && st.st_gid == 8);
	/* All or nothing. */
	ck_assert_int_eq(srd_fs_rename(fs, SRD_ROOT_INO, "none", SRD_ROOT_INO, "x", 0, &left), -ENOENT);
	ck_assert_int_eq(srd_fs_lookup(fs, SRD_ROOT_INO, "none", &st), -ENOENT);
}
END_TEST

START_TEST(a_setgid_directory_gives_its_group)
{
	struct srd_fs_node dir = { .mode = S_IFDIR | S_ISGID | 0775, .uid = 1, .gid = 77 };
	struct stat st, sub;

	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, "d", &dir, &st), 0);
	ck_assert_int_eq(srd_fs_make(fs, st.st_ino, "f", &plain, &sub), 0);
	ck_assert_uint_eq(sub.st_gid, 77);
	dir.mode = S_IFDIR | 0755;
	dir.gid = 5;
	ck_assert_int_eq(srd_fs_make(fs, st.st_ino, "sub", &dir, &sub), 0);
	ck_assert_uint_eq(sub.st_gid, 77);
	ck_assert_uint_eq(sub.st_mode, S_IFDIR | S_ISGID | 0755);
}
END_TEST

START_TEST(inodes_are_found_by_dot_and_dot_dot)
{
	struct srd_fs_node dir = { .mode = S_IFDIR | 0755 };
	struct stat outer, inner, st;

	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, "outer", &dir, &outer), 0);
	ck_assert_int_eq(srd_fs_make(fs, outer.st_ino, "inner", &dir, &inner), 0);
	ck_assert_int_eq(srd_fs_lookup(fs, inner.st_ino, "..", &st), 0);
	ck_assert_uint_eq(st.st_ino, outer.st_ino);
	ck_assert_int_eq(srd_fs_lookup(fs, inner.st_ino, ".", &st), 0);
	ck_assert_uint_eq(st.st_ino, inner.st_ino);
	ck_assert_int_eq(srd_fs_lookup(fs, SRD_ROOT_INO, "..", &st), 0);
	ck_assert_uint_eq(st.st_ino, SRD_ROOT_INO);
}
END_TEST

/* ---- Directories ---- */

enum { ENTRIES = 3000, AT_ONCE = 7 };

struct seen {
	unsigned times[ENTRIES];
	unsigned others, left;
	uint64_t next;
};

static bool see(void *user, const char *name, const struct stat *st, uint64_t next, bool whole)
{
	struct seen *seen = user;
	unsigned n;

	if (seen->left == 0)
		return false;
	seen->left--;
	seen->next = next;
	if (sscanf(name, "e%u", &n) == 1)
		seen->times[n]++;
	else
		seen->others++;
	if (whole)
		srd_fs_forget(fs, st->st_ino, 0);
	return true;
}

/* What stays is seen once, although others come and go while it is read. */
START_TEST(entries_are_neither_lost_nor_doubled)
{
	static struct seen seen;
	struct srd_dir *dir;
	struct stat st;
	char name[16];
	unsigned fresh = 0;

	memset(&seen, 0, sizeof seen);
	for (unsigned i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof name, "e%u", i);
		ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, name, &plain, &st), 0);
	}
	ck_assert_int_eq(srd_fs_open_dir(fs, SRD_ROOT_INO, &dir), 0);
	for (unsigned round = 0;; round++) {
		seen.left = AT_ONCE;
		ck_assert_int_eq(srd_fs_read_dir(fs, dir, seen.next, round % 2, see, &seen), 0);
		if (seen.left > 0)
			break;
		/* One in four goes, wherever it lies; and new ones come for a while. */
		snprintf(name, sizeof name, "e%u", (round * 37 % (ENTRIES / 4)) * 4);
		srd_fs_unlink(fs, SRD_ROOT_INO, name, false);
		if (fresh < 100) {
			snprintf(name, sizeof name, "new%u", fresh++);
			ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, name, &plain, &st), 0);
		}
	}
	for (unsigned i = 0; i < ENTRIES; i++)
		ck_assert(i % 4 == 0 ? seen.times[i] <= 1 : seen.times[i] == 1);
	/* What is new is seen by who begins anew, so that reading ends. */
	ck_assert_uint_eq(seen.others, 2);
	memset(&seen, 0, sizeof seen);
	seen.left = 2 * ENTRIES;
	ck_assert_int_eq(srd_fs_read_dir(fs, dir, 0, false, see, &seen), 0);
	ck_assert_uint_eq(seen.others, 2 + fresh);
	srd_fs_close_dir(fs, dir);
}
END_TEST

START_TEST(directories_are_known_while_their_last_entries_are)
{
	struct srd_dir *dir;
	struct stat first, last;

	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, "first", &plain, &first), 0);
	ck_assert_int_eq(srd_fs_make(fs, SRD_ROOT_INO, "last", &plain, &last), 0);
	ck_assert_int_eq(srd_fs_open_dir(fs, SRD_ROOT_INO, &dir), 0);
	ck_assert(dir->known);
	srd_fs_close_dir(fs, dir);
	srd_fs_forget(fs, last.st_ino, 1);
	ck_assert_int_eq(srd_fs_open_dir(fs, SRD_ROOT_INO, &dir), 0);
	ck_assert(!dir->known);
	srd_fs_close_dir(fs, dir);
}
END_TEST

/* ---- Reading ---- */

static void flip_last_byte_of(const char *text)
{
	FILE *file = fopen(path, "r+");
	static char bytes[1 << 20];
	size_t len = fread(bytes, 1, sizeof bytes, file);
	char *at = memmem(bytes, len, text, strlen(text));

	ck_assert_ptr_nonnull(at);
	at[strlen(text) - 1] ^= 1;
	rewind(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(a_damaged_block_is_an_error_and_said_once)
{
	struct srd_file *file = create("damaged");
	uint64_t ino = file->inode->ino;
	char buffer[100];

	write_text(file, 0, "to be damaged");
	write_text(file, 5000, "not to be");
	ck_assert_int_eq(srd_fs_sync(fs, file), 0);
	srd_fs_close(fs, file);
	/* A later record says that this is durable: rot then, not the log's end. */
	srd_fs_close(fs, create("later"));
	unmount();
	flip_last_byte_of("to be damaged");
	mount();
	file = open_again(ino, O_RDONLY);
	ck_assert_int_eq(srd_fs_read(fs, file, 0, buffer, sizeof buffer), SRD_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(told, "damaged: bytes at 0 "));
	ck_assert_int_eq(srd_fs_read(fs, file, 5000, buffer, sizeof buffer), 9);
	ck_assert_mem_eq(buffer, "not to be", 9);
	srd_fs_close(fs, file);
}
END_TEST

/* The system calls that reading a file takes that was written in COUNT pieces of LEN bytes. */
static int reads_of(const char *name, int count, size_t len)
{
	static uint8_t buffer[1 << 20], piece[1 << 18];
	struct srd_file *file = create(name);

	ck_assert_uint_le(count * len, sizeof buffer);
	for (int i = 0; i < count; i++) {
		memset(piece, 'a' + i % 26, len);
		ck_assert_int_eq(srd_fs_write(fs, file, i * len, piece, len, NULL), 0);
		ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	}
	reads = 0;
	ck_assert_int_eq(srd_fs_read(fs, file, 0, buffer, sizeof buffer), (ssize_t)(count * len));
	for (size_t pos = 0; pos < count * len; pos++)
		ck_assert_uint_eq(buffer[pos], 'a' + pos / len % 26);
	srd_fs_close(fs, file);
	return reads;
}

START_TEST(only_large_pieces_are_worth_a_system_call_each)
{
	ck_assert_int_eq(reads_of("long", 4, 1 << 18), 4);
	ck_assert_int_eq(reads_of("short", 2000, 500), 0);
	ck_assert_int_eq(reads_of("blocks", 250, 4096), 0);
}
END_TEST

START_TEST(the_kernels_pages_are_kept_unless_somebody_else_wrote)
{
	struct srd_file *file = create("f");
	uint64_t ino = file->inode->ino;
	struct srd_store *other;
	struct srd_txn *txn;

	srd_fs_close(fs, file);
	file = open_again(ino, O_RDWR);
	ck_assert(file->keep_cache);
	write_text(file, 0, "ours");
	srd_fs_close(fs, file);
	file = open_again(ino, O_RDONLY);
	ck_assert(file->keep_cache);
	srd_fs_close(fs, file);
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, NULL, &other), 0);
	/* Let go of the append lock, as the keeper does when asked. */
	srd_mutex_lock(&store->commit_mutex);
	store->log->lock_since_ns = 0;
	srd_log_unlock(store->log);
	srd_mutex_unlock(&store->commit_mutex);
	ck_assert_int_eq(srd_txn_begin(other, &txn), 0);
	ck_assert_int_eq(srd_txn_write(txn, ino, 0, "theirs", 6, false), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
	ck_assert_int_eq(srd_store_close(other), 0);
	file = open_again(ino, O_RDONLY);
	ck_assert(!file->keep_cache);
	expect_text(file, "theirs");
	srd_fs_close(fs, file);
	file = open_again(ino, O_RDONLY);
	ck_assert(file->keep_cache);
	srd_fs_close(fs, file);
}
END_TEST

/* ---- Anything, in any order ---- */

enum { FILE_MAX = 3 << 20, STEPS = 3000 };

static uint8_t model[FILE_MAX], scratch[FILE_MAX];
static uint64_t model_size, reserved_end;   /* the latter: at most */

static void check_content(struct srd_file *file, uint64_t pos, uint64_t len)
{
	uint64_t expected = pos >= model_size ? 0 : SRD_MIN(len, model_size - pos);
	ssize_t got = srd_fs_read(fs, file, pos, scratch, len);

	ck_assert_int_eq(got, (ssize_t)expected);
	if (memcmp(scratch, model + pos, expected) != 0)
		ck_abort_msg("wrong content at %" PRIu64 " + %" PRIu64, pos, len);
}

static void random_write(struct srd_file *file, uint64_t *random)
{
	static const uint32_t lens[] = { 1, 60, 64, 4096, 5000, 70000, 131072, 600000 };
	uint64_t pos = unit_random(random) % 4 ? unit_random(random) % (FILE_MAX / 2) : model_size;
	uint64_t wanted = lens[unit_random(random) % SRD_LEN(lens)], len = SRD_MIN(wanted, FILE_MAX - pos);

	unit_random_bytes(random, model + pos, SRD_MIN(len, (uint64_t)64));
	for (uint64_t i = 64; i < len; i++)
		model[pos + i] = (uint8_t)(model[pos + i - 64] + i);
	model_size = SRD_MAX(model_size, pos + len);
	ck_assert_int_eq(srd_fs_write(fs, file, pos, model + pos, len, NULL), 0);
}

static void random_size(uint64_t ino, uint64_t *random)
{
	struct srd_attr attr = { .mask = SRD_ATTR_SIZE, .size = unit_random(random) % (FILE_MAX / 2) };
	struct stat st;

	ck_assert_int_eq(srd_fs_set_attr(fs, ino, &attr, NULL, &st), 0);
	ck_assert_int_eq(st.st_size, (off_t)attr.size);
	if (attr.size < model_size)
		memset(model + attr.size, 0, model_size - attr.size);
	model_size = attr.size;
}

/* Zeroes, punches or reserves. */
static void random_range(struct srd_file *file, uint64_t *random)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
	                             FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	                             FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
	int mode = modes[unit_random(random) % SRD_LEN(modes)];
	uint64_t pos = unit_random(random) % (FILE_MAX / 2), len = unit_random(random) % 300000 + 1;
	uint64_t within = pos >= model_size ? 0 : SRD_MIN(len, model_size - pos);

	ck_assert_int_eq(srd_fs_allocate(fs, file, mode, pos, len, NULL), 0);
	if (mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE))
		memset(model + pos, 0, within);
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		model_size = SRD_MAX(model_size, pos + len);
	else if (!(mode & FALLOC_FL_PUNCH_HOLE))
		reserved_end = SRD_MAX(reserved_end, pos + len);
}

static void random_copy(struct srd_file *file, uint64_t *random)
{
	uint64_t from = unit_random(random) % (FILE_MAX / 4), to = from + FILE_MAX / 4, copied;
	uint64_t len = unit_random(random) % (FILE_MAX / 4);
	uint64_t expected = from >= model_size ? 0 : SRD_MIN(len, model_size - from);

	if (unit_random(random) % 2) {
		uint64_t swap = from;
		from = to;
		to = swap;
		expected = from >= model_size ? 0 : SRD_MIN(len, model_size - from);
	}
	ck_assert_int_eq(srd_fs_copy_range(fs, file, from, file, to, len, false, &copied), 0);
	ck_assert_uint_eq(copied, expected);
	memcpy(model + to, model + from, copied);
	if (copied > 0)
		model_size = SRD_MAX(model_size, to + copied);
}

/* Data may be called data that is zeros; a hole must be zeros. */
static void check_holes(struct srd_file *file)
{
	uint64_t pos = 0, data;

	while (pos < model_size) {
		int error = srd_fs_seek(fs, file, pos, SEEK_DATA, &data);
		uint64_t end = error == -ENXIO ? model_size : data;
		for (; pos < end; pos++)
			if (model[pos])
				ck_abort_msg("no hole at %" PRIu64, pos);
		if (error == 0) {
			ck_assert_int_eq(srd_fs_seek(fs, file, data, SEEK_HOLE, &pos), 0);
			ck_assert_uint_gt(pos, data);
		}
	}
	ck_assert_int_eq(srd_fs_seek(fs, file, model_size, SEEK_DATA, &data), -ENXIO);
}

START_TEST(random_operations_match_a_model)
{
	struct srd_file *file = create("f"), *other;
	uint64_t ino = file->inode->ino, random = seed;
	struct stat st;

	memset(model, 0, sizeof model);
	model_size = 0;
	for (unsigned n = 0; n < STEPS; n++) {
		switch (unit_random(&random) % 16) {
		case 0: random_size(ino, &random); break;
		case 1: ck_assert_int_eq(srd_fs_flush(fs, file), 0); break;
		case 2:
			if (unit_random(&random) % 8)
				break;
			other = open_again(ino, O_WRONLY | O_TRUNC);
			memset(model, 0, model_size);
			model_size = 0;
			srd_fs_close(fs, other);
			break;
		case 3:
			srd_fs_close(fs, file);
			if (unit_random(&random) % 8 == 0) {
				unmount();
				mount();
			}
			file = open_again(ino, O_RDWR);
			break;
		case 4:
			ck_assert_int_eq(srd_fs_get_attr(fs, ino, &st), 0);
			ck_assert_int_eq(st.st_size, (off_t)model_size);
			ck_assert_int_le(st.st_blocks, (SRD_MAX(st.st_size, (off_t)reserved_end) + 511) / 512);
			break;
		case 8: random_range(file, &random); break;
		case 9: random_copy(file, &random); break;
		case 10: check_holes(file); break;
		case 5: case 6: case 7:
			check_content(file, unit_random(&random) % FILE_MAX, unit_random(&random) % 200000);
			break;
		default: random_write(file, &random);
		}
	}
	check_content(file, 0, FILE_MAX);
	srd_fs_close(fs, file);
	unmount();
	mount();
	file = open_again(ino, O_RDONLY);
	check_content(file, 0, FILE_MAX);
	srd_fs_close(fs, file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fs");
	TCase *tcase = tcase_create("all");

	seed = unit_seed();
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_written_is_seen_at_once_and_committed_at_close);
	tcase_add_test(tcase, a_time_that_was_shown_stays);
	tcase_add_test(tcase, a_failing_commit_keeps_the_data);
	tcase_add_test(tcase, a_large_write_fails_where_there_is_no_room);
	tcase_add_test(tcase, a_failed_sync_is_told_once);
	tcase_add_test(tcase, truncation_at_open_is_seen_at_once_and_is_one_commit_with_the_new_content);
	tcase_add_test(tcase, access_times_follow_reading_where_wanted_and_are_committed_later);
	tcase_add_test(tcase, a_store_grows_up_to_its_limit_and_can_be_put_in_order_then);
	tcase_add_test(tcase, an_unlinked_file_works_and_leaves_nothing);
	tcase_add_test(tcase, a_file_that_never_had_a_name_is_given_up);
	tcase_add_test(tcase, what_a_crash_left_without_a_name_is_given_up_by_who_is_alone);
	tcase_add_test(tcase, birth_is_told_and_stays);
	tcase_add_test(tcase, names_are_refused_for_good_reasons);
	tcase_add_test(tcase, a_rename_leaves_something_behind);
	tcase_add_test(tcase, a_setgid_directory_gives_its_group);
	tcase_add_test(tcase, inodes_are_found_by_dot_and_dot_dot);
	tcase_add_test(tcase, entries_are_neither_lost_nor_doubled);
	tcase_add_test(tcase, directories_are_known_while_their_last_entries_are);
	tcase_add_test(tcase, a_damaged_block_is_an_error_and_said_once);
	tcase_add_test(tcase, only_large_pieces_are_worth_a_system_call_each);
	tcase_add_test(tcase, the_kernels_pages_are_kept_unless_somebody_else_wrote);
	tcase_add_test(tcase, random_operations_match_a_model);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
