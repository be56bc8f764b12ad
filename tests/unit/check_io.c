/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_io.c - reading and writing in full: short counts, interruptions and
 * errors of an io made for it, and the real one on a file.
 */
#include "config.h"

#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/error.h"
#include "unit.h"

enum { FILE_LEN = 10000 };

/* A file in memory that does at most STEP bytes a call, is interrupted before
 * every third call, and fails with ERROR once FAIL_AT bytes have passed. */
struct fake {
	uint8_t bytes[FILE_LEN];
	size_t size, step, passed, fail_at;
	int error, calls, count_max;
};

static uint64_t seed;

static ssize_t may_pass(struct fake *fake, size_t len)
{
	if (++fake->calls % 3 == 0)
		return -EINTR;
	if (fake->passed >= fake->fail_at)
		return fake->error;
	return (ssize_t)SRD_MIN(SRD_MIN(len, fake->step), fake->fail_at - fake->passed);
}

static ssize_t fake_pread(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	struct fake *fake = io->user;
	ssize_t may = may_pass(fake, offset < fake->size ? SRD_MIN(len, fake->size - offset) : 0);

	ck_assert_int_eq(fd, 42);
	if (may > 0)
		memcpy(data, fake->bytes + offset, (size_t)may);
	fake->passed += may > 0 ? (size_t)may : 0;
	return may;
}

static ssize_t fake_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count,
                            uint64_t offset)
{
	struct fake *fake = io->user;
	size_t len = 0, done = 0;

	ck_assert_int_eq(fd, 42);
	ck_assert(count > 0 && count <= IOV_MAX && iov->iov_len > 0);
	fake->count_max = SRD_MAX(fake->count_max, count);
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	ssize_t may = may_pass(fake, len);
	while (may > 0 && done < (size_t)may) {
		size_t take = SRD_MIN(iov->iov_len, (size_t)may - done);
		ck_assert(offset + done + take <= FILE_LEN);
		memcpy(fake->bytes + offset + done, iov->iov_base, take);
		done += take;
		iov++;
	}
	fake->passed += done;
	fake->size = SRD_MAX(fake->size, offset + done);
	return may;
}

static struct srd_io io_on(struct fake *fake, size_t step)
{
	*fake = (struct fake){ .step = step, .fail_at = SIZE_MAX };
	return (struct srd_io){ .pread = fake_pread, .pwritev = fake_pwritev, .user = fake };
}

/* Cuts LEN bytes at DATA into pieces of random length, some of them empty. */
static int cut(uint64_t *random, const uint8_t *data, size_t len, struct iovec *iov, int max)
{
	int count = 0;
	size_t at = 0;

	while (at < len && count < max - 1) {
		size_t take = unit_random(random) % 5 ? unit_random(random) % 40 : 0;
		take = SRD_MIN(take, len - at);
		iov[count++] = (struct iovec){ (void *)(data + at), take };
		at += take;
	}
	iov[count++] = (struct iovec){ (void *)(data + at), len - at };
	return count;
}

START_TEST(a_vector_arrives_whole_whatever_the_steps)
{
	static uint8_t data[FILE_LEN];
	static struct iovec iov[FILE_LEN];
	static struct fake fake;
	uint64_t random = seed + (uint64_t)_i, written;
	struct srd_io io = io_on(&fake, 1 + unit_random(&random) % 300);
	size_t offset = unit_random(&random) % 100, len = unit_random(&random) % (FILE_LEN - 100);

	unit_random_bytes(&random, data, len);
	int count = cut(&random, data, len, iov, FILE_LEN);
	ck_assert_int_eq(srd_io_write_full(&io, 42, iov, count, offset, &written), 0);
	ck_assert_uint_eq(written, len);
	ck_assert_uint_eq(fake.passed, len);
	if (len > 0)
		ck_assert_mem_eq(fake.bytes + offset, data, len);
}
END_TEST

