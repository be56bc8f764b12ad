/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opening.c - how long it takes to open a store and get a value: closed cleanly, without its image,
 * and after its writer was killed; tools/bench/scale runs it.  Each opening is a process of its
 * own, as is each writer that dies; caches are warm.
 *
 * A writer is killed when most is left behind: it looks itself how far behind an image may come
 * while the next one is saved, and dies when it is there again.
 */
#include "config.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: opening STORE COUNT ...\n"
"\n"
"A store is made for each COUNT, by puts one by one, and removed again; below 500,000 keys\n"
"none has an image.  Prints samples for tools/bench/report, with the counts in the place\n"
"of peers: milliseconds, and how many records are replayed in a second.\n"
"\n"
"  clean           it was closed; `memory' is anonymous, after the first get\n"
"  no image        from the log alone\n"
"  500,000 behind  the writer was killed that many puts after the image, half of them of keys\n"
"                  that were there\n"
"  killed          with all its work going on: puts one by one, or 1,024 to a batch, when\n"
"                  most is `left' behind the image\n";

enum { BEHIND = 500000, BATCH = 1024, VALUE_LEN = 100, SAVES_SEEN = 2 };
static const uint64_t WRITES_MAX = 20000000;    /* by who is to be killed */

struct store {
	const char *path, *label;
	uint64_t count;           /* of keys, named by number; there may be others, too */
};

struct opening {                  /* shared with the process that opens */
	double ms, memory;
	uint64_t behind;          /* operations */
};

static size_t make_key(char key[32], uint64_t number)
{
	return (size_t)snprintf(key, 32, "key-%llu", (unsigned long long)number);
}

static void put(srd_store *store, uint64_t number)
{
	static const char value[VALUE_LEN] = "value";
	char key[32];

	must_srd(srd_put(store, key, make_key(key, number), value, sizeof value), key);
}

/* ---- Processes ---- */

/* What came of it: as waitpid() says. */
static int run_process(void (*run)(const struct store *store, void *user), const struct store *store, void *user)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		run(store, user);
		_exit(0);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid, "process");
	return status;
}

static void open_and_get(const struct store *store, void *user)
{
	struct opening *opening = user;
	double before = memory_bytes("RssAnon"), start = now_us();
	srd_store *open = open_store(store->path, 0);
	struct srd_info info;
	srd_value value;
	char key[32];

	must_srd(srd_get(open, key, make_key(key, store->count / 2), &value), key);
	opening->ms = (now_us() - start) / 1e3;
	opening->memory = memory_bytes("RssAnon") - before;
	srd_value_release(&value);
	must_srd(srd_info(open, &info), "info");
	opening->behind = info.image_tail;
	/* An image stands for what is durable only: the next one begins from a new one. */
	must_srd(srd_sync(open), "sync");
	must_srd(srd_close(open), "close");
}

static struct opening measure(const struct store *store)
{
	struct opening *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(shared != MAP_FAILED, "memory");
	if (run_process(open_and_get, store, shared) != 0)
		die("%s: opening failed", store->path);
	struct opening opening = *shared;
	munmap(shared, sizeof *shared);
	return opening;
}

/* ROW: the time; and how many OPERATIONS were replayed in a second. */
static void report(const struct store *store, const char *row, double ms, uint64_t operations)
{
	char name[64];

	sample(row, "ms", "less", store->label, ms);
	if (operations > 0) {
		snprintf(name, sizeof name, "%s, rate", row);
		sample(name, "M/s", "more", store->label, (double)operations / ms / 1e3);
	}
}

/* ---- Cleanly closed, and from the log ---- */

static void clean(const struct store *store)
{
	struct opening opening = measure(store);

	report(store, "clean", opening.ms, 0);
	sample("clean, memory", "MiB", "less", store->label, opening.memory / (1 << 20));
}

