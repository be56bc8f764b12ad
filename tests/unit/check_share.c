/* SPDX-License-Identifier: Apache-2.0 */
/* Several have one store open: one that is stopped, comes too late for a slot, finds no
 * room for shared memory or memory that is none, or dies before it told of what it
 * did, hinders nobody for long and hides nothing. */
#include "config.h"

#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "log/ofd.h"
#include "store/follower.h"
#include "store/store.h"

static srd_store *open_another(void)
{
	srd_store *another;

	ck_assert_int_eq(srd_open(path, SRD_NOSYNC, &another), 0);
	return another;
}

/* What one puts the other gets, both ways, more than once. */
static void expect_agreement(srd_store *one, srd_store *other)
{
	srd_store *const both[] = { one, other };

	for (int i = 0; i < 20; i++) {
		srd_value value;
		ck_assert_int_eq(srd_put(both[i % 2], KEY("key"), &i, sizeof i), 0);
		ck_assert_int_eq(srd_get(both[(i + 1) % 2], KEY("key"), &value), 0);
		ck_assert_int_eq(memcmp(value.data, &i, sizeof i), 0);
		srd_value_release(&value);
	}
}

/* Each has addresses, and what it grows into: as many in one process as anybody needs. */
START_TEST(dozens_of_stores_in_one_process)
{
	static srd_store *stores[64];
	const struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	srd_value value;
	char name[160];

	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof name, "%s/%d.srd", dir, i);
		ck_assert_int_eq(srd_open(name, SRD_CREATE | SRD_NOSYNC, &stores[i]), 0);
		ck_assert_int_eq(srd_put(stores[i], KEY("key"), &i, sizeof i), 0);
	}
	ck_assert_int_eq(srd_compact(stores[63], &options, &result), 0);
	for (int i = 0; i < 64; i++) {
		ck_assert_int_eq(srd_get(stores[i], KEY("key"), &value), 0);
		ck_assert_mem_eq(value.data, &i, sizeof i);
		srd_value_release(&value);
		ck_assert_int_eq(srd_close(stores[i]), 0);
	}
}
END_TEST

/* More than was thought of when it was opened: addresses that were got stay what they are. */
START_TEST(a_log_grows_out_of_its_mapping)
{
	enum { LEN = 1 << 20, COUNT = 24 };
	uint8_t *bytes = pattern(LEN, 1);
	srd_value first, value;
	char key[16];

	close_store();
	setenv("SRD_MAP_BYTES", "0x400000", 1);
	open_store(SRD_NOSYNC);
	srd_store *another = open_another();
	for (int i = 0; i < COUNT; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(srd_put(store, KEY(key), bytes, LEN), 0);
		if (i == 0)
			ck_assert_int_eq(srd_get(another, KEY("0"), &first), 0);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(srd_get(another, KEY(key), &value), 0);
		ck_assert_mem_eq(value.data, bytes, LEN);
		if (i == 0)
			ck_assert_ptr_eq(value.data, first.data);
		srd_value_release(&value);
	}
	srd_value_release(&first);
	ck_assert_int_eq(srd_close(another), 0);
	unsetenv("SRD_MAP_BYTES");
	free(bytes);
}
END_TEST

static void *put_one(void *user)
{
	EXPECT(srd_put(store, user, strlen(user), "x", 1) == 0);
	return NULL;
}

/* It has put something, so it has the lock, and its keeper is as still as it is. */
START_TEST(who_holds_the_lock_and_is_stopped_is_waited_for)
{
	pthread_t thread;
	int status;

	close_store();
	pid_t pid = fork();
	if (pid == 0) {
		open_store(SRD_NOSYNC);
		put("theirs", "x");
		raise(SIGSTOP);
		close_store();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	open_store(SRD_NOSYNC);
	/* Reading needs no lock. */
	ck_assert_int_eq(srd_exists(store, KEY("theirs")), 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, put_one, "ours"), 0);
	ck_assert_int_eq(srd_exists(store, KEY("theirs")), 1);
	ck_assert_int_eq(srd_exists(store, KEY("ours")), 0);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(srd_exists(store, KEY("ours")), 1);
}
END_TEST

/* As if another had been stopped, or killed, when its turn came. */
START_TEST(a_turn_that_is_not_taken_is_over)
{
	srd_store *another = open_another();
	struct srd_shm_page *page = store->log->shm->page;
	unsigned slot = (unsigned)another->log->shm->slot;

	put("key", "x");
	/* The keeper looks at the lock now and then. */
	srd_mutex_lock(&store->commit_mutex);
	srd_log_release(store->log);
	srd_mutex_unlock(&store->commit_mutex);
	atomic_fetch_or(&page->waiting[slot / 64], 1UL << slot % 64);
	atomic_store(&page->turn, slot + 1);
	put("key", "y");
	ck_assert_uint_ne(atomic_load(&page->turn), slot + 1);
	ck_assert(!(atomic_load(&page->waiting[slot / 64]) >> slot % 64 & 1));
	expect_agreement(store, another);
	srd_close(another);
}
END_TEST

