/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the file NAME.idx beside a log (FORMAT, section 10): whether to believe
 * it, its bytes, and how a new one takes its place.  Some of those before are kept, as
 * NAME.idx.0 to NAME.idx.15, in no order: who wants the past begins from the nearest.
 *
 * It is a cache.  Whatever is wrong with it, or with making it, is no error of the
 * log's; who opens a log without one replays all of it.
 */
#ifndef SRD_LOG_IMAGE_H
#define SRD_LOG_IMAGE_H

#include "format/image.h"
#include "log/log.h"

/* ---- image.c: reading ---- */

/* Opens the image if it is one of this log and nobody else can have made it: *FD is
 * the caller's to close.  -ENOENT, -ELOOP (a symlink), -EPERM (others could have
 * written it), SRD_EREPLACED (of another log, or of a history that is not ours), or
 * whatever srd_image_decode() says. */
int srd_log_image_open(const struct srd_log *log, struct srd_image *image, int *fd);
/* The same of the one kept as number SLOT. */
enum { SRD_IMAGE_SLOTS = 16 };
int srd_log_image_open_kept(const struct srd_log *log, unsigned slot, struct srd_image *image, int *fd);
/* The same of the one that stands for the latest place of all that POINT has.  -ENOENT: none does. */
int srd_log_image_nearest(const struct srd_log *log, const struct srd_log_point *point, struct srd_image *image,
                          int *fd);
/* The checks of all chunks; free() them.  SRD_ECORRUPT if they are damaged. */
int srd_log_image_checks(const struct srd_log *log, int fd, const struct srd_image *image, uint64_t **checks);
/* Lays TABLE over memory at AT, which starts a page, copy on write: the bytes beyond
 * it stay what they are. */
int srd_log_image_map(int fd, const struct srd_image_table *table, void *at);
/* The place in the log that IMAGE stands for, and its reverse. */
struct srd_log_place srd_log_image_place(const struct srd_image *image);
void srd_log_image_set_place(struct srd_image *image, const struct srd_log_place *place);
/* Makes recovery begin behind what the image, being sound, stands for. */
void srd_log_begin_at(struct srd_log *log, const struct srd_log_place *place);

/* ---- image_save.c: writing, by one at a time of all processes ---- */

struct srd_image_file {
	const struct srd_log *log;
	int fd;
	char *name, *temporary;
};

/* Begins a new image, which is to stand for OFFSET.  -EAGAIN: another is at it;
 * -EEXIST: there is one as new.  Follow with publish or abandon. */
int srd_image_file_begin(struct srd_image_file *file, const struct srd_log *log, uint64_t offset);
int srd_image_file_write(const struct srd_image_file *file, const void *data, size_t len, uint64_t offset);
/* All is written, but for the header: the file gets its name.  The log must be durable up to
 * image->offset.  KEEP: the slot that the image before is kept in, whose own is lost, or -1. */
int srd_image_file_publish(struct srd_image_file *file, const struct srd_image *image, int keep);
/* Takes away what is kept in SLOT.  Between begin and publish. */
int srd_image_file_forget(const struct srd_image_file *file, unsigned slot);
void srd_image_file_abandon(struct srd_image_file *file);
/* Takes all images away, if there are any; -EAGAIN: one is being made. */
int srd_image_file_remove(const struct srd_log *log);

#endif
