/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killed - writers on one store, killed at any moment and started again: what a
 * call has returned for is there, whole, and nobody waits for the dead.
 *
 * Writer W's change number N is to key N % KEYS of its own; the number of the last
 * one that returned stands in memory that outlives it.  Each kill grants them so many
 * more: the store stays small, however slow the one who looks.
 *
 * Then the same with one more process, which compacts the store again and again, and is
 * the one that is killed.
 *
 *     CRASH_STATES=all     280 kills and 200 of who compacts, else 28 and 20
 *     CRASH_SEED=N
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/futex.h"
#include "base/hash.h"
#include "srd.h"
#include "step.h"
#include "tell.h"

enum { WRITERS = 4, KEYS = 7, ROUNDS = 20, ROUNDS_FEW = 2, KILLS = 10, STALL_SECONDS = 30,
       CHANGES_PER_KILL = 1000 };

struct books {
	atomic_uint done[WRITERS];     /* the last change that returned */
	atomic_uint granted;           /* the last change that is to be made */
	atomic_uint compacted;         /* how often the store was */
};

static char path[4200];

static struct step value_of(unsigned writer, unsigned n)
{
	static const uint32_t lens[] = { 1, 40, 300, 5000, 800, 64, 4096, 12 };

	return (struct step){ .len = n % 97 ? lens[srd_mix(n) % 8] : 70000, .fill = n * WRITERS + writer + 1 };
}

static size_t key_of(unsigned writer, unsigned n, char key[32])
{
	return (size_t)snprintf(key, 32, "writer-%u/%u", writer, n % KEYS);
}

/* ---- a writer ---- */

static int stream(srd_store *store, const char *key, size_t key_len, const struct image *value)
{
	srd_writer *writer;
	int error = srd_writer_new(store, key, key_len, &writer);

	if (error)
		return error;
	error = srd_writer_write(writer, value->bytes, value->len);
	if (!error)
		return srd_writer_commit(writer);
	srd_writer_abort(writer);
	return error;
}

static int change(srd_store *store, unsigned writer, unsigned n)
{
	struct step step = value_of(writer, n);
	struct image value = { 0 };
	char key[32];
	size_t key_len = key_of(writer, n, key);

	step_fill(&step, &value);
	int error = n % 3 == 0 ? stream(store, key, key_len, &value)
	                       : srd_put(store, key, key_len, value.bytes, value.len);
	image_release(&value);
	return !error && n % 50 == 0 ? srd_sync(store) : error;
}

static void await_grant(struct books *books, unsigned n)
{
	for (unsigned granted; (granted = atomic_load(&books->granted)) < n;)
		srd_futex_wait(&books->granted, granted, true, NULL);
}

static void grant(struct books *books)
{
	atomic_fetch_add(&books->granted, CHANGES_PER_KILL);
	srd_futex_wake_all(&books->granted, true);
}