START_TEST(who_comes_when_all_slots_are_taken_shares_all_the_same)
{
	char name[160];

	snprintf(name, sizeof name, "%s.shm", path);
	int fd = open(name, O_RDWR);
	ck_assert_int_ge(fd, 0);
	for (int slot = 0; slot < SRD_SHM_SLOTS; slot++)
		srd_ofd_lock(fd, F_WRLCK, slot, false);
	srd_store *another = open_another();
	ck_assert_ptr_nonnull(another->log->shm);
	ck_assert_int_lt(another->log->shm->slot, 0);
	expect_agreement(store, another);
	srd_store *third = open_another();
	expect_agreement(another, third);
	srd_close(third);
	srd_close(another);
	close(fd);
}
END_TEST

START_TEST(without_room_for_memory_to_share)
{
	struct rlimit limit = { .rlim_cur = 16384, .rlim_max = RLIM_INFINITY };

	close_store();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	open_store(SRD_NOSYNC);
	srd_store *another = open_another();
	ck_assert_ptr_null(store->log->shm);
	ck_assert_ptr_null(another->log->shm);
	expect_agreement(store, another);
	srd_close(another);
}
END_TEST

/* A file that is no memory of ours is left alone, and done without. */
static void put_notes_for_shm(void)
{
	char name[160];

	snprintf(name, sizeof name, "%s.shm", path);
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs("somebody's notes", file);
	fclose(file);
}

START_TEST(beside_a_file_that_is_no_memory_of_ours)
{
	close_store();
	put_notes_for_shm();
	open_store(SRD_NOSYNC);
	srd_store *another = open_another();
	ck_assert_ptr_null(another->log->shm);
	expect_agreement(store, another);
	srd_close(another);
}
END_TEST

START_TEST(as_if_on_a_file_system_of_several_hosts)
{
	close_store();
	setenv("SRD_REMOTE", "1", 1);
	open_store(SRD_NOSYNC);
	srd_store *another = open_another();
	ck_assert_ptr_null(another->log->shm);
	expect_agreement(store, another);
	srd_close(another);
	unsetenv("SRD_REMOTE");
}
END_TEST

/* The time of the last look at the file is now: only the shm can tell. */
static void look_at_the_shm_alone(srd_store *one)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	atomic_store(&one->log->looked_ns, now.tv_sec * 1000000000L + now.tv_nsec + 1000000000L);
}

START_TEST(what_one_has_seen_nobody_misses)
{
	srd_store *looker = open_another(), *last = open_another();
	struct srd_shm_page *page = store->log->shm->page;

	put("key", "x");
	ck_assert_int_eq(srd_exists(last, KEY("key")), 1);
	unsigned long appends = atomic_load(&page->appends), told = atomic_load(&page->told);
	put("untold", "x");
	/* As if the process had been killed just before it told. */
	atomic_store(&page->appends, appends);
	atomic_store(&page->told, told);
	look_at_the_shm_alone(last);
	ck_assert_int_eq(srd_exists(last, KEY("untold")), 0);
	looker->log->strict = true;
	ck_assert_int_eq(srd_exists(looker, KEY("untold")), 1);
	look_at_the_shm_alone(last);
	ck_assert_int_eq(srd_exists(last, KEY("untold")), 1);
	srd_close(looker);
	srd_close(last);
}
END_TEST

/* Who looks at the file and finds more there than was told of asks once more before it
 * follows. */
START_TEST(a_look_that_found_something_is_followed)
{
	srd_store *another = open_another();
	struct srd_shm_page *page = store->log->shm->page;

	put("key", "x");
	ck_assert_int_eq(srd_exists(another, KEY("key")), 1);
	unsigned long appends = atomic_load(&page->appends);
	put("untold", "x");
	atomic_store(&page->appends, appends);
	look_at_the_shm_alone(another);
	ck_assert_int_eq(srd_exists(another, KEY("untold")), 0);
	/* The next look is due. */
	atomic_store(&another->log->looked_ns, 0);
	ck_assert_int_eq(srd_exists(another, KEY("untold")), 1);
	srd_close(another);
}
END_TEST

static unsigned long appends_told(void)
{
	return atomic_load(&store->log->shm->page->appends);
}

/* Others may show it from then on; whoever looks here later must not miss it. */
START_TEST(the_others_are_told_of_what_has_been_applied)
{
	struct srd_draft draft;
	struct srd_record record;

	put("key", "x");
	unsigned long before = appends_told();
	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_DATA);
	ck_assert_int_eq(srd_store_begin(store), 0);
	ck_assert_int_eq(srd_store_append(store, &draft, &record), 0);
	ck_assert_uint_eq(appends_told(), before);
	srd_store_end(store);
	ck_assert_uint_eq(appends_told(), before + 1);
	srd_draft_release(&draft);
}
END_TEST

