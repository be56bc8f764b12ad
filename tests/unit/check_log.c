/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log keeps what it was given: after truncation, junk, rot, failing calls
 * and other processes it yields the commits that FORMAT section 6 promises.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "log/log.h"
#include "log/ofd.h"

enum { RECORDS = 12, PAYLOAD_LEN = 5000 };

static char directory[] = "/tmp/check-log-XXXXXX";
static char path[64];

/* What a walk over the log saw. */
struct seen {
	uint64_t sequences[64];
	uint64_t offsets[64];
	size_t count;
};

static int see(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct seen *seen = user;

	(void)metadata;
	ck_assert_uint_lt(seen->count, 64);
	seen->offsets[seen->count] = record->offset;
	seen->sequences[seen->count++] = record->sequence;
	return 0;
}

static struct srd_log *open_with(int flags, const struct srd_io *io, struct seen *seen)
{
	struct srd_log *log;

	*seen = (struct seen){ 0 };
	ck_assert_int_eq(srd_log_open(path, flags, io, &log), 0);
	ck_assert_int_eq(srd_log_recover(log, see, seen), 0);
	return log;
}

static struct srd_log *open_log(int flags, struct seen *seen)
{
	return open_with(flags, &srd_io_posix, seen);
}

/* Record N: a write of PAYLOAD_LEN bytes, or of 20 (inline) where N is odd. */
static int append(struct srd_log *log, unsigned n, struct seen *seen)
{
	static uint8_t payload[PAYLOAD_LEN];
	struct srd_draft draft;
	struct srd_record record;
	struct srd_op op = { .kind = SRD_OP_WRITE, .ino = 2 + n, .run.len = n % 2 ? 20 : PAYLOAD_LEN };
	bool follow;
	int error = srd_log_lock(log, &follow);

	if (!error && follow)
		error = srd_log_follow(log, see, seen);
	if (error)
		return error;
	memset(payload, (int)n + 1, sizeof payload);
	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	ck_assert_int_eq(srd_draft_add(&draft, &op, payload, NULL, NULL), 0);
	error = srd_log_append(log, &draft, &record);
	srd_draft_release(&draft);
	srd_log_unlock(log);
	return error;
}

static void make_records(unsigned count)
{
	struct seen seen;
	struct srd_log *log = open_log(0, &seen);

	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(append(log, i, &seen), 0);
	srd_log_close(log);
}

static off_t file_size(void)
{
	int fd = open(path, O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);

	close(fd);
	return size;
}

static void poke(off_t offset, const void *bytes, size_t len)
{
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(pwrite(fd, bytes, len, offset), (ssize_t)len);
	close(fd);
}

static void flip(off_t offset)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static void assert_prefix(const struct seen *seen, size_t count)
{
	ck_assert_uint_eq(seen->count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(seen->sequences[i], i + 1);
}

static void setup(void)
{
	strcpy(directory + sizeof directory - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/log", directory);
	ck_assert_int_eq(srd_log_create(path, 0600, &srd_io_posix), 0);
}

static void teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);   /* nothing else is left behind */
}

START_TEST(creating_never_replaces)
{
	make_records(2);
	off_t size = file_size();
	ck_assert_int_eq(srd_log_create(path, 0600, &srd_io_posix), -EEXIST);
	ck_assert_int_eq(file_size(), size);
}
END_TEST

START_TEST(what_is_no_store_is_told_so)
{
	struct srd_log *log;
	char junk[8192];

	ck_assert_int_eq(srd_log_open(directory, 0, &srd_io_posix, &log), -EISDIR);
	ck_assert_int_eq(srd_log_open("/dev/null", 0, &srd_io_posix, &log), SRD_ENOTSTORE);
	memset(junk, 0, sizeof junk);
	poke(0, junk, sizeof junk);
	ck_assert_int_eq(srd_log_open(path, 0, &srd_io_posix, &log), SRD_ENOTSTORE);
}
END_TEST

START_TEST(records_come_back_in_order)
{
	struct seen seen;

	make_records(RECORDS);
	struct srd_log *log = open_log(SRD_LOG_RDONLY, &seen);
	assert_prefix(&seen, RECORDS);
	ck_assert_uint_eq(log->dropped, 0);
	srd_log_close(log);
}
END_TEST