/* Until killed. */
static void write_on(unsigned writer, struct books *books)
{
	srd_store *store;

	/* A writer without a judge would fill the disk. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int error = srd_open(path, 0, &store);

	for (unsigned n = atomic_load(&books->done[writer]) + 1; !error; n++) {
		await_grant(books, n);
		error = change(store, writer, n);
		if (!error)
			atomic_store(&books->done[writer], n);
	}
	tell("writer %u: %s", writer, srd_strerror(error));
	_exit(1);
}

static pid_t start(unsigned writer, struct books *books)
{
	pid_t pid = fork();

	if (pid < 0)
		die("no process");
	if (pid == 0)
		write_on(writer, books);
	return pid;
}

/* ---- the one who compacts ---- */

static int compact(void)
{
	const struct srd_compact_options options = { 0 };
	struct srd_compacted compacted;
	srd_store *store;
	int error = srd_open(path, 0, &store);

	if (error)
		return error;
	error = srd_compact(store, &options, &compacted);
	srd_close(store);
	return error;
}

static pid_t start_compactor(struct books *books)
{
	pid_t pid = fork();

	if (pid < 0)
		die("no process");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int error;
	while ((error = compact()) == 0)
		atomic_fetch_add(&books->compacted, 1);
	tell("who compacts: %s", srd_strerror(error));
	_exit(1);
}

/* ---- the one who looks ---- */

/* True if KEY, of change N, holds what that wrote; -ENOENT is no other error. */
static bool holds(srd_store *store, unsigned writer, unsigned n)
{
	struct step step = value_of(writer, n);
	struct image want = { 0 };
	srd_value value;
	char key[32];
	int error = srd_get(store, key, key_of(writer, n, key), &value);

	if (error)
		return false;
	step_fill(&step, &want);
	bool same = value.len == want.len && memcmp(value.data, want.bytes, want.len) == 0;
	image_release(&want);
	srd_value_release(&value);
	return same;
}

/* The last KEYS changes that returned before we looked are there; one may have been
 * overtaken by the change under way, or by later ones where the writer LIVES. */
static unsigned count_missing(srd_store *store, unsigned writer, unsigned done, bool lives)
{
	unsigned missing = 0;

	for (unsigned n = done; n > 0 && n + KEYS > done; n--) {
		bool there = holds(store, writer, n) || holds(store, writer, n + KEYS);
		missing += !there && !lives;
	}
	return missing;
}

static int count_damage(void *user, const struct srd_event *event)
{
	*(unsigned *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

static bool look(const struct books *books, int dead)
{
	srd_store *store;
	unsigned done[WRITERS], missing = 0;
	int error = srd_open(path, SRD_RDONLY, &store);

	if (error) {
		tell("does not open: %s", srd_strerror(error));
		return false;
	}
	for (unsigned i = 0; i < WRITERS; i++)
		done[i] = atomic_load(&books->done[i]);
	for (unsigned i = 0; i < WRITERS; i++)
		missing += count_missing(store, i, done[i], dead >= 0 && i != (unsigned)dead);
	srd_close(store);
	if (missing > 0)
		tell("%u changes that had returned are not there", missing);
	return missing == 0;
}

/* True if every writer comes to the end of what it was granted. */
static bool all_come_to_rest(const struct books *books)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	time_t until = time(NULL) + STALL_SECONDS;

	for (unsigned i = 0; i < WRITERS;) {
		if (atomic_load(&books->done[i]) == atomic_load(&books->granted))
			i++;
		else if (time(NULL) > until)
			return false;
		else
			nanosleep(&moment, NULL);
	}
	return true;
}

/* True if every writer comes on. */
static bool all_come_on(struct books *books)
{
	grant(books);
	return all_come_to_rest(books);
}

static bool kill_one(pid_t pids[WRITERS], struct books *books, uint64_t dice)
{
	unsigned victim = (unsigned)(dice % WRITERS);
	struct timespec wait = { .tv_nsec = (long)(dice >> 8) % 5000000 };
	int status;

	grant(books);
	nanosleep(&wait, NULL);
	kill(pids[victim], SIGKILL);
	waitpid(pids[victim], &status, 0);
	bool good = WIFSIGNALED(status) && look(books, (int)victim);
	pids[victim] = start(victim, books);
	return good;
}

/* At any moment, the writers in the middle of theirs. */
static bool kill_compactor(pid_t *pid, struct books *books, uint64_t dice)
{
	struct timespec wait = { .tv_nsec = (long)(dice >> 8) % 30000000 };
	int status;

	grant(books);
	nanosleep(&wait, NULL);
	kill(*pid, SIGKILL);
	waitpid(*pid, &status, 0);
	bool killed = WIFSIGNALED(status);
	/* Mostly the next one finds what this one left; but the writers alone may have to. */
	if (dice % 4)
		*pid = start_compactor(books);
	bool good = all_come_to_rest(books) && look(books, -1);
	if (dice % 4 == 0)
		*pid = start_compactor(books);
	return killed && good;
}

static bool is_sound(void)
{
	srd_store *store;
	unsigned damage = 0;

	if (srd_open(path, 0, &store) != 0)
		return false;
	bool sound = srd_scan(store, SRD_SCAN_PAYLOAD, count_damage, &damage) == 0 && damage == 0 &&
	             srd_put(store, "last", 4, "x", 1) == 0;
	srd_close(store);
	return sound;
}

struct tally {
	unsigned kills, changes, compacted;
	bool kept, came_on, sound;
};

static void make_store(void)
{
	srd_store *store;

	unlink(path);
	if (srd_open(path, SRD_CREATE, &store) != 0)
		die("%s: cannot be made", path);
	srd_close(store);
}

/* A store of its own: each look reads all of it. */
static void run_round(uint64_t dice, struct books *books, struct tally *tally)
{
	pid_t pids[WRITERS];

	make_store();
	memset(books, 0, sizeof *books);
	for (unsigned i = 0; i < WRITERS; i++)
		pids[i] = start(i, books);
	for (unsigned i = 0; i < KILLS; i++)
		tally->kept &= kill_one(pids, books, dice = srd_mix(dice + 1));
	tally->came_on &= all_come_on(books);
	for (unsigned i = 0; i < WRITERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		tally->changes += atomic_load(&books->done[i]);
	}
	tally->kills += KILLS + WRITERS;
	tally->kept &= look(books, -1);
	tally->sound &= is_sound();
}

/* True if nothing of a new log is left by the last who compacts. */
static bool is_tidy(void)
{
	char name[4300];

	snprintf(name, sizeof name, "%s.new", path);
	return compact() == 0 && access(name, F_OK) != 0;
}

static void run_compaction_round(uint64_t dice, struct books *books, struct tally *tally)
{
	pid_t pids[WRITERS], compactor;

	make_store();
	memset(books, 0, sizeof *books);
	for (unsigned i = 0; i < WRITERS; i++)
		pids[i] = start(i, books);
	compactor = start_compactor(books);
	for (unsigned i = 0; i < KILLS; i++)
		tally->kept &= kill_compactor(&compactor, books, dice = srd_mix(dice + 1));
	tally->came_on &= all_come_on(books);
	kill(compactor, SIGKILL);
	waitpid(compactor, NULL, 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		tally->changes += atomic_load(&books->done[i]);
	}
	tally->kills += KILLS;
	tally->compacted += atomic_load(&books->compacted);
	tally->sound &= is_tidy() && is_sound();
	tally->kept &= look(books, -1);
}

int main(void)
{
	unsigned rounds = is_full_run() ? ROUNDS : ROUNDS_FEW;
	uint64_t seed = env_number("CRASH_SEED", (uint64_t)time(NULL));
	struct books *books = mmap(NULL, sizeof *books, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tally tally = { .kept = true, .came_on = true, .sound = true };

	if (books == MAP_FAILED)
		die("no memory");
	tell("CRASH_SEED=%llu", (unsigned long long)seed);
	snprintf(path, sizeof path, "%s/killed.srd", scratch_directory());
	for (unsigned i = 0; i < rounds; i++)
		run_round(srd_mix(seed + i), books, &tally);
	tell_result(tally.kept, "%u kills, %u changes: what had returned is there", tally.kills, tally.changes);
	tell_result(tally.came_on, "nobody waits for the dead");
	tell_result(tally.sound, "all is sound, and takes a write");
	tally = (struct tally){ .kept = true, .came_on = true, .sound = true };
	for (unsigned i = 0; i < rounds; i++)
		run_compaction_round(srd_mix(seed + 1000 + i), books, &tally);
	tell_result(tally.kept, "who compacts killed %u times, %u times come to its end, %u changes: what had returned is there",
	            tally.kills, tally.compacted, tally.changes);
	tell_result(tally.came_on, "nobody waits for who compacted");
	tell_result(tally.sound, "all is sound, and nothing left over");
	return tell_status();
}
