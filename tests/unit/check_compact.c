/* SPDX-License-Identifier: Apache-2.0 */
/* check_compact.c - a compaction that is killed at any call to the system leaves the store
 * whole, old or new; what others commit meanwhile is in it; damage is what it was. */
#include "config.h"

#include <fcntl.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "store/compact.h"

enum { KEYS = 40, LEN = 3000 };

/* ---- Killed ---- */

/* The real io, until the call after which there is nobody any more. */
struct deadly_io {
	struct srd_io io;
	int calls_left;
	bool half;                /* of the last write half arrives */
};

static void live(const struct srd_io *io)
{
	struct deadly_io *deadly = io->user;

	if (deadly->calls_left-- == 0)
		_exit(7);
}

static ssize_t deadly_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct deadly_io *deadly = io->user;
	struct iovec first = { .iov_base = iov[0].iov_base, .iov_len = iov[0].iov_len / 2 };

	if (deadly->calls_left == 0 && deadly->half)
		srd_io_posix.pwritev(&srd_io_posix, fd, &first, 1, offset);
	live(io);
	return srd_io_posix.pwritev(&srd_io_posix, fd, iov, count, offset);
}

static int deadly_fdatasync(const struct srd_io *io, int fd)
{
	live(io);
	return srd_io_posix.fdatasync(&srd_io_posix, fd);
}

static int deadly_ftruncate(const struct srd_io *io, int fd, uint64_t size)
{
	live(io);
	return srd_io_posix.ftruncate(&srd_io_posix, fd, size);
}

static int deadly_open(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	live(io);
	return srd_io_posix.open(&srd_io_posix, dir_fd, name, flags, mode);
}

static int deadly_unlink(const struct srd_io *io, int dir_fd, const char *name)
{
	live(io);
	return srd_io_posix.unlink(&srd_io_posix, dir_fd, name);
}

static int deadly_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	live(io);
	return srd_io_posix.rename(&srd_io_posix, dir_fd, from, to, flags);
}

static void deadly_io_init(struct deadly_io *deadly, int calls, bool half)
{
	*deadly = (struct deadly_io){ .io = srd_io_posix, .calls_left = calls, .half = half };
	deadly->io.pwritev = deadly_pwritev;
	deadly->io.fdatasync = deadly_fdatasync;
	deadly->io.ftruncate = deadly_ftruncate;
	deadly->io.open = deadly_open;
	deadly->io.unlink = deadly_unlink;
	deadly->io.rename = deadly_rename;
	deadly->io.user = deadly;
}

/* What compacts in a process of its own, and may die there: its exit status. */
static int compact_and_die(int calls, bool half)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct srd_compact_options options = { 0 };
		struct srd_compacted result;
		struct deadly_io deadly;
		struct srd_store *own;
		deadly_io_init(&deadly, calls, half);
		if (srd_store_open(path, 0, &deadly.io, &own) != 0)
			_exit(1);
		_exit(srd_store_compact(own, &options, &result) == 0 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void fill(void)
{
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < KEYS; i++) {
			uint8_t *bytes = pattern(LEN + (size_t)i * 50, (uint64_t)(i + 1000 * round));
			char key[32];
			snprintf(key, sizeof key, "dir-%d/key-%d", i % 5, i);
			ck_assert_int_eq(srd_put(store, KEY(key), bytes, LEN + (size_t)i * 50), 0);
			free(bytes);
		}
	}
}

static void check_filled(void)
{
	for (int i = 0; i < KEYS; i++) {
		uint8_t *bytes = pattern(LEN + (size_t)i * 50, (uint64_t)(i + 2000));
		char key[32];
		snprintf(key, sizeof key, "dir-%d/key-%d", i % 5, i);
		assert_key(KEY(key), bytes, LEN + (size_t)i * 50);
		free(bytes);
	}
}

/* What is there when all are gone. */
static void check_anew(const char *key, bool there)
{
	struct srd_info info;

	close_store();
	open_store(SRD_NOSYNC);
	check_filled();
	ck_assert_int_eq(get_error(key), there ? 0 : -ENOENT);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.misfits, 0);
	ck_assert_uint_eq(info.damaged_records, 0);
}