START_TEST(every_byte_prefix_is_a_prefix_of_the_commits)
{
	struct seen whole, seen;

	make_records(6);
	srd_log_close(open_log(SRD_LOG_RDONLY, &whole));
	for (off_t size = file_size() - 1; size >= SRD_SUPERBLOCK_LEN; size--) {
		ck_assert_int_eq(truncate(path, size), 0);
		struct srd_log *log = open_log(SRD_LOG_RDONLY, &seen);
		size_t want = 0;
		while (want + 1 < whole.count && whole.offsets[want + 1] <= (uint64_t)size)
			want++;
		assert_prefix(&seen, want);
		srd_log_close(log);
		ck_assert_int_eq(file_size(), size);   /* P5 */
	}
}
END_TEST

/* After COUNT bytes of junk at the end nothing is lost and writing goes on. */
static void survive_junk(const uint8_t *junk, size_t count)
{
	struct seen seen;

	make_records(RECORDS);
	poke(file_size(), junk, count);
	struct srd_log *log = open_log(0, &seen);
	assert_prefix(&seen, RECORDS);
	ck_assert_uint_eq(log->dropped, count);
	ck_assert_int_eq(append(log, RECORDS, &seen), 0);
	srd_log_close(log);
	log = open_log(SRD_LOG_RDONLY, &seen);
	assert_prefix(&seen, RECORDS + 1);
	ck_assert_uint_eq(log->dropped, 0);
	srd_log_close(log);
}

START_TEST(zeros_behind_the_end_are_not_a_record)
{
	static const uint8_t zeros[4096];

	survive_junk(zeros, sizeof zeros);
}
END_TEST

START_TEST(noise_behind_the_end_is_not_a_record)
{
	uint8_t noise[4099];

	srand(1);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)rand();
	survive_junk(noise, sizeof noise);
}
END_TEST

/* Makes 6 records, the first 5 known to be durable by the header of the 6th. */
static void make_durable(struct seen *whole)
{
	struct seen seen;
	struct srd_log *log = open_log(0, &seen);

	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(append(log, i, &seen), 0);
	ck_assert_int_eq(srd_log_sync(log, log->end), 0);
	ck_assert_int_eq(append(log, 5, &seen), 0);
	srd_log_close(log);
	srd_log_close(open_log(SRD_LOG_RDONLY, whole));
	assert_prefix(whole, 6);
}

START_TEST(rot_below_the_mark_costs_that_record_alone)
{
	struct seen whole, seen;

	make_durable(&whole);
	/* Every byte of the third record's header and of its metadata. */
	for (uint64_t at = whole.offsets[2]; at < whole.offsets[2] + 64 + 56; at++) {
		flip((off_t)at);
		struct srd_log *log = open_log(0, &seen);
		ck_assert_uint_eq(seen.count, 5);
		ck_assert_uint_eq(seen.sequences[1], 2);
		ck_assert_uint_eq(seen.sequences[2], 4);
		ck_assert_uint_eq(log->damage_count, 1);
		ck_assert_uint_eq(log->damage[0].offset, whole.offsets[2]);
		ck_assert_int_eq(append(log, 6, &seen), SRD_EDAMAGED);
		srd_log_close(log);
		flip((off_t)at);
	}
}
END_TEST

START_TEST(damage_above_the_mark_ends_the_log)
{
	struct seen whole, seen;

	make_records(6);
	srd_log_close(open_log(SRD_LOG_RDONLY, &whole));
	/* Header, metadata and payload of the fifth: none of it was synced. */
	for (uint64_t at = whole.offsets[4]; at < whole.offsets[5]; at += 37) {
		flip((off_t)at);
		struct srd_log *log = open_log(SRD_LOG_RDONLY, &seen);
		/* Padding counts for nothing. */
		if (seen.count != 6)
			assert_prefix(&seen, 4);
		else
			ck_assert_uint_ge(at, whole.offsets[5] - 192);
		srd_log_close(log);
		flip((off_t)at);
	}
}
END_TEST

