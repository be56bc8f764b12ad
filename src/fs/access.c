/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/access.h"

#include "base/clock.h"
#include "fs/fs.h"

#define DAY_NS INT64_C(86400000000000)

static int64_t ns_of(const struct timespec *time)
{
	return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static bool keeps_times(const struct srd_fs *fs)
{
	return fs->access != SRD_ACCESS_NEVER && !(fs->store->flags & SRD_RDONLY);
}

static bool is_due(const struct srd_fs *fs, const struct stat *st, int64_t now_ns)
{
	int64_t atime_ns = ns_of(&st->st_atim);

	if (fs->access == SRD_ACCESS_STRICT)
		return true;
	return atime_ns <= ns_of(&st->st_mtim) || atime_ns <= ns_of(&st->st_ctim) || now_ns - atime_ns >= DAY_NS;
}

bool srd_access_is_due(struct srd_fs *fs, uint64_t ino)
{
	struct stat st;

	return keeps_times(fs) && srd_fs_get_attr(fs, ino, &st) == 0 && is_due(fs, &st, srd_wall_ns());
}

void srd_access_note(struct srd_fs *fs, uint64_t ino)
{
	if (!srd_access_is_due(fs, ino) || srd_limit_change(fs) != 0)
		return;
	struct srd_open_inode *open = srd_open_get(fs, ino);
	if (!open)
		return;
	pthread_mutex_lock(&open->mutex);
	srd_open_access(fs, open, srd_wall_ns());
	pthread_mutex_unlock(&open->mutex);
	srd_open_put(fs, open);
}

void srd_access_note_dir(struct srd_fs *fs, uint64_t ino)
{
	if (fs->access_dirs)
		srd_access_note(fs, ino);
}