START_TEST(killed_anywhere_it_leaves_a_whole_store)
{
	int status = 7, calls = 0;

	fill();
	for (; status == 7; calls++) {
		char key[32];
		status = compact_and_die(calls, calls % 2);
		ck_assert_msg(status == 7 || status == 0, "call %d: status %d", calls, status);
		/* We have had the store open all the while: what we commit now is in the one that
		 * has the name, or we are told. */
		snprintf(key, sizeof key, "after-%d", calls);
		int error = srd_put(store, KEY(key), "x", 1);
		ck_assert_msg(error == 0 || error == SRD_EREPLACED, "call %d: %s", calls, srd_strerror(error));
		if (error)
			srd_close(store);
		if (error)
			open_store(SRD_NOSYNC);
		check_anew(key, error == 0);
		ck_assert_int_lt(calls, 500);
	}
	ck_assert_int_gt(calls, 15);
	/* Nothing is in the way of the next, and leftovers go. */
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	char leftover[160];
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	snprintf(leftover, sizeof leftover, "%s.new", path);
	ck_assert_int_ne(access(leftover, F_OK), 0);
}
END_TEST

/* ---- In which order: what a power cut may leave ---- */

enum { CALLS_MAX = 4096 };
static struct call { char kind; int fd; } calls_made[CALLS_MAX];
static int call_count;

static void note(char kind, int fd)
{
	ck_assert_int_lt(call_count, CALLS_MAX);
	calls_made[call_count++] = (struct call){ kind, fd };
}

static ssize_t noting_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	(void)io;
	/* A mark may be lost: it says nothing that is needed. */
	if (count != 1 || iov[0].iov_len > 64)
		note('w', fd);
	return srd_io_posix.pwritev(&srd_io_posix, fd, iov, count, offset);
}

static int noting_fdatasync(const struct srd_io *io, int fd)
{
	struct stat st;

	(void)io;
	note(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 's', fd);
	return srd_io_posix.fdatasync(&srd_io_posix, fd);
}

static int noting_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	(void)io;
	if (strstr(from, ".new"))
		note('r', -1);
	return srd_io_posix.rename(&srd_io_posix, dir_fd, from, to, flags);
}

/* The position of the last (FD -1: of any file) call of KIND before END; -1: none. */
static int last_call(char kind, int fd, int end)
{
	while (--end >= 0)
		if (calls_made[end].kind == kind && (fd < 0 || calls_made[end].fd == fd))
			return end;
	return -1;
}

START_TEST(the_name_changes_when_all_is_durable)
{
	struct srd_io io = srd_io_posix;
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	struct srd_store *own;

	io.pwritev = noting_pwritev;
	io.fdatasync = noting_fdatasync;
	io.rename = noting_rename;
	fill();
	ck_assert_int_eq(srd_store_open(path, 0, &io, &own), 0);
	ck_assert_int_eq(srd_store_compact(own, &options, &result), 0);
	int renamed = last_call('r', -1, call_count);
	ck_assert_int_gt(renamed, 0);
	ck_assert_int_eq(last_call('r', -1, renamed), -1);
	/* What is synced last is the new log. */
	int fresh = calls_made[last_call('s', -1, renamed)].fd;
	ck_assert_int_gt(last_call('s', fresh, renamed), last_call('w', fresh, renamed));
	ck_assert_int_ge(last_call('w', fresh, renamed), 0);
	/* The directory, before anybody is told by SEALED. */
	ck_assert_int_lt(renamed + 1, call_count);
	ck_assert_int_eq(calls_made[renamed + 1].kind, 'd');
	ck_assert_int_eq(srd_store_close(own), 0);
}
END_TEST

/* ---- No room ---- */

static int bytes_written;

static int no_allocate(const struct srd_io *io, int fd, uint64_t offset, uint64_t len)
{
	(void)io;
	(void)fd;
	(void)offset;
	(void)len;
	return -ENOSPC;
}