START_TEST(more_pieces_than_the_system_takes_go_in_several_calls)
{
	static uint8_t data[3 * IOV_MAX];
	static struct iovec iov[3 * IOV_MAX];
	static struct fake fake;
	struct srd_io io = io_on(&fake, SIZE_MAX);
	uint64_t random = seed;

	unit_random_bytes(&random, data, sizeof data);
	for (int i = 0; i < 3 * IOV_MAX; i++)
		iov[i] = (struct iovec){ data + i, 1 };
	ck_assert_int_eq(srd_io_write_full(&io, 42, iov, 3 * IOV_MAX, 0, NULL), 0);
	ck_assert_mem_eq(fake.bytes, data, sizeof data);
	ck_assert_int_eq(fake.count_max, IOV_MAX);
}
END_TEST

START_TEST(nothing_to_write_calls_nothing)
{
	static struct fake fake;
	struct srd_io io = io_on(&fake, 100);
	struct iovec iov[2] = { { NULL, 0 }, { NULL, 0 } };
	uint64_t written = 7;

	ck_assert_int_eq(srd_io_write_full(&io, 42, iov, 0, 0, &written), 0);
	ck_assert_uint_eq(written, 0);
	ck_assert_int_eq(srd_io_write_full(&io, 42, iov, 2, 0, &written), 0);
	ck_assert_int_eq(fake.calls, 0);
}
END_TEST

START_TEST(an_error_keeps_its_code_and_tells_what_arrived)
{
	static const int errors[] = { -ENOSPC, -EIO, -EDQUOT, -EAGAIN, -EBADF };
	static uint8_t data[1000];
	static struct fake fake;
	uint64_t random = seed + (uint64_t)_i, written;
	struct srd_io io = io_on(&fake, 1 + unit_random(&random) % 64);
	struct iovec iov[1000];

	fake.fail_at = unit_random(&random) % 1000;
	fake.error = errors[_i % (int)SRD_LEN(errors)];
	int count = cut(&random, data, sizeof data, iov, 1000);
	ck_assert_int_eq(srd_io_write_full(&io, 42, iov, count, 5, &written), fake.error);
	ck_assert_uint_eq(written, fake.fail_at);
}
END_TEST

START_TEST(a_write_that_does_nothing_is_an_error_not_a_loop)
{
	static struct fake fake;
	struct srd_io io = io_on(&fake, 0);
	struct iovec iov = { (void *)"x", 1 };
	uint64_t written = 7;

	ck_assert_int_eq(srd_io_write_full(&io, 42, &iov, 1, 0, &written), -EIO);
	ck_assert_uint_eq(written, 0);
}
END_TEST

START_TEST(reading_gets_all_there_is)
{
	static uint8_t got[FILE_LEN];
	static struct fake fake;
	uint64_t random = seed + (uint64_t)_i;
	struct srd_io io = io_on(&fake, 1 + unit_random(&random) % 300);
	size_t offset = unit_random(&random) % 1000, len = unit_random(&random) % 8000;

	fake.size = unit_random(&random) % FILE_LEN;
	unit_random_bytes(&random, fake.bytes, fake.size);
	size_t there = offset < fake.size ? SRD_MIN(len, fake.size - offset) : 0;
	ck_assert_int_eq(srd_io_read_full(&io, 42, got, len, offset), (ssize_t)there);
	if (there > 0)
		ck_assert_mem_eq(got, fake.bytes + offset, there);
	fake.fail_at = 0;
	fake.error = -EIO;
	ck_assert_int_eq(srd_io_read_full(&io, 42, got, len + 1, offset), -EIO);
}
END_TEST