/* The only header that says so is itself of a record that was torn. */
START_TEST(rot_below_the_mark_is_not_cut)
{
	struct seen whole, seen;

	make_durable(&whole);
	flip((off_t)whole.offsets[4] + 20);
	ck_assert_int_eq(truncate(path, file_size() - 64), 0);
	struct srd_log *log = open_log(0, &seen);
	assert_prefix(&seen, 4);
	ck_assert_uint_eq(log->damage_count, 1);
	ck_assert_uint_eq(log->damage[0].offset, whole.offsets[4]);
	ck_assert_uint_eq(log->damage[0].len, whole.offsets[5] - whole.offsets[4]);
	ck_assert_int_eq(append(log, 6, &seen), SRD_EDAMAGED);
	srd_log_close(log);
}
END_TEST

START_TEST(rotten_payload_below_the_mark_is_still_a_commit)
{
	struct seen whole, seen;

	make_durable(&whole);
	flip((off_t)whole.offsets[2] + 400);
	struct srd_log *log = open_log(SRD_LOG_RDONLY, &seen);
	assert_prefix(&seen, 6);
	ck_assert_uint_eq(log->damage_count, 0);
	srd_log_close(log);
}
END_TEST

START_TEST(what_was_dropped_never_comes_back)
{
	struct seen whole, seen, other_seen;

	make_records(6);
	srd_log_close(open_log(SRD_LOG_RDONLY, &whole));
	flip((off_t)whole.offsets[2] + 400);   /* payload of the third, not synced */
	struct srd_log *log = open_log(0, &seen);
	struct srd_log *other = open_log(SRD_LOG_RDONLY, &other_seen);
	assert_prefix(&seen, 2);
	/* Whole records lie behind: not while another instance may have seen them. */
	ck_assert_int_eq(append(log, 2, &seen), -EBUSY);
	srd_log_close(other);
	uint32_t epoch = log->epoch;
	ck_assert_int_eq(append(log, 2, &seen), 0);
	ck_assert_uint_ne(log->epoch, epoch);
	uint64_t end = log->end;
	srd_log_close(log);
	srd_log_close(open_log(SRD_LOG_RDONLY, &seen));
	assert_prefix(&seen, 3);
	ck_assert_uint_eq((uint64_t)file_size(), end);
}
END_TEST

/* ---- failing calls ---- */

struct faulty {
	struct srd_io io;
	int writes_left;         /* then the next write brings half, and the one after fails */
	int error;
	int syncs, sync_error;
	off_t synced_size;       /* of the file at the last sync */
};

static ssize_t faulty_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct faulty *faulty = io->user;

	if (faulty->error && faulty->writes_left-- <= 0) {
		if (faulty->writes_left < -1)
			return faulty->error;
		struct iovec half = { .iov_base = iov->iov_base, .iov_len = iov->iov_len / 2 };
		return srd_io_posix.pwritev(io, fd, &half, 1, offset);
	}
	return srd_io_posix.pwritev(io, fd, iov, count, offset);
}

static int faulty_fdatasync(const struct srd_io *io, int fd)
{
	struct faulty *faulty = io->user;

	(void)fd;
	faulty->syncs++;
	faulty->synced_size = file_size();
	return faulty->sync_error;
}

static struct faulty make_faulty(void)
{
	struct faulty faulty = { .io = srd_io_posix };

	faulty.io.pwritev = faulty_pwritev;
	faulty.io.fdatasync = faulty_fdatasync;
	return faulty;
}

/* But its first bytes, a sign for who comes next. */
START_TEST(half_an_append_is_taken_back)
{
	struct faulty faulty = make_faulty();
	struct seen seen;

	faulty.io.user = &faulty;
	make_records(3);
	struct srd_log *log = open_with(0, &faulty.io, &seen);
	off_t size = file_size();
	faulty.error = -ENOSPC;
	ck_assert_int_eq(append(log, 3, &seen), -ENOSPC);
	ck_assert_int_eq(file_size(), size + SRD_HEADER_LEN);
	faulty.error = 0;
	ck_assert_int_eq(append(log, 3, &seen), 0);
	srd_log_close(log);
	srd_log_close(open_log(SRD_LOG_RDONLY, &seen));
	assert_prefix(&seen, 4);
}
END_TEST

/* The last record lacks three bytes, of padding: it is dropped, and others take its
 * place.  A second crash loses those, and the file system shows in their blocks what
 * lay there before. */