static ssize_t counting_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	bytes_written++;
	return srd_io_posix.pwritev(io, fd, iov, count, offset);
}

START_TEST(without_room_nothing_is_begun)
{
	struct srd_compact_options options = { 0 };
	struct srd_io io = srd_io_posix;
	struct srd_compacted result;
	struct srd_store *own;
	char next[160];

	fill();
	io.allocate = no_allocate;
	io.pwritev = counting_pwritev;
	ck_assert_int_eq(srd_store_open(path, 0, &io, &own), 0);
	ck_assert_int_eq(srd_store_compact(own, &options, &result), -ENOSPC);
	ck_assert_int_eq(bytes_written, 0);
	snprintf(next, sizeof next, "%s.new", path);
	ck_assert_int_ne(access(next, F_OK), 0);
	ck_assert_int_eq(srd_store_close(own), 0);
	check_anew("none", false);
}
END_TEST

/* ---- Damaged ---- */

static void flip(const char *key)
{
	struct srd_stat st;
	uint8_t byte;
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)st.last_change + 16), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)st.last_change + 16), 1);
	close(fd);
}

/* We have applied a commit that nobody can read any more, and who cannot compacts. */
START_TEST(who_knew_more_goes_over_to_what_is_damaged)
{
	struct srd_info info;

	put("before", "x");
	put("lost", "y");
	ck_assert_int_eq(srd_sync(store), 0);
	/* It says that what is before is durable: else the log would end there. */
	put("behind", "z");
	flip("lost");
	assert_text("lost", "y");
	ck_assert_int_eq(compact_and_die(1000000, false), 0);
	assert_text("before", "x");
	assert_text("behind", "z");
	ck_assert_int_eq(get_error("lost"), -ENOENT);
	ck_assert_int_eq(srd_put(store, KEY("new"), "n", 1), SRD_EDAMAGED);
	close_store();
	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.damaged_records, 1);
	assert_text("behind", "z");
}
END_TEST

/* ---- Given up ---- */

