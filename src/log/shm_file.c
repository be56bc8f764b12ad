/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/shm_file.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/futex.h"
#include "log/ofd.h"

static const uint8_t magic[8] = { 'S', 'R', 'D', 's', 'h', 'm', '\r', '\n' };
enum { PAGE_VERSION = 4 };

/* Held for the few microseconds of making the page. */
enum { BYTE_MAKE = SRD_SHM_SLOTS };
enum { MAKE_TRIES = 1000, OPEN_TRIES = 8 };

static bool page_fits(const struct srd_shm_page *page, const struct srd_superblock *sb)
{
	return memcmp(page->magic, magic, sizeof magic) == 0 && page->version == PAGE_VERSION &&
	       page->len == sizeof *page && memcmp(page->uuid, sb->uuid, sizeof sb->uuid) == 0 &&
	       page->generation == sb->generation;
}

/* Only memory that nobody but the store's owner, root or we could have made. */
static bool is_trusted(const struct stat *st, const struct stat *of)
{
	if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
		return false;
	return st->st_uid == of->st_uid || st->st_uid == 0 || st->st_uid == geteuid();
}

/* Call where the file is as long as a page: in a shorter one it would be SIGBUS, not an error. */
static struct srd_shm_page *map_page(int fd, bool read_only)
{
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

/* As others made it. */
static struct srd_shm_page *map_trusted(int fd, const struct stat *of, bool read_only)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !is_trusted(&st, of) || st.st_size < (off_t)sizeof(struct srd_shm_page))
		return NULL;
	return map_page(fd, read_only);
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
	struct stat st;

	if (fstat(fd, &st) != 0)
		return FOREIGN;
	ssize_t got = st.st_size == 0 ? 0 : pread(fd, &page, sizeof page, 0);
	if (got == 0 || (got == sizeof page && is_unmade(&page)))
		return is_trusted(&st, of) ? OURS : FOREIGN;
	if (got < (ssize_t)sizeof magic || memcmp(page.magic, magic, sizeof magic) != 0)
		return FOREIGN;
	if (!is_trusted(&st, of) || got != sizeof page)
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
	struct srd_shm_page *page = map_trusted(fd, of, false);

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

int srd_shm_file_open(const struct srd_io *io, int dir_fd, const char *name, const struct stat *of,
                      const struct srd_superblock *sb, bool read_only, struct srd_shm_page **page)
{
	SRD_AUTO_FREE char *file = NULL;
	struct srd_shm_page *mapped = NULL;

	if (asprintf(&file, "%s.shm", name) < 0) {
		file = NULL;
		return -1;
	}
	int fd = open_file(io, dir_fd, file, of, sb, read_only);
	if (fd < 0)
		return -1;
	if (read_only) {
		mapped = map_trusted(fd, of, true);
	} else if (lock_making(fd) == 0) {
		mapped = make_page(fd, of, sb);
		srd_ofd_lock(fd, F_UNLCK, BYTE_MAKE, false);
	}
	if (mapped && page_fits(mapped, sb)) {
		*page = mapped;
		return fd;
	}
	if (mapped)
		munmap(mapped, sizeof *mapped);
	close(fd);
	return -1;
}

void srd_shm_remove(const struct srd_io *io, int dir_fd, const char *name)
{
	char *file;

	if (asprintf(&file, "%s.shm", name) < 0)
		return;
	io->unlink(io, dir_fd, file);
	free(file);
}