START_TEST(what_was_cut_does_not_come_back)
{
	static uint8_t torn[16384];
	struct faulty faulty = make_faulty();
	struct seen seen;

	faulty.io.user = &faulty;
	make_records(3);
	off_t size = file_size();
	ck_assert_int_eq(truncate(path, size - 3), 0);
	int fd = open(path, O_RDONLY);
	ck_assert_int_eq(pread(fd, torn, sizeof torn, 0), size - 3);
	close(fd);
	struct srd_log *log = open_with(0, &faulty.io, &seen);
	assert_prefix(&seen, 2);
	off_t taken = (off_t)log->end + SRD_HEADER_LEN;
	ck_assert_int_eq(append(log, 4, &seen), 0);
	ck_assert_int_ge(faulty.synced_size, taken);
	srd_log_close(log);
	poke(taken, torn + taken, (size_t)(size - taken));
	ck_assert_int_eq(truncate(path, size), 0);
	srd_log_close(open_log(SRD_LOG_RDONLY, &seen));
	assert_prefix(&seen, 2);
}
END_TEST

START_TEST(a_failed_sync_poisons_writing)
{
	struct faulty faulty = make_faulty();
	struct seen seen;

	faulty.io.user = &faulty;
	struct srd_log *log = open_with(0, &faulty.io, &seen);
	ck_assert_int_eq(append(log, 0, &seen), 0);
	faulty.sync_error = -EIO;
	ck_assert_int_eq(srd_log_sync(log, log->end), -EIO);
	faulty.sync_error = 0;
	ck_assert_int_eq(srd_log_sync(log, log->end), SRD_EPOISONED);
	ck_assert_int_eq(append(log, 1, &seen), SRD_EPOISONED);
	ck_assert_uint_eq(log->durable, SRD_FIRST_RECORD);
	srd_log_close(log);
}
END_TEST

START_TEST(a_sync_that_never_began_poisons_nothing)
{
	struct faulty faulty = make_faulty();
	struct seen seen;

	faulty.io.user = &faulty;
	make_records(1);
	struct srd_log *log = open_with(0, &faulty.io, &seen);
	/* What lies there from before is to be written again first. */
	faulty.error = -EIO;
	faulty.writes_left = -1;
	ck_assert_int_eq(srd_log_sync(log, log->end), -EIO);
	ck_assert_int_eq(faulty.syncs, 0);
	faulty.error = 0;
	ck_assert_int_eq(append(log, 1, &seen), 0);
	ck_assert_int_eq(srd_log_sync(log, log->end), 0);
	ck_assert_uint_eq(log->durable, log->end);
	srd_log_close(log);
}
END_TEST

START_TEST(what_is_durable_is_not_synced_again)
{
	struct faulty faulty = make_faulty();
	struct seen seen;

	faulty.io.user = &faulty;
	struct srd_log *log = open_with(0, &faulty.io, &seen);
	ck_assert_int_eq(append(log, 0, &seen), 0);
	uint64_t end = log->end;
	ck_assert_int_eq(srd_log_sync(log, end), 0);
	ck_assert_int_eq(srd_log_sync(log, end), 0);
	ck_assert_int_eq(faulty.syncs, 1);
	ck_assert_uint_eq(log->durable, end);
	srd_log_close(log);
}
END_TEST

/* ---- several instances ---- */

START_TEST(instances_follow_each_other)
{
	struct seen a_seen, b_seen;
	struct srd_log *a = open_log(0, &a_seen);
	struct srd_log *b = open_log(0, &b_seen);

	for (unsigned i = 0; i < RECORDS; i++) {
		ck_assert_int_eq(append(i % 2 ? a : b, i, i % 2 ? &a_seen : &b_seen), 0);
		/* Two in one process cannot wake each other: give the lock on. */
		srd_log_yield(i % 2 ? a : b, true);
		(i % 2 ? a : b)->last_time_ns += INT64_C(1) << 40;
		srd_log_unlock(i % 2 ? a : b);
	}
	ck_assert(srd_log_is_behind(b));
	ck_assert_int_eq(srd_log_follow(b, see, &b_seen), 0);
	ck_assert(!srd_log_is_behind(b));
	ck_assert_uint_eq(a->end, b->end);
	srd_log_close(a);
	srd_log_close(b);
	srd_log_close(open_log(SRD_LOG_RDONLY, &a_seen));
	assert_prefix(&a_seen, RECORDS);
}
END_TEST