/* KEY refers to REF, and to nothing else if it is to REPLACE what there is. */
static void refer(const char *key, const struct srd_ref *ref, bool replace)
{
	struct srd_node node;
	struct srd_txn *txn;

	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_lookup(txn, SRD_ROOT_INO, key, strlen(key), &node), 0);
	ck_assert_int_eq(srd_txn_refs(txn, node.ino, ref, 1, replace), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

START_TEST(what_was_given_up_stays_so)
{
	struct srd_ref ref = { .run = SRD_RUN_PRUNED, .len = 5000 };
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;

	put("pruned", "something");
	refer("pruned", &ref, true);
	ck_assert_int_eq(get_error("pruned"), SRD_ETRIMMED);
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	reopen_store();
	ck_assert_int_eq(get_error("pruned"), SRD_ETRIMMED);
	put("pruned", "anew");
	assert_text("pruned", "anew");
}
END_TEST

/* Content of LEN bytes, as data ahead of the commit that names it if it is AHEAD. */
static void write_at(const char *key, uint64_t pos, const uint8_t *bytes, uint32_t len, bool ahead)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
	struct srd_ref ref = { .pos = pos, .len = len };
	struct srd_node node;
	struct srd_txn *txn;

	if (ahead)
		ck_assert_int_eq(srd_store_append_data(store, &iov, 1, &ref.run, NULL), 0);
	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_lookup(txn, SRD_ROOT_INO, key, strlen(key), &node), 0);
	ck_assert_int_eq(ahead ? srd_txn_refs(txn, node.ino, &ref, 1, false)
	                       : srd_txn_write(txn, node.ino, pos, bytes, len, false), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

/* Of one run some is of the past and trimmed, the rest is content: BASE, where what is kept
 * begins behind the run, else before it. */
static void keep_what_is_half_trimmed(bool base, bool ahead)
{
	enum { SIZE = 300000, PART = 100000, AT = 70000 };
	struct srd_compact_options options = { 0 };
	struct srd_trim_result trimmed;
	struct srd_compacted result;
	char since[32];

	uint8_t *bytes = pattern(SIZE, 1), *part = pattern(PART, 2);
	put("half", "");
	if (!base)
		snprintf(since, sizeof since, "%llu", (unsigned long long)commits());
	write_at("half", 0, bytes, SIZE, ahead);
	if (base)
		snprintf(since, sizeof since, "%llu", (unsigned long long)commits());
	write_at("half", AT, part, PART, ahead);
	memcpy(bytes + AT, part, PART);
	put("more", "of it");
	int error = srd_trim(store, NULL, 0, NULL, NULL, &trimmed);
	if (error == -EOPNOTSUPP)
		goto out;
	ck_assert_int_eq(error, 0);
	ck_assert_uint_gt(trimmed.bytes, PART / 2);
	options.keep_since = since;
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	ck_assert_uint_eq(result.damaged_blocks, 0);
	reopen_store();
	assert_key(KEY("half"), bytes, SIZE);
out:
	free(bytes);
	free(part);
}

START_TEST(what_is_left_of_a_run_is_kept)
{
	keep_what_is_half_trimmed(_i & 1, _i & 2);
}
END_TEST

/* ---- Damaged ---- */

enum { PIECES_LEN = 15000 + 2 * SRD_BLOCK_LEN };

/* TAKEN says of each byte of "pieces" whether it is; their number. */
static unsigned find_taken(bool *taken)
{
	srd_reader *reader;
	unsigned count = 0;
	char byte;

	ck_assert_int_eq(srd_reader_new(store, KEY("pieces"), &reader), 0);
	for (size_t pos = 0; pos < PIECES_LEN; pos++) {
		taken[pos] = srd_reader_pread(reader, &byte, 1, pos) != 1;
		count += taken[pos];
	}
	srd_reader_free(reader);
	return count;
}

/* Byte AT of the file rots. */
static void rot(uint64_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* A file of runs that are no whole blocks, which come one behind the other; the first without its
 * beginning.  One block of that rots. */
START_TEST(damage_takes_nothing_along)
{
	static bool before[PIECES_LEN], after[PIECES_LEN];
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	struct srd_stat st;
	const int block = _i;
	uint32_t first = 5000 + 2 * SRD_BLOCK_LEN;
	uint8_t *bytes = pattern(PIECES_LEN, 5);

	ck_assert_int_eq(srd_put(store, KEY("pieces"), bytes, first), 0);
	ck_assert_int_eq(srd_stat(store, KEY("pieces"), &st), 0);
	refer("pieces", &(struct srd_ref){ .len = 100 }, false);
	write_at("pieces", first, bytes + first, 5000, false);
	write_at("pieces", first + 5000, bytes + first + 5000, 5000, false);
	/* What is known to be durable has rotted, and was not torn. */
	ck_assert_int_eq(srd_sync(store), 0);
	put("end", "");
	close_store();
	rot(st.offset + (uint64_t)block * SRD_BLOCK_LEN + 777);
	open_store(SRD_NOSYNC);
	unsigned lost = find_taken(before);
	ck_assert_uint_eq(lost, block == 0 ? SRD_BLOCK_LEN - 100 : block == 3 ? first % SRD_BLOCK_LEN : SRD_BLOCK_LEN);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(srd_compact(store, &options, &result), 0);
		ck_assert_uint_eq(result.damaged_blocks, 1);
		reopen_store();
		ck_assert_uint_eq(find_taken(after), lost);
		ck_assert_mem_eq(before, after, sizeof before);
	}
	free(bytes);
}
END_TEST

/* ---- Snapshots ---- */

static uint64_t bytes_of_log(void)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	return info.end;
}

static void assert_named(const char *name, const char *key, const char *text)
{
	srd_store *view;
	srd_value value;

	ck_assert_int_eq(srd_view(store, name, &view), 0);
	ck_assert_int_eq(srd_get(view, KEY(key), &value), 0);
	ck_assert_uint_eq(value.len, strlen(text));
	ck_assert_mem_eq(value.data, text, value.len);
	srd_value_release(&value);
	ck_assert_int_eq(srd_close(view), 0);
}