START_TEST(the_real_one_reads_writes_cuts_and_renames)
{
	char dir[] = "/tmp/srd-check-io-XXXXXX", got[8];
	const struct srd_io *io = &srd_io_posix;
	struct iovec iov[2] = { { (void *)"abc", 3 }, { (void *)"defg", 4 } };

	ck_assert(mkdtemp(dir) != NULL);
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	int fd = openat(dir_fd, "a", O_RDWR | O_CREAT, 0600);
	ck_assert(dir_fd >= 0 && fd >= 0);
	ck_assert_int_eq(srd_io_write_full(io, fd, iov, 2, 1, NULL), 0);
	ck_assert_int_eq(srd_io_read_full(io, fd, got, 8, 0), 8);
	ck_assert_mem_eq(got, "\0abcdefg", 8);
	ck_assert_int_eq(io->fdatasync(io, fd), 0);
	ck_assert_int_eq(io->ftruncate(io, fd, 3), 0);
	ck_assert_int_eq(srd_io_read_full(io, fd, got, 8, 0), 3);
	ck_assert_int_eq(io->rename(io, dir_fd, "a", "b", 0), 0);
	ck_assert_int_eq(io->rename(io, dir_fd, "a", "b", 0), -ENOENT);
	close(fd);
	ck_assert_int_eq(io->fdatasync(io, fd), -EBADF);
	ck_assert_int_eq(io->ftruncate(io, fd, 0), -EBADF);
	ck_assert_int_eq(srd_io_read_full(io, fd, got, 8, 0), -EBADF);
	iov[0] = (struct iovec){ got, 1 };
	ck_assert_int_eq(srd_io_write_full(io, fd, iov, 1, 0, NULL), -EBADF);
	ck_assert_int_eq(unlinkat(dir_fd, "b", 0), 0);
	close(dir_fd);
	rmdir(dir);
}
END_TEST

/* What PATH, seen from the directory we are in, is found as: NAME, in the directory that is INO; or ERROR. */
static void expect_found(const char *path, int error, ino_t ino, const char *name)
{
	struct stat st;
	char *found;
	int dir_fd;

	ck_assert_int_eq(srd_io_posix.find(&srd_io_posix, path, &dir_fd, &found), error);
	if (error)
		return;
	ck_assert_str_eq(found, name);
	ck_assert_int_eq(fstat(dir_fd, &st), 0);
	ck_assert_uint_eq(st.st_ino, ino);
	free(found);
	close(dir_fd);
}

START_TEST(links_are_followed_to_the_end)
{
	char dir[] = "/tmp/srd-check-io-XXXXXX", from[8], to[8] = "file";
	struct stat st;
	int links = 0;

	ck_assert(mkdtemp(dir) != NULL && chdir(dir) == 0 && chmod(dir, 0755) == 0 && stat(".", &st) == 0);
	ck_assert_int_eq(mknod("file", S_IFREG | 0644, 0), 0);
	for (; links < 41; links++) {
		snprintf(from, sizeof from, "%d", links + 1);
		ck_assert_int_eq(symlink(to, from), 0);
		memcpy(to, from, sizeof to);
	}
	expect_found("file", 0, st.st_ino, "file");
	expect_found("40", 0, st.st_ino, "file");
	expect_found("41", -ELOOP, 0, NULL);
	expect_found("", -ENOENT, 0, NULL);
	expect_found("none", -ENOENT, 0, NULL);
	expect_found("file/", -ENOTDIR, 0, NULL);
	expect_found("./", 0, st.st_ino, ".");
	/* One may go through it, and not list it. */
	ck_assert_int_eq(mkdir("hidden", 0700), 0);
	ck_assert_int_eq(symlink("../file", "hidden/link"), 0);
	ck_assert_int_eq(chmod("hidden", 0311), 0);
	ck_assert(geteuid() != 0 || seteuid(65534) == 0);
	expect_found("hidden/link", 0, st.st_ino, "file");
	ck_assert(getuid() != 0 || seteuid(0) == 0);
	unlink("hidden/link");
	rmdir("hidden");
	for (; links > 0; links--) {
		snprintf(from, sizeof from, "%d", links);
		unlink(from);
	}
	unlink("file");
	rmdir(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("io");
	TCase *tcase = tcase_create("full");

	seed = unit_seed();
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_vector_arrives_whole_whatever_the_steps, 0, 50);
	tcase_add_test(tcase, more_pieces_than_the_system_takes_go_in_several_calls);
	tcase_add_test(tcase, nothing_to_write_calls_nothing);
	tcase_add_loop_test(tcase, an_error_keeps_its_code_and_tells_what_arrived, 0, 25);
	tcase_add_test(tcase, a_write_that_does_nothing_is_an_error_not_a_loop);
	tcase_add_loop_test(tcase, reading_gets_all_there_is, 0, 50);
	tcase_add_test(tcase, the_real_one_reads_writes_cuts_and_renames);
	tcase_add_test(tcase, links_are_followed_to_the_end);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
