/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/shm.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/futex.h"
#include "log/ofd.h"

static const uint8_t magic[8] = { 'S', 'R', 'D', 's', 'h', 'm', '\r', '\n' };
enum { PAGE_VERSION = 4 };

/* Held for the few microseconds of making the page. */
enum { BYTE_MAKE = SRD_SHM_SLOTS };
enum { MAKE_TRIES = 1000, OPEN_TRIES = 8 };

/* Whose turn it is has this long to take the lock. */
enum { TURN_NS = 5 * 1000 * 1000 };

static bool page_fits(const struct srd_shm_page *page, const struct srd_superblock *sb)
{
	return memcmp(page->magic, magic, sizeof magic) == 0 && page->version == PAGE_VERSION &&
	       page->len == sizeof *page && memcmp(page->uuid, sb->uuid, sizeof sb->uuid) == 0 &&
	       page->generation == sb->generation;
}

/* Only memory that nobody but the store's owner, root or we could have made. */
static bool is_trusted(int fd, const struct stat *of)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return false;
	return st.st_uid == of->st_uid || st.st_uid == 0 || st.st_uid == geteuid();
}

static struct srd_shm_page *map_page(int fd, bool read_only)
{
	struct stat st;

	/* A shorter file would be SIGBUS, not an error. */
	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct srd_shm_page))
		return NULL;
	void *page = mmap(NULL, sizeof(struct srd_shm_page), read_only ? PROT_READ : PROT_READ | PROT_WRITE,
	                  MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

static int lock_making(int fd)
{
	int error = -EAGAIN;

	for (int i = 0; i < MAKE_TRIES && error == -EAGAIN; i++) {
		error = srd_ofd_lock(fd, F_WRLCK, BYTE_MAKE, false);
		if (error == -EAGAIN)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return error;
}

/* Blocks are allocated now: a write to a hole of a full file system is SIGBUS. */
static struct srd_shm_page *make_page(int fd, const struct stat *of, const struct srd_superblock *sb)
{
	struct srd_shm_page *page;

	if (posix_fallocate(fd, 0, sizeof *page) != 0)
		return NULL;
	page = map_page(fd, false);
	if (page && !page_fits(page, sb)) {
		/* Whoever may write the log may ask for it: as its owner made it, umask or not. */
		srd_io_share(fd, of);
		memset(page, 0, sizeof *page);
		page->version = PAGE_VERSION;
		page->len = sizeof *page;
		memcpy(page->uuid, sb->uuid, sizeof sb->uuid);
		page->generation = sb->generation;
		memcpy(page->magic, magic, sizeof magic);
	}
	return page;
}

/* True if PAGE is being made, or whoever did it died over it: all behind the words
 * that say whose it is, and the magic, which comes last, are zero. */
static bool is_unmade(const struct srd_shm_page *page)
{
	static const struct srd_shm_page blank;
	size_t said = offsetof(struct srd_shm_page, appends);

	return memcmp(page, &blank, sizeof magic) == 0 &&
	       memcmp((const char *)page + said, (const char *)&blank + said, sizeof blank - said) == 0;
}

/* What lies under the shm's name. */
enum kind { OURS, OUTDATED, NEWER, FOREIGN };

/* A user's own file may have that name: it is neither written nor taken away. */
static enum kind kind_of(int fd, const struct stat *of, const struct srd_superblock *sb)
{
	struct srd_shm_page page = { 0 };
	ssize_t got = pread(fd, &page, sizeof page, 0);

	if (got == 0 || (got == sizeof page && is_unmade(&page)))
		return is_trusted(fd, of) ? OURS : FOREIGN;
	if (got < (ssize_t)sizeof magic || memcmp(page.magic, magic, sizeof magic) != 0)
		return FOREIGN;
	if (!is_trusted(fd, of) || got != sizeof page)
		return OUTDATED;
	/* We are late: the log has a successor, and those who have that this. */
	if (page.version == PAGE_VERSION && memcmp(page.uuid, sb->uuid, sizeof sb->uuid) == 0 &&
	    page.generation > sb->generation)
		return NEWER;
	return page_fits(&page, sb) ? OURS : OUTDATED;
}

/* Who compacted the log before ours may have died between giving ours its name and telling: those
 * who have that one open look now, before anybody appends here. */
static void rouse_outdated(int fd, const struct stat *of, const struct srd_superblock *sb)
{
	struct srd_shm_page *page = is_trusted(fd, of) ? map_page(fd, false) : NULL;

	if (!page)
		return;
	struct srd_guard guard = { .start = page, .len = sizeof *page, .prot = PROT_READ | PROT_WRITE, .fd = fd };
	srd_guard_add(&guard);
	if (page->version == PAGE_VERSION && memcmp(page->uuid, sb->uuid, sizeof sb->uuid) == 0) {
		atomic_fetch_add(&page->appends, 1);
		atomic_fetch_add(&page->bell, 1);
		srd_futex_wake_all(&page->bell, true);
	}
	srd_guard_remove(&guard);
	munmap(page, sizeof *page);
}

/* Takes the file away that FD is of, unless somebody else did and the name is that of
 * another by now: all who go over to a log come at once. */
static int remove_outdated(const struct srd_io *io, int dir_fd, const char *file, int fd)
{
	struct stat at_name, opened;
	int error = lock_making(fd);

	if (error)
		return error;
	if (fstat(fd, &opened) != 0 || fstatat(dir_fd, file, &at_name, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : srd_errno();
	if (at_name.st_dev != opened.st_dev || at_name.st_ino != opened.st_ino)
		return 0;
	return io->unlink(io, dir_fd, file);
}

/* A file that fits, or a new one: the page of another store is left to those
 * who may still have it mapped. */
static int open_file(const struct srd_io *io, int dir_fd, const char *file, const struct stat *of,
                     const struct srd_superblock *sb, bool read_only)
{
	if (read_only)
		return io->open(io, dir_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	for (int i = 0; i < OPEN_TRIES; i++) {
		int fd = io->open(io, dir_fd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, of->st_mode & 0666);
		if (fd < 0)
			return -1;
		enum kind kind = kind_of(fd, of, sb);
		if (kind == OURS)
			return fd;
		/* The lock goes with the descriptor. */
		if (kind == OUTDATED)
			rouse_outdated(fd, of, sb);
		int error = kind == OUTDATED ? remove_outdated(io, dir_fd, file, fd) : -EEXIST;
		close(fd);
		if (error)
			return -1;
	}
	return -1;
}

static void take_slot(struct srd_shm *shm)
{
	int first = (int)((unsigned)getpid() % SRD_SHM_SLOTS);

	for (int i = 0; i < SRD_SHM_SLOTS && shm->slot < 0; i++) {
		int slot = (first + i) % SRD_SHM_SLOTS;
		if (srd_ofd_lock(shm->fd, F_WRLCK, slot, false) == 0)
			shm->slot = slot;
	}
	if (shm->slot < 0)
		return;
	struct srd_shm_slot *mine = &shm->page->slot[shm->slot];
	atomic_store(&mine->exclusive, 0);
	atomic_store(&mine->pid, (unsigned)getpid());
	atomic_store(&mine->since_ns, srd_wall_ns());
	if (gethostname(mine->host, sizeof mine->host) != 0)
		mine->host[0] = 0;
	mine->host[sizeof mine->host - 1] = 0;
	srd_shm_got(shm);
}

struct srd_shm *srd_shm_open(const struct srd_io *io, int dir_fd, const char *name, const struct stat *of,
                             const struct srd_superblock *sb, bool read_only)
{
	char *file;
	if (asprintf(&file, "%s.shm", name) < 0)
		return NULL;
	struct srd_shm *shm = calloc(1, sizeof *shm);
	int fd = open_file(io, dir_fd, file, of, sb, read_only);
	free(file);
	if (!shm || fd < 0)
		goto fail;
	*shm = (struct srd_shm){ .fd = fd, .slot = -1 };
	if (read_only) {
		shm->page = is_trusted(fd, of) ? map_page(fd, true) : NULL;
	} else if (lock_making(fd) == 0) {
		shm->page = make_page(fd, of, sb);
		srd_ofd_lock(fd, F_UNLCK, BYTE_MAKE, false);
	}
	if (!shm->page || !page_fits(shm->page, sb))
		goto fail;
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	shm->guard = (struct srd_guard){ .start = shm->page, .len = sizeof *shm->page, .prot = prot, .fd = fd };
	srd_guard_add(&shm->guard);
	/* Who comes when all slots are taken goes without, and cannot say that it waits
	 * or sleeps, but that somebody does. */
	if (!read_only)
		take_slot(shm);
	return shm;
fail:
	if (shm)
		srd_guard_remove(&shm->guard);
	if (shm && shm->page)
		munmap(shm->page, sizeof *shm->page);
	free(shm);
	if (fd >= 0)
		close(fd);
	return NULL;
}

void srd_shm_close(struct srd_shm *shm)
{
	if (!shm)
		return;
	if (shm->slot >= 0)
		atomic_store(&shm->page->slot[shm->slot].exclusive, 0);
	srd_guard_remove(&shm->guard);
	munmap(shm->page, sizeof *shm->page);
	close(shm->fd);
	free(shm);
}

void srd_shm_remove(const struct srd_io *io, int dir_fd, const char *name)
{
	char *file;

	if (asprintf(&file, "%s.shm", name) < 0)
		return;
	io->unlink(io, dir_fd, file);
	free(file);
}

void srd_shm_set_pid(struct srd_shm *shm, unsigned pid)
{
	if (shm->slot >= 0)
		atomic_store(&shm->page->slot[shm->slot].pid, pid);
}

void srd_shm_set_exclusive(struct srd_shm *shm)
{
	if (shm->slot >= 0)
		atomic_store(&shm->page->slot[shm->slot].exclusive, 1);
}

int srd_shm_exclusive_holder(struct srd_shm *shm, char *text, size_t size)
{
	for (int i = 0; i < SRD_SHM_SLOTS; i++) {
		struct srd_shm_slot *slot = &shm->page->slot[i];
		if (i == shm->slot || !atomic_load(&slot->exclusive) || !srd_ofd_is_taken(shm->fd, i))
			continue;
		time_t since = atomic_load(&slot->since_ns) / 1000000000L;
		struct tm tm;
		char when[32] = "";
		if (gmtime_r(&since, &tm))
			strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
		snprintf(text, size, "pid %u on %.*s since %s", atomic_load(&slot->pid),
		         SRD_SHM_HOST_LEN, slot->host, when);
		return 0;
	}
	return -ENOENT;
}

/* Where WORDS, a bit for each slot, have our own. */
static atomic_ulong *word_of(atomic_ulong *words, const struct srd_shm *shm, unsigned long *bit)
{
	*bit = 1UL << (shm->slot % 64);
	return &words[shm->slot / 64];
}

void srd_shm_ask(struct srd_shm *shm)
{
	unsigned long bit;

	/* The holder looks at the word after each append, and its keeper
	 * sleeps on `asks`: the bit first, then the wake-up. */
	if (shm->slot < 0) {
		atomic_store(&shm->page->crowd, 1);
	} else {
		atomic_ulong *word = word_of(shm->page->waiting, shm, &bit);
		if (atomic_fetch_or(word, bit) & bit)
			return;
	}
	atomic_fetch_add(&shm->page->asks, 1);
	srd_futex_wake_all(&shm->page->asks, true);
}

void srd_shm_got(struct srd_shm *shm)
{
	unsigned long bit;
	unsigned mine = (unsigned)shm->slot + 1;

	if (shm->slot < 0)
		return;
	atomic_ulong *word = word_of(shm->page->waiting, shm, &bit);
	atomic_fetch_and(word, ~bit);
	atomic_compare_exchange_strong(&shm->page->turn, &mine, 0);
}

bool srd_shm_is_others_turn(const struct srd_shm *shm)
{
	unsigned turn = atomic_load(&shm->page->turn);

	/* What a crash left in the shm may be anything: a turn of no slot is nobody's. */
	return turn != 0 && turn <= SRD_SHM_SLOTS && turn != (unsigned)shm->slot + 1;
}

static unsigned mask_of(int slot)
{
	return 1U << (slot < 0 ? 0 : slot % 32);
}

void srd_shm_await_turn(struct srd_shm *shm, unsigned turns)
{
	unsigned turn = atomic_load(&shm->page->turn);
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TURN_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	srd_futex_wait_bits(&shm->page->turns, turns, mask_of(shm->slot), true, &until);
	if (turn == 0 || turn > SRD_SHM_SLOTS || turn == (unsigned)shm->slot + 1 || srd_shm_turns(shm) != turns)
		return;
	/* In all that time nothing was passed on: whose turn it was does not take it. */
	if (atomic_compare_exchange_strong(&shm->page->turn, &turn, 0))
		atomic_fetch_and(&shm->page->waiting[(turn - 1) / 64], ~(1UL << ((turn - 1) % 64)));
}

/* The next slot behind our own, around, whose owner lives and waits; -1: none. */
static int next_waiting(const struct srd_shm *shm)
{
	for (int i = 1; i <= SRD_SHM_SLOTS; i++) {
		int slot = (shm->slot + i) % SRD_SHM_SLOTS;
		unsigned long bits = atomic_load(&shm->page->waiting[slot / 64]);
		if (bits == 0)
			i += 63 - slot % 64;   /* none in the rest of this word */
		else if ((bits >> (slot % 64) & 1) && slot != shm->slot && srd_ofd_is_taken(shm->fd, slot))
			return slot;
	}
	return -1;
}

void srd_shm_pass_on(struct srd_shm *shm)
{
	atomic_store(&shm->page->turn, (unsigned)(next_waiting(shm) + 1));
}

void srd_shm_passed_on(struct srd_shm *shm)
{
	/* Who asked after the look, and tried before the lock was free, is seen now;
	 * who tries now gets it. */
	if (atomic_load(&shm->page->turn) == 0)
		srd_shm_pass_on(shm);
	unsigned turn = atomic_load(&shm->page->turn);
	if (turn == 0)
		return;
	atomic_fetch_add(&shm->page->turns, 1);
	srd_futex_wake_bits(&shm->page->turns, mask_of((int)turn - 1), true);
}

/* Takes the bits of others away: they are awake, or dead. */
static bool somebody_sleeps(struct srd_shm *shm)
{
	unsigned long own = 0;
	const atomic_ulong *mine = shm->slot < 0 ? NULL : word_of(shm->page->sleeping, shm, &own);
	bool found = false;

	for (unsigned i = 0; i < SRD_SHM_SLOTS / 64; i++) {
		atomic_ulong *word = &shm->page->sleeping[i];
		unsigned long keep = word == mine ? own : 0;
		if (atomic_load(word) & ~keep)
			found |= (atomic_fetch_and(word, keep) & ~keep) != 0;
	}
	return found;
}

uint64_t srd_shm_tell(struct srd_shm *shm, uint64_t end)
{
	/* The count before the look at who sleeps, as they say so before they look at the
	 * count: one of both sees the other. */
	uint64_t appends = atomic_fetch_add(&shm->page->appends, 1) + 1;
	/* Release: who finds it told need not tell, for it has been counted. */
	atomic_store_explicit(&shm->page->told, end, memory_order_release);

	if (somebody_sleeps(shm)) {
		atomic_fetch_add(&shm->page->bell, 1);
		srd_futex_wake_all(&shm->page->bell, true);
	}
	return appends;
}

bool srd_shm_listen(struct srd_shm *shm, unsigned *seen)
{
	unsigned long bit;

	if (shm->slot < 0)
		return false;
	*seen = atomic_load(&shm->page->bell);
	atomic_ulong *word = word_of(shm->page->sleeping, shm, &bit);
	atomic_fetch_or(word, bit);
	return true;
}

bool srd_shm_is_asked(struct srd_shm *shm)
{
	if (atomic_load_explicit(&shm->page->crowd, memory_order_relaxed) && atomic_exchange(&shm->page->crowd, 0))
		return true;
	for (unsigned i = 0; i < SRD_SHM_SLOTS / 64; i++) {
		/* Relaxed: an ask seen late is seen after the next append, or by the keeper. */
		unsigned long bits = atomic_load_explicit(&shm->page->waiting[i], memory_order_relaxed);
		for (; bits; bits &= bits - 1) {
			int slot = (int)(i * 64) + __builtin_ctzl(bits);
			if (srd_ofd_is_taken(shm->fd, slot))
				return true;
			if (slot != shm->slot)
				atomic_fetch_and(&shm->page->waiting[i], ~(bits & -bits));
		}
	}
	return false;
}