/* What came and went behind a snapshot goes, the snapshot stays; also where there is damage
 * (_i 1), of a commit before it, (_i 2) behind it. */
START_TEST(a_snapshot_keeps_nothing_but_itself)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	struct srd_stat st;

	put("a", "one");
	put("lost", "1");
	if (_i == 1)
		ck_assert_int_eq(srd_stat(store, KEY("lost"), &st), 0);
	ck_assert_int_eq(srd_snapshot_create(store, "named"), 0);
	put("a", "two");
	for (int i = 0; i < 200; i++)
		put("again", "and again");
	put("lost", "2");
	if (_i == 2)
		ck_assert_int_eq(srd_stat(store, KEY("lost"), &st), 0);
	ck_assert_int_eq(srd_sync(store), 0);
	put("end", "");
	close_store();
	if (_i > 0)
		rot(st.last_change + 16);
	open_store(SRD_NOSYNC);
	uint64_t before = bytes_of_log();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(srd_compact(store, &options, &result), 0);
		ck_assert_uint_eq(result.damaged_records, _i > 0);
		/* Damaged, it has no image: who compacted goes over all the same. */
		assert_text("a", "two");
		reopen_store();
		ck_assert_uint_lt(bytes_of_log(), before / 4);
		assert_text("a", "two");
		assert_named("named", "a", "one");
		if (_i == 0)
			assert_named("named", "lost", "1");
	}
}
END_TEST

/* ---- Not sealed ---- */

static bool was_renamed, was_refused;

/* The first write behind the rename fails. */
static ssize_t failing_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	if (!was_renamed || was_refused)
		return srd_io_posix.pwritev(io, fd, iov, count, offset);
	was_refused = true;
	return -EIO;
}

static int telling_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	int error = srd_io_posix.rename(io, dir_fd, from, to, flags);

	was_renamed |= strcmp(to, "test.srd") == 0;
	return error;
}

START_TEST(who_compacted_goes_over_without_a_seal)
{
	struct srd_compact_options options = { 0 };
	struct srd_io io = srd_io_posix;
	struct srd_compacted result;
	struct srd_store *own;

	io.pwritev = failing_pwritev;
	io.rename = telling_rename;
	fill();
	close_store();
	ck_assert_int_eq(srd_store_open(path, 0, &io, &own), 0);
	/* From here on it keeps the append lock. */
	ck_assert_int_eq(srd_put(own, KEY("before"), "x", 1), 0);
	ck_assert_int_eq(srd_compact(own, &options, &result), 0);
	ck_assert(was_refused);
	ck_assert_int_eq(srd_put(own, KEY("after"), "y", 1), 0);
	ck_assert_int_eq(srd_close(own), 0);
	open_store(0);
	assert_text("before", "x");
	assert_text("after", "y");
}
END_TEST

/* ---- Refused ---- */

START_TEST(who_cannot_be_followed_is_refused)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	char name[160];
	srd_store *other;

	fill();
	snprintf(name, sizeof name, "%s.second", path);
	ck_assert_int_eq(link(path, name), 0);
	ck_assert_int_eq(srd_compact(store, &options, &result), -EMLINK);
	ck_assert_int_eq(unlink(name), 0);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY, &other), 0);
	ck_assert_int_eq(srd_compact(other, &options, &result), -EROFS);
	options.flags = SRD_COMPACT_DRY_RUN;
	ck_assert_int_eq(srd_compact(other, &options, &result), 0);
	ck_assert_uint_lt(result.new_bytes, result.old_bytes);
	ck_assert_int_eq(srd_close(other), 0);
	ck_assert_int_eq(srd_open(path, SRD_NOCHECK, &other), 0);
	ck_assert_int_eq(srd_compact(other, &options, &result), -EINVAL);
	ck_assert_int_eq(srd_close(other), 0);
}
END_TEST