/* The log ends, after an append to it, where it ended before a crash: whoever has
 * it open all the time must notice the append. */
static void append_where_one_was_torn(bool shm)
{
	struct seen seen, reader_seen;
	char shm_path[80];

	snprintf(shm_path, sizeof shm_path, "%s.shm", path);
	make_records(4);
	srd_log_close(open_log(SRD_LOG_RDONLY, &seen));
	flip((off_t)seen.offsets[3]);
	if (!shm) {
		unlink(shm_path);
		ck_assert_int_eq(mkdir(shm_path, 0700), 0);
	}
	struct srd_log *reader = open_log(SRD_LOG_RDONLY, &reader_seen);
	struct srd_log *log = open_log(0, &seen);
	assert_prefix(&reader_seen, 3);
	ck_assert_int_eq(append(log, 3, &seen), 0);
	ck_assert(srd_log_is_behind(reader));
	ck_assert_int_eq(srd_log_follow(reader, see, &reader_seen), 0);
	assert_prefix(&reader_seen, 4);
	ck_assert(!srd_log_is_behind(reader));
	srd_log_close(reader);
	srd_log_close(log);
	rmdir(shm_path);
}

START_TEST(an_append_is_noticed_where_one_was_torn)
{
	append_where_one_was_torn(true);
}
END_TEST

START_TEST(an_append_is_noticed_without_shm)
{
	append_where_one_was_torn(false);
}
END_TEST

/* Under another name it has another shm, in which nobody tells us anything. */
START_TEST(appends_are_noticed_whoever_shares_our_shm)
{
	struct seen a_seen, b_seen;
	char other[sizeof path + 8], old[sizeof path];
	struct srd_log *a = open_log(0, &a_seen);

	strcpy(old, path);
	snprintf(other, sizeof other, "%s2", path);
	ck_assert_int_eq(rename(path, other), 0);
	strcpy(path, other);
	struct srd_log *b = open_log(0, &b_seen);
	ck_assert_int_eq(append(b, 0, &b_seen), 0);
	while (!srd_log_is_behind(a))
		;
	ck_assert_int_eq(srd_log_follow(a, see, &a_seen), 0);
	assert_prefix(&a_seen, 1);
	srd_log_close(b);
	ck_assert_int_eq(rename(path, old), 0);
	strcpy(path, old);
	srd_log_close(a);
	snprintf(other, sizeof other, "%s2.shm", path);
	unlink(other);
}
END_TEST

/* ---- Another cuts a torn tail and appends, between our look at the size and at the bytes ---- */

enum { IN_FLIGHT = 4000 };

/* As srd_io_posix, but OTHER appends when AT is read first, though not the last
 * IN_FLIGHT bytes of it. */
struct meddler {
	struct srd_io io;
	struct srd_log *other;
	struct seen seen;
	uint64_t at;
	uint8_t withheld[IN_FLIGHT];
};

static ssize_t meddle_and_read(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	struct meddler *meddler = io->user;

	if (offset == meddler->at) {
		meddler->at = UINT64_MAX;
		ck_assert_int_eq(append(meddler->other, 2, &meddler->seen), 0);
		srd_log_release(meddler->other);
		off_t cut = file_size() - IN_FLIGHT;
		ck_assert_int_eq(pread(fd, meddler->withheld, IN_FLIGHT, cut), IN_FLIGHT);
		ck_assert_int_eq(truncate(path, cut), 0);
	}
	return srd_io_posix.pread(&srd_io_posix, fd, data, len, offset);
}

static void meddler_init(struct meddler *meddler)
{
	*meddler = (struct meddler){ .io = srd_io_posix, .at = UINT64_MAX };
	meddler->io.pread = meddle_and_read;
	meddler->io.user = meddler;
	meddler->other = open_log(0, &meddler->seen);
}

static void tear(void)
{
	uint8_t noise[4 * PAYLOAD_LEN];

	memset(noise, 'x', sizeof noise);
	poke(file_size(), noise, sizeof noise);
}

