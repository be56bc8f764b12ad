/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entries.c - what an entry of a large directory costs: on a mounted store, and
 * on other file systems beside it in the same run.
 *
 *     tools/bench/directory, or by hand: entries MOUNT OTHER
 *
 * It uses nothing but system calls, and calls nothing that hides one: what is
 * measured is the file system, not this program's sorting.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: entries [--counts N,N,...] DIRECTORY ...\n"
"\n"
"Makes a new directory in each DIRECTORY and in it N empty files (10000, then\n"
"100000, then 1000000), and prints samples for tools/bench/report, of microseconds\n"
"for each file:\n"
"\n"
"  create     open with O_CREAT, close\n"
"  list       getdents64 to the end\n"
"  list+stat  getdents64, and fstatat of each as it comes\n"
"  stat       fstatat of each, in the order of the names\n"
"  rename     every tenth, within the directory\n"
"  churn      list while another process makes and removes files in it\n"
"  remove     unlinkat of each, in the order of the listing\n"
"\n"
"Before `list', `list+stat' and `stat' the kernel forgets what it knows (as root).\n"
"A listing in which a file is not seen exactly once is an error.\n";

enum { NAME_LEN = 32, LIST_LEN = 256 << 10, CHURN_NAMES = 1000 };

/* A directory being measured, and its files' names as it listed them. */
struct bench {
	const char *place;
	char path[4096];
	int fd;
	unsigned count;
	char (*names)[NAME_LEN];
	uint8_t *seen;            /* times that each file was listed */
	uint8_t *buffer;
};

struct entry {                    /* linux_dirent64 */
	uint64_t ino;
	int64_t next;
	uint16_t len;
	uint8_t type;
	char name[];
};

static _Noreturn void fail(const struct bench *bench, const char *what)
{
	die("%s: %s: %m", bench->path, what);
}

/* Names in an order of no use to anybody: I times an odd number, modulo 2^32. */
static void name_of(unsigned i, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "%08x-%u", i * 2654435761u, i);
}

static void make_file(const struct bench *bench, const char *name)
{
	int fd = openat(bench->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0 || close(fd) != 0)
		fail(bench, "create");
}

static void create(struct bench *bench)
{
	char name[NAME_LEN];

	for (unsigned i = 0; i < bench->count; i++) {
		name_of(i, name);
		make_file(bench, name);
	}
}

