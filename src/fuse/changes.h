/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.h - what the kernel is to be told, in no order, each thing once or a few
 * times.  No locks.
 */
#ifndef SRD_FUSE_CHANGES_H
#define SRD_FUSE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_kernel_change {
	uint64_t ino;            /* of the directory, for a name */
	uint64_t from, to;       /* bytes of INO; the same: its attributes only */
	uint32_t name;           /* where it lies in the names */
	uint8_t name_len;        /* 0: no name, INO itself */
};

enum { SRD_CHANGES_MAX = 1 << 18, SRD_CHANGES_PLACES = 1024 };

struct srd_changes {
	struct srd_kernel_change *items;
	size_t count, cap;
	char *names;             /* copies: the log may be another by the time they are told */
	size_t names_len, names_cap;
	bool all;                /* too many to be told one by one */
	/* Where a change of an inode was noted last, so that more of it joins that. */
	uint32_t place[SRD_CHANGES_PLACES];
};

void srd_changes_add(struct srd_changes *changes, const struct srd_kernel_change *change);
/* What NAME in directory INO stands for. */
void srd_changes_add_name(struct srd_changes *changes, uint64_t ino, const char *name, uint8_t len);
/* Makes it empty. */
void srd_changes_clear(struct srd_changes *changes);
void srd_changes_release(struct srd_changes *changes);

#endif