/* Told of progress, somebody else begins the same. */
static int compact_too(void *user, const struct srd_event *event)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	srd_store *other;

	(void)event;
	if (srd_open(path, 0, &other) != 0)
		return -EIO;
	*(int *)user = srd_compact(other, &options, &result);
	srd_close(other);
	return -ECANCELED;
}

START_TEST(one_compacts_at_a_time_and_can_be_stopped)
{
	int other = 0;
	struct srd_compact_options options = { .call = compact_too, .user = &other };
	struct srd_compacted result;

	fill();
	uint64_t before = commits();
	ck_assert_int_eq(srd_compact(store, &options, &result), -ECANCELED);
	ck_assert_int_eq(other, -EBUSY);
	check_filled();
	ck_assert_uint_eq(commits(), before);
	put("goes", "on");
	check_anew("goes", true);
}
END_TEST

static int compact_same(void *user, const struct srd_event *event)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;

	(void)event;
	*(int *)user = srd_compact(store, &options, &result);
	return 0;
}

START_TEST(one_compacts_at_a_time_by_the_same_handle)
{
	int other = 0;
	struct srd_compact_options options = { .call = compact_same, .user = &other };
	struct srd_compacted result;

	fill();
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	ck_assert_int_eq(other, -EBUSY);
	check_anew("nothing", false);
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
}
END_TEST

/* ---- Meanwhile ---- */

struct meanwhile {
	srd_store *writer;
	int count;
};

static int put_more(void *user, const struct srd_event *event)
{
	struct meanwhile *meanwhile = user;
	char key[32];

	if (event->type != SRD_EVENT_PROGRESS)
		return 0;
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "more/%d", meanwhile->count++);
		ck_assert_int_eq(srd_put(meanwhile->writer, KEY(key), key, strlen(key)), 0);
		ck_assert_int_eq(srd_copy(meanwhile->writer, KEY("dir-1/key-1"), meanwhile->writer, KEY("copy")), 0);
	}
	return 0;
}

START_TEST(what_others_commit_meanwhile_is_in_it)
{
	struct meanwhile meanwhile = { 0 };
	struct srd_compact_options options = { .call = put_more, .user = &meanwhile };
	struct srd_compacted result;
	char key[32];

	fill();
	ck_assert_int_eq(srd_open(path, 0, &meanwhile.writer), 0);
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	ck_assert_int_gt(meanwhile.count, 0);
	srd_close(meanwhile.writer);
	srd_close(store);
	open_store(0);
	check_filled();
	for (int i = 0; i < meanwhile.count; i++) {
		snprintf(key, sizeof key, "more/%d", i);
		assert_text(key, key);
	}
	uint8_t *bytes = pattern(LEN + 50, 2001);
	assert_key(KEY("copy"), bytes, LEN + 50);
	free(bytes);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, killed_anywhere_it_leaves_a_whole_store);
	tcase_add_test(tcase, the_name_changes_when_all_is_durable);
	tcase_add_test(tcase, without_room_nothing_is_begun);
	tcase_add_test(tcase, who_knew_more_goes_over_to_what_is_damaged);
	tcase_add_test(tcase, what_was_given_up_stays_so);
	tcase_add_loop_test(tcase, what_is_left_of_a_run_is_kept, 0, 4);
	tcase_add_loop_test(tcase, damage_takes_nothing_along, 0, 4);
	tcase_add_loop_test(tcase, a_snapshot_keeps_nothing_but_itself, 0, 3);
	tcase_add_test(tcase, who_compacted_goes_over_without_a_seal);
	tcase_add_test(tcase, who_cannot_be_followed_is_refused);
	tcase_add_test(tcase, one_compacts_at_a_time_and_can_be_stopped);
	tcase_add_test(tcase, one_compacts_at_a_time_by_the_same_handle);
	tcase_add_test(tcase, what_others_commit_meanwhile_is_in_it);
}

int main(void)
{
	return run_case("compact", add);
}
