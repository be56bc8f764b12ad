/* SPDX-License-Identifier: Apache-2.0 */
/*
 * races.c - of several that want what only one can have, one gets it: on mounts of a
 * store and by the library, each a process, all at the same time.
 *
 *     races STORE MOUNT MOUNT
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "srd.h"

enum { RACERS = 3, LIBRARY = 2, ROUNDS = 100, NAME_LEN = 256 };

struct racer {
	int number;               /* LIBRARY: by the library, else on a mount */
	const char *mount;
	srd_store *store;
};

/* A name as the racer has it: a path on its mount, or a key. */
__attribute__((format(printf, 3, 4)))
static const char *name_in(const struct racer *racer, char name[NAME_LEN], const char *format, ...)
{
	size_t len = racer->mount ? (size_t)snprintf(name, NAME_LEN, "%s/", racer->mount) : 0;
	va_list args;

	va_start(args, format);
	vsnprintf(name + len, NAME_LEN - len, format, args);
	va_end(args);
	return name;
}

static int result_of(int got)
{
	return got < 0 ? -errno : 0;
}

static int link_seed(const struct racer *racer, const char *name)
{
	return srd_link(racer->store, "seed", 4, name, strlen(name));
}

static int move(const struct racer *racer, const char *from, const char *to, unsigned flags)
{
	return racer->mount ? result_of(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags))
	                    : srd_rename(racer->store, from, strlen(from), to, strlen(to));
}

/* ---- The races: 0 for who won, what the others are to be told ---- */

static int create(const struct racer *racer, int round)
{
	char name[NAME_LEN];

	name_in(racer, name, "new-%d", round);
	if (!racer->mount)
		return link_seed(racer, name);
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	return fd < 0 ? -errno : result_of(close(fd));
}

static int make_directory(const struct racer *racer, int round)
{
	char name[NAME_LEN];

	name_in(racer, name, "directory-%d", round);
	return racer->mount ? result_of(mkdir(name, 0755)) : link_seed(racer, name);
}

static int rename_one(const struct racer *racer, int round)
{
	char from[NAME_LEN], to[NAME_LEN];

	return move(racer, name_in(racer, from, "one-%d", round), name_in(racer, to, "mine-%d-%d", round, racer->number), 0);
}

static int rename_to_one(const struct racer *racer, int round)
{
	char from[NAME_LEN], to[NAME_LEN];

	name_in(racer, from, "own-%d-%d", round, racer->number);
	name_in(racer, to, "target-%d", round);
	return racer->mount ? move(racer, from, to, RENAME_NOREPLACE) : link_seed(racer, to);
}

static int take_away(const struct racer *racer, int round)
{
	char name[NAME_LEN];

	name_in(racer, name, "old-%d", round);
	return racer->mount ? result_of(unlink(name)) : srd_delete(racer->store, name, strlen(name));
}

/* One makes a file in the directory that the others remove. */
static int remove_or_use(const struct racer *racer, int round)
{
	char name[NAME_LEN];

	name_in(racer, name, "empty-%d", round);
	if (!racer->mount)
		return srd_delete(racer->store, name, strlen(name));
	if (racer->number == 0)
		return result_of(rmdir(name));
	int fd = open(name_in(racer, name, "empty-%d/file", round), O_WRONLY | O_CREAT, 0644);
	return fd < 0 ? -errno : result_of(close(fd));
}

static const struct race {
	const char *what;
	int (*run)(const struct racer *racer, int round);
	int lost[2];              /* what who lost may be told */
} races[] = {
	{ "to make a file", create, { -EEXIST } },
	{ "to make a directory", make_directory, { -EEXIST } },
	{ "to rename one file", rename_one, { -ENOENT } },
	{ "to rename to one name", rename_to_one, { -EEXIST } },
	{ "to remove a file", take_away, { -ENOENT } },
	{ "to remove a directory or to use it", remove_or_use, { -ENOENT, -ENOTEMPTY } },
};

enum { RACES = sizeof races / sizeof races[0] };