/* LOG does not take what is in flight for whole, and takes it when it is. */
static void check_flight(struct srd_log *log, struct meddler *meddler, struct seen *seen)
{
	ck_assert_uint_eq(meddler->at, UINT64_MAX);
	ck_assert_uint_eq(seen->count, 2);
	ck_assert_uint_le(atomic_load(&log->end), (uint64_t)file_size());
	poke(file_size(), meddler->withheld, IN_FLIGHT);
	ck_assert_int_eq(srd_log_follow(log, see, seen), 0);
	ck_assert_uint_eq(seen->count, 3);
	ck_assert(!srd_log_is_lost(log));
	ck_assert_int_eq(append(log, 3, seen), 0);
	srd_log_close(log);
	srd_log_close(meddler->other);
}

START_TEST(what_is_in_flight_where_a_tail_was_cut_is_not_followed)
{
	struct meddler meddler;
	struct seen seen;

	make_records(2);
	meddler_init(&meddler);
	struct srd_log *log = open_with(0, &meddler.io, &seen);
	tear();
	meddler.at = atomic_load(&log->end);
	ck_assert_int_eq(srd_log_follow(log, see, &seen), 0);
	check_flight(log, &meddler, &seen);
}
END_TEST

START_TEST(what_is_in_flight_where_a_tail_was_cut_is_not_dropped)
{
	struct meddler meddler;
	struct seen seen;

	make_records(2);
	meddler_init(&meddler);
	tear();
	meddler.at = SRD_FIRST_RECORD;
	struct srd_log *log = open_with(0, &meddler.io, &seen);
	check_flight(log, &meddler, &seen);
}
END_TEST

START_TEST(alone_means_alone)
{
	struct seen seen;
	struct srd_log *second;
	char holder[200], want[32];
	struct srd_log *log = open_log(SRD_LOG_EXCLUSIVE, &seen);

	ck_assert_int_eq(srd_log_open(path, 0, &srd_io_posix, &second), -EBUSY);
	ck_assert_int_eq(srd_log_open(path, SRD_LOG_RDONLY, &srd_io_posix, &second), -EBUSY);
	ck_assert_int_eq(srd_log_holder(path, NULL, holder, sizeof holder), 0);
	snprintf(want, sizeof want, "pid %d on ", getpid());
	ck_assert_int_eq(strncmp(holder, want, strlen(want)), 0);
	srd_log_close(log);
	ck_assert_int_eq(srd_log_holder(path, NULL, holder, sizeof holder), -ENOENT);
	log = open_log(0, &seen);
	ck_assert_int_eq(srd_log_open(path, SRD_LOG_EXCLUSIVE, &srd_io_posix, &second), -EBUSY);
	srd_log_close(log);
}
END_TEST

/* Who tidies up, or cuts what is torn, is slow: it comes to its end when somebody looks who that is,
 * the LAST time.  Then the file is REPLACED by that one. */
struct tidier {
	struct srd_io io;
	int fd, looks, last;
	const char *replaced;
};

static int look_for_tidier(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	struct tidier *tidier = io->user;
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, ".shm") == 0 && ++tidier->looks == tidier->last) {
		ck_assert_int_eq(srd_ofd_lock(tidier->fd, F_UNLCK, SRD_BYTE_PRESENCE, false), 0);
		ck_assert(!tidier->replaced || rename(tidier->replaced, path) == 0);
	}
	return srd_io_posix.open(&srd_io_posix, dir_fd, name, flags, mode);
}

static struct srd_log *open_after(struct tidier *tidier)
{
	struct seen seen;

	tidier->io = srd_io_posix;
	tidier->io.open = look_for_tidier;
	tidier->io.user = tidier;
	tidier->fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(srd_ofd_lock(tidier->fd, F_WRLCK, SRD_BYTE_PRESENCE, false), 0);
	struct srd_log *log = open_with(0, &tidier->io, &seen);
	ck_assert_int_ge(tidier->looks, tidier->last);
	close(tidier->fd);
	return log;
}

START_TEST(who_is_alone_for_a_moment_is_waited_for)
{
	srd_log_close(open_after(&(struct tidier){ .last = 2 }));
}
END_TEST

/* Each look comes 49 ms or more after the one before: by then a look at the name is due. */
START_TEST(what_was_replaced_meanwhile_is_noticed_at_once)
{
	char other[sizeof path + 8];

	snprintf(other, sizeof other, "%s.other", path);
	ck_assert_int_eq(srd_log_create(other, 0666, &srd_io_posix), 0);
	struct srd_log *log = open_after(&(struct tidier){ .last = 4, .replaced = other });
	ck_assert(srd_log_is_behind(log));
	srd_log_close(log);
	/* Another's, by its name. */
	snprintf(other, sizeof other, "%s.shm", path);
	ck_assert_int_eq(unlink(other), 0);
}
END_TEST