static void remove_images(const struct store *store)
{
	char pattern[4200];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s.idx*", store->path);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

static void no_image(const struct store *store, uint64_t records)
{
	remove_images(store);
	report(store, "no image", measure(store).ms, records);
}

/* ---- Killed ---- */

/* In turns one of the keys, and one of a quarter as many besides, which are new at first. */
static uint64_t next_key(const struct store *store, uint64_t i, uint64_t *random)
{
	return i % 2 == 0 ? store->count + next_random(random) % (store->count / 4 + 1) : next_random(random) % store->count;
}

/* No image is saved meanwhile, for nothing is synced. */
static void write_behind(const struct store *store, void *user)
{
	uint64_t random = 88172645463325252U;
	srd_store *open = open_store(store->path, SRD_NOSYNC);
	(void)user;

	for (uint64_t i = 0; i < BEHIND; i++)
		put(open, next_key(store, i, &random));
	raise(SIGKILL);
}

/* True when as much has come behind the image as ever did while the next was saved. */
static bool is_worst(srd_store *open, uint64_t *most, uint64_t *last, int *saves)
{
	struct srd_info info;

	must_srd(srd_info(open, &info), "info");
	*saves += info.image_tail < *last;
	*last = info.image_tail;
	if (*saves >= SAVES_SEEN)
		return *last >= *most - *most / 20;
	*most = *last > *most ? *last : *most;
	return false;
}

static void write_at_full_speed(const struct store *store, void *user)
{
	const bool *batches = user;
	static const char value[VALUE_LEN] = "value";
	uint64_t random = 1181783497276652981U, most = 0, last = 0;
	srd_store *open = open_store(store->path, 0);
	srd_batch *batch;
	char key[32];
	int saves = 0;

	must_srd(srd_batch_new(open, &batch), "batch");
	for (uint64_t i = 0; i < WRITES_MAX && !is_worst(open, &most, &last, &saves);) {
		for (uint64_t end = i + BATCH; i < end; i++) {
			uint64_t number = next_key(store, i, &random);
			if (*batches)
				must_srd(srd_batch_put(batch, key, make_key(key, number), value, sizeof value), key);
			else
				put(open, number);
		}
		if (*batches)
			must_srd(srd_batch_commit(batch), "commit");
	}
	raise(SIGKILL);
}

static void killed(const struct store *store, const char *row, void (*write)(const struct store *, void *), void *user)
{
	int status = run_process(write, store, user);
	char name[64];

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("the writer ended by itself");
	struct opening opening = measure(store);
	snprintf(name, sizeof name, "%s, left", row);
	sample(name, "k", "less", store->label, (double)opening.behind / 1e3);
	report(store, row, opening.ms, opening.behind);
}

/* ---- ---- */

static void grow(struct store *store, uint64_t count)
{
	srd_store *open = open_store(store->path, SRD_NOSYNC);

	for (; store->count < count; store->count++)
		put(open, store->count);
	must_srd(srd_sync(open), "sync");
	must_srd(srd_close(open), "close");
}

static void remove_store(const struct store *store)
{
	char shm[4200];

	remove_images(store);
	snprintf(shm, sizeof shm, "%s.shm", store->path);
	unlink(shm);
	unlink(store->path);
}

static void run(const char *path, const char *label)
{
	struct store store = { .path = path, .label = label };
	uint64_t count = strtoull(label, NULL, 10);

	if (count == 0)
		die("%s: not a number from 1 on", label);
	grow(&store, count);
	clean(&store);
	no_image(&store, count);
	killed(&store, "500,000 behind", write_behind, NULL);
	killed(&store, "killed at puts", write_at_full_speed, &(bool){ false });
	killed(&store, "killed at batches", write_at_full_speed, &(bool){ true });
	remove_store(&store);
}

int main(int argc, char **argv)
{
	give_help(argc, argv, help);
	if (argc < 3)
		give_usage(help);
	for (int i = 2; i < argc; i++)
		run(argv[1], argv[i]);
	return 0;
}