/* ---- Running them ---- */

/* Shared by the racers. */
struct course {
	atomic_uint arrived;
	int results[RACES][ROUNDS][RACERS];
};

static void die(const char *what, int error)
{
	printf("Bail out! %s: %s\n", what, srd_strerror(error));
	exit(99);
}

/* All begin when the last has come. */
static void line_up(struct course *course, unsigned start)
{
	atomic_fetch_add(&course->arrived, 1);
	while (atomic_load(&course->arrived) < (start + 1) * RACERS)
		sched_yield();
}

/* The library needs no request to get there, so it is held up, longer each round. */
static void hold_up(const struct racer *racer, int round)
{
	for (int i = 0; !racer->mount && i < 4 * round; i++)
		srd_exists(racer->store, "seed", 4);
}

static void run(struct racer *racer, const char *path, struct course *course)
{
	int error = racer->mount ? 0 : srd_open(path, SRD_NOSYNC, &racer->store);

	/* The others are not to wait for us. */
	if (error) {
		atomic_store(&course->arrived, RACES * ROUNDS * RACERS);
		die(path, error);
	}
	for (unsigned race = 0; race < RACES; race++)
		for (int round = 0; round < ROUNDS; round++) {
			line_up(course, race * ROUNDS + (unsigned)round);
			hold_up(racer, round);
			course->results[race][round][racer->number] = races[race].run(racer, round);
		}
	srd_close(racer->store);
}

static void must(int error, const char *what)
{
	if (error)
		die(what, error);
}

__attribute__((format(printf, 3, 4)))
static void prepare_one(srd_store *store, bool there, const char *format, ...)
{
	char key[NAME_LEN];
	va_list args;

	va_start(args, format);
	size_t len = (size_t)vsnprintf(key, sizeof key, format, args);
	va_end(args);
	must(there ? srd_put(store, key, len, "x", 1) : srd_delete(store, key, len), key);
}

static void prepare(const char *path)
{
	srd_store *store;

	must(srd_open(path, SRD_NOSYNC, &store), path);
	prepare_one(store, true, "seed");
	for (int round = 0; round < ROUNDS; round++) {
		prepare_one(store, true, "one-%d", round);
		prepare_one(store, true, "old-%d", round);
		prepare_one(store, true, "empty-%d/file", round);
		prepare_one(store, false, "empty-%d/file", round);
		for (int number = 0; number < RACERS; number++)
			prepare_one(store, true, "own-%d-%d", round, number);
	}
	must(srd_close(store), path);
}

static bool has_one_winner(const struct race *race, const int results[RACERS])
{
	int winners = 0;

	for (int i = 0; i < RACERS; i++) {
		winners += results[i] == 0;
		if (results[i] != 0 && results[i] != race->lost[0] && results[i] != race->lost[1])
			return false;
	}
	return winners == 1;
}

static int judge(const struct course *course)
{
	int failed = 0;

	for (int race = 0; race < RACES; race++) {
		int bad = 0, wins[RACERS] = { 0 };
		for (int round = 0; round < ROUNDS; round++) {
			const int *results = course->results[race][round];
			for (int i = 0; i < RACERS; i++)
				wins[i] += results[i] == 0;
			if (!has_one_winner(&races[race], results) && bad++ == 0)
				printf("# round %d: %d, %d, %d\n", round, results[0], results[1], results[2]);
		}
		printf("%s - %s, one wins: %d and %d times on the mounts, %d times by the library\n",
		       bad ? "not ok" : "ok", races[race].what, wins[0], wins[1], wins[LIBRARY]);
		failed |= bad != 0;
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct course *course = mmap(NULL, sizeof *course, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int failed = 0, status;

	if (argc != 4 || course == MAP_FAILED)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare(argv[1]);
	for (int i = 0; i < RACERS; i++) {
		struct racer racer = { .number = i, .mount = i == LIBRARY ? NULL : argv[2 + i] };
		if (fork() == 0) {
			run(&racer, argv[1], course);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed ? 99 : judge(course);
}