static void stat_name(const struct bench *bench, const char *name)
{
	struct stat st;

	if (fstatat(bench->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		fail(bench, name);
}

/* Remembers an entry that is one of the files; those of others count for nothing. */
static void see(struct bench *bench, const char *name, unsigned *found)
{
	const char *number = strchr(name, '-');

	if (!number || name[0] == 'x')
		return;
	unsigned i = (unsigned)strtoul(number + 1, NULL, 10);
	if (i >= bench->count || *found >= bench->count) {
		errno = EEXIST;
		fail(bench, name);
	}
	bench->seen[i]++;
	memcpy(bench->names[(*found)++], name, strnlen(name, NAME_LEN - 1) + 1);
}

static void read_all(struct bench *bench, bool with_stat)
{
	unsigned found = 0;
	long got;

	memset(bench->seen, 0, bench->count);
	if (lseek(bench->fd, 0, SEEK_SET) != 0)
		fail(bench, "rewind");
	while ((got = syscall(SYS_getdents64, bench->fd, bench->buffer, LIST_LEN)) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(bench->buffer + at);
			see(bench, entry->name, &found);
			if (with_stat)
				stat_name(bench, entry->name);
			at += entry->len;
		}
	}
	if (got < 0)
		fail(bench, "list");
	for (unsigned i = 0; i < bench->count; i++) {
		if (bench->seen[i] == 1)
			continue;
		errno = bench->seen[i] ? EEXIST : ENOENT;
		fail(bench, "a file is not listed exactly once");
	}
}

static void list(struct bench *bench)
{
	read_all(bench, false);
}

static void list_and_stat(struct bench *bench)
{
	read_all(bench, true);
}

static void stat_all(struct bench *bench)
{
	char name[NAME_LEN];

	for (unsigned i = 0; i < bench->count; i++) {
		name_of(i, name);
		stat_name(bench, name);
	}
}

static void rename_some(struct bench *bench)
{
	char name[NAME_LEN], other[NAME_LEN + 2];

	for (unsigned i = 0; i < bench->count; i += 10) {
		name_of(i, name);
		snprintf(other, sizeof other, "y%s", name);
		if (renameat(bench->fd, name, bench->fd, other) != 0 ||
		    renameat(bench->fd, other, bench->fd, name) != 0)
			fail(bench, "rename");
	}
}

/* Comes and goes until it is killed. */
static _Noreturn void churn_forever(const struct bench *bench)
{
	char name[NAME_LEN];

	for (unsigned i = 0;; i++) {
		snprintf(name, sizeof name, "x%u", i % CHURN_NAMES);
		if (unlinkat(bench->fd, name, 0) != 0)
			make_file(bench, name);
	}
}

static void churn(struct bench *bench)
{
	pid_t child = fork();
	char name[NAME_LEN];

	if (child == 0)
		churn_forever(bench);
	read_all(bench, false);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (unsigned i = 0; i < CHURN_NAMES; i++) {
		snprintf(name, sizeof name, "x%u", i);
		unlinkat(bench->fd, name, 0);
	}
}

static void remove_all(struct bench *bench)
{
	for (unsigned i = 0; i < bench->count; i++)
		if (unlinkat(bench->fd, bench->names[i], 0) != 0)
			fail(bench, bench->names[i]);
}

/* ---- What is measured ---- */

static const struct phase {
	const char *name;
	void (*run)(struct bench *bench);
	unsigned share;           /* one file in so many */
	bool cold;
} phases[] = {
	{ "create", create, 1, false },
	{ "list", list, 1, true },
	{ "list+stat", list_and_stat, 1, true },
	{ "stat", stat_all, 1, true },
	{ "rename", rename_some, 5, false },
	{ "churn", churn, 1, false },
	{ "remove", remove_all, 1, false },
};
enum { PHASES = sizeof phases / sizeof *phases, COUNTS_MAX = 8, SMALL = 1000, SMALL_TIMES = 20 };

/* The kernel drops names and inodes that nobody has open.  In vain as anybody else. */
static void forget(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	sync();
	if (fd < 0 || write(fd, "2", 1) != 1)
		fprintf(stderr, "entries: the kernel's caches stay: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Each phase is another program. */
static void open_again(struct bench *bench)
{
	if (bench->fd >= 0)
		close(bench->fd);
	bench->fd = open(bench->path, O_RDONLY | O_DIRECTORY);
	if (bench->fd < 0)
		fail(bench, "open");
}

static void measure(struct bench *bench, double us[PHASES])
{
	snprintf(bench->path, sizeof bench->path, "%s/directory-%ld", bench->place, (long)getpid());
	if (mkdir(bench->path, 0755) != 0)
		fail(bench, "mkdir");
	bench->fd = -1;
	open_again(bench);
	bench->names = calloc(bench->count, sizeof *bench->names);
	bench->seen = malloc(bench->count);
	bench->buffer = malloc(LIST_LEN);
	if (!bench->names || !bench->seen || !bench->buffer)
		fail(bench, "begin");
	for (unsigned i = 0; i < PHASES; i++) {
		if (phases[i].cold)
			forget();
		open_again(bench);
		double start = now_us();
		phases[i].run(bench);
		us[i] = (now_us() - start) / ((double)bench->count / phases[i].share);
	}
	close(bench->fd);
	if (rmdir(bench->path) != 0)
		fail(bench, "rmdir");
	free(bench->names);
	free(bench->seen);
	free(bench->buffer);
}

/* A small directory is over before the clock has seen much: the mean of many. */
static void measure_often(struct bench *bench, double us[PHASES])
{
	unsigned times = bench->count < SMALL ? SMALL_TIMES : 1;
	double once[PHASES];

	memset(us, 0, PHASES * sizeof *us);
	for (unsigned i = 0; i < times; i++) {
		measure(bench, once);
		for (unsigned phase = 0; phase < PHASES; phase++)
			us[phase] += once[phase] / times;
	}
}

/* As samples for tools/bench/report, with COUNTS in the place of peers. */
static void tell_place(const char *place, const unsigned *counts, unsigned many)
{
	double us[PHASES];

	for (unsigned i = 0; i < many; i++) {
		struct bench bench = { .place = place, .count = counts[i] };
		measure_often(&bench, us);
		for (unsigned phase = 0; phase < PHASES; phase++)
			printf("%s\tus\tless\t%u\t%.9g\n", phases[phase].name, counts[i], us[phase]);
		fflush(stdout);
	}
}

static unsigned parse_counts(char *text, unsigned counts[COUNTS_MAX])
{
	unsigned many = 0;

	for (char *word = strtok(text, ","); word && many < COUNTS_MAX; word = strtok(NULL, ","))
		counts[many++] = (unsigned)strtoul(word, NULL, 10);
	return many;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "counts", required_argument, NULL, 'c' },
	                                         { "help", no_argument, NULL, 'h' },
	                                         { 0 } };
	unsigned counts[COUNTS_MAX] = { 10000, 100000, 1000000 }, many = 3;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0;
		if (option != 'c' || (many = parse_counts(optarg, counts)) == 0)
			return 2;
	}
	if (optind == argc) {
		fputs(help, stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++)
		tell_place(argv[i], counts, many);
	return 0;
}