/* Another's shm, or none: it cannot ask. */
START_TEST(the_idle_give_the_lock_to_who_cannot_ask)
{
	struct seen seen;
	struct srd_log *log = open_log(0, &seen);

	ck_assert_int_eq(append(log, 0, &seen), 0);
	ck_assert(log->lock_held);
	log->lock_since_ns -= 1000000000;
	srd_log_yield(log, true);   /* as the keeper does from time to time */
	ck_assert(!log->lock_held);
	srd_log_close(log);
}
END_TEST

START_TEST(a_killed_process_hinders_nobody)
{
	struct seen seen;
	int to_parent[2];
	char byte;

	ck_assert_int_eq(pipe(to_parent), 0);
	pid_t pid = fork();
	if (pid == 0) {
		/* Dies holding the lock, half a record behind the end. */
		struct srd_log *log = open_log(0, &seen);
		append(log, 0, &seen);
		poke((off_t)log->end, "torn", 4);
		if (write(to_parent[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	ck_assert_int_eq(read(to_parent[0], &byte, 1), 1);
	struct srd_log *log = open_log(0, &seen);
	assert_prefix(&seen, 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(append(log, 1, &seen), 0);
	srd_log_close(log);
	srd_log_close(open_log(SRD_LOG_RDONLY, &seen));
	assert_prefix(&seen, 2);
	close(to_parent[0]);
	close(to_parent[1]);
}
END_TEST

START_TEST(a_file_rolled_back_is_noticed)
{
	struct seen seen;

	make_records(4);
	struct srd_log *log = open_log(0, &seen);
	ck_assert_int_eq(truncate(path, (off_t)seen.offsets[3]), 0);
	ck_assert_int_eq(append(log, 4, &seen), SRD_EDAMAGED);
	srd_log_close(log);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, creating_never_replaces);
	tcase_add_test(tcase, what_is_no_store_is_told_so);
	tcase_add_test(tcase, records_come_back_in_order);
	tcase_add_test(tcase, every_byte_prefix_is_a_prefix_of_the_commits);
	tcase_add_test(tcase, zeros_behind_the_end_are_not_a_record);
	tcase_add_test(tcase, noise_behind_the_end_is_not_a_record);
	tcase_add_test(tcase, rot_below_the_mark_costs_that_record_alone);
	tcase_add_test(tcase, damage_above_the_mark_ends_the_log);
	tcase_add_test(tcase, rot_below_the_mark_is_not_cut);
	tcase_add_test(tcase, rotten_payload_below_the_mark_is_still_a_commit);
	tcase_add_test(tcase, what_was_dropped_never_comes_back);
	tcase_add_test(tcase, half_an_append_is_taken_back);
	tcase_add_test(tcase, what_was_cut_does_not_come_back);
	tcase_add_test(tcase, a_failed_sync_poisons_writing);
	tcase_add_test(tcase, a_sync_that_never_began_poisons_nothing);
	tcase_add_test(tcase, what_is_durable_is_not_synced_again);
	tcase_add_test(tcase, instances_follow_each_other);
	tcase_add_test(tcase, an_append_is_noticed_where_one_was_torn);
	tcase_add_test(tcase, an_append_is_noticed_without_shm);
	tcase_add_test(tcase, appends_are_noticed_whoever_shares_our_shm);
	tcase_add_test(tcase, what_is_in_flight_where_a_tail_was_cut_is_not_followed);
	tcase_add_test(tcase, what_is_in_flight_where_a_tail_was_cut_is_not_dropped);
	tcase_add_test(tcase, alone_means_alone);
	tcase_add_test(tcase, who_is_alone_for_a_moment_is_waited_for);
	tcase_add_test(tcase, what_was_replaced_meanwhile_is_noticed_at_once);
	tcase_add_test(tcase, the_idle_give_the_lock_to_who_cannot_ask);
	tcase_add_test(tcase, a_killed_process_hinders_nobody);
	tcase_add_test(tcase, a_file_rolled_back_is_noticed);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