static void note_entry(void *user, uint64_t parent, const char *name, uint8_t len)
{
	(void)parent;
	(void)name;
	(void)len;
	*(unsigned long *)user = appends_told();
}

static void note_inode(void *user, uint64_t ino, uint64_t from, uint64_t to)
{
	(void)ino;
	(void)from;
	(void)to;
	*(unsigned long *)user = appends_told();
}

static void publish_nothing(void *user)
{
	(void)user;
}

START_TEST(who_finds_what_is_untold_tells_before_it_shows_it)
{
	unsigned long told_then = 0;
	const struct srd_watch watch = { .entry = note_entry, .inode = note_inode, .published = publish_nothing,
	                                 .user = &told_then };
	srd_store *looker = open_another();

	put("untold", "x");
	unsigned long appends = appends_told() - 1;
	atomic_store(&store->log->shm->page->appends, appends);
	atomic_store(&store->log->shm->page->told, 0);
	looker->log->strict = true;
	/* Nobody follows yet: who reads tells. */
	srd_follower_watch(looker, &watch);
	ck_assert_int_eq(srd_exists(looker, KEY("untold")), 1);
	ck_assert_uint_gt(told_then, appends);
	srd_follower_stop(looker);
	ck_assert_ptr_null(looker->watch);
	srd_close(looker);
}
END_TEST

START_TEST(one_alone_may_write)
{
	srd_store *another;
	char holder[160];

	close_store();
	open_store(SRD_NOSYNC | SRD_SINGLE_WRITER);
	put("key", "x");
	ck_assert_int_eq(srd_open(path, 0, &another), -EBUSY);
	ck_assert_int_eq(srd_open(path, SRD_EXCLUSIVE, &another), -EBUSY);
	ck_assert_int_eq(srd_holder(path, holder, sizeof holder), 0);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY, &another), 0);
	ck_assert_int_eq(srd_exists(another, KEY("key")), 1);
	put("later", "x");
	ck_assert_int_eq(srd_exists(another, KEY("later")), 1);
	srd_close(another);
	close_store();
	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_open(path, SRD_SINGLE_WRITER, &another), -EBUSY);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY | SRD_SINGLE_WRITER, &another), -EINVAL);
}
END_TEST

static int count_looks(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	size_t len = strlen(name);

	*(unsigned *)io->user += len > 4 && strcmp(name + len - 4, ".shm") == 0;
	return srd_io_posix.open(&srd_io_posix, dir_fd, name, flags, mode);
}

/* It cannot say so in the shm, where who waits looks each time. */
START_TEST(who_is_alone_without_memory_to_share_is_not_waited_for)
{
	static const int flags[] = { 0, SRD_RDONLY, SRD_EXCLUSIVE };
	struct srd_io io = srd_io_posix;
	unsigned looks = 0;
	srd_store *another;

	close_store();
	put_notes_for_shm();
	open_store(SRD_NOSYNC | SRD_EXCLUSIVE);
	ck_assert_ptr_null(store->log->shm);
	io.open = count_looks;
	io.user = &looks;
	for (size_t i = 0; i < SRD_LEN(flags); i++)
		ck_assert_int_eq(srd_store_open(path, flags[i], &io, &another), -EBUSY);
	ck_assert_uint_eq(looks, 0);
	close_store();
	open_store(SRD_NOSYNC);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, dozens_of_stores_in_one_process);
	tcase_add_test(tcase, a_log_grows_out_of_its_mapping);
	tcase_add_test(tcase, who_holds_the_lock_and_is_stopped_is_waited_for);
	tcase_add_test(tcase, a_turn_that_is_not_taken_is_over);
	tcase_add_test(tcase, who_comes_when_all_slots_are_taken_shares_all_the_same);
	tcase_add_test(tcase, without_room_for_memory_to_share);
	tcase_add_test(tcase, beside_a_file_that_is_no_memory_of_ours);
	tcase_add_test(tcase, as_if_on_a_file_system_of_several_hosts);
	tcase_add_test(tcase, what_one_has_seen_nobody_misses);
	tcase_add_test(tcase, a_look_that_found_something_is_followed);
	tcase_add_test(tcase, the_others_are_told_of_what_has_been_applied);
	tcase_add_test(tcase, who_finds_what_is_untold_tells_before_it_shows_it);
	tcase_add_test(tcase, one_alone_may_write);
	tcase_add_test(tcase, who_is_alone_without_memory_to_share_is_not_waited_for);
}

int main(void)
{
	return run_case("share", add);
}
