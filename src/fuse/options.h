/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - what a mount is asked to be.  Knows the words of mount(8) and of
 * fstab: those that are srdfs's own, those that libfuse and the kernel take, and
 * those that mean something to others only and are passed over.
 */
#ifndef SRD_FUSE_OPTIONS_H
#define SRD_FUSE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/access.h"

struct srd_mount_options {
	const char *store, *mountpoint;   /* as given; the caller's */
	bool foreground, debug;
	bool read_only;
	bool exclusive;                   /* nobody else may have the store open */
	bool single_writer;               /* others may only read */
	bool writeback;                   /* the kernel may keep what is written for a while */
	bool txn;                         /* a private view, committed as a whole or not at all */
	bool strict;                      /* the kernel keeps nothing */
	bool no_keeper;                   /* one process is to do it all */
	bool no_sandbox;                  /* the worker is not to be locked in */
	bool allow_core;                  /* core files may show what it has in memory */
	bool set_uid, set_gid;            /* all files are shown as UID's, GID's */
	uint32_t uid, gid;
	uint32_t commit_seconds;          /* between syncs in the background; 0: the store's own */
	uint64_t max_bytes;               /* the store is not to grow beyond; 0: no limit */
	enum srd_access access;           /* whether access times follow reading ... */
	bool access_said, access_dirs;    /* ... as somebody said; of directories, too */
	double timeout;                   /* seconds that the kernel may believe what it was told;
	                                   * below 0: as long as we can keep it true */
	bool compact_auto;                /* the store is compacted when it is worth it: */
	uint32_t compact_percent;         /* so much of what is alive is dead, */
	uint64_t compact_bytes;           /* and so many bytes of it */
	char *at;                         /* the point of the past that is shown, as seen at AT_NS; NULL: now */
	int64_t at_ns;
	bool no_history;                  /* there is no directory .srd */
	char *fsname;                     /* NULL: the store's path */
	char *passed;                     /* for libfuse, comma-separated, or NULL */
};

void srd_mount_options_init(struct srd_mount_options *options);
/* What of OPTIONS does not go together, for people; NULL: nothing. */
const char *srd_mount_options_clash(const struct srd_mount_options *options);
/* How the store is to be opened: enum srd_open_flags. */
int srd_mount_open_flags(const struct srd_mount_options *options);
void srd_mount_options_release(struct srd_mount_options *options);
/* Takes in a comma-separated list as behind -o (a backslash makes the next
 * character an ordinary one).  0, -ENOMEM, or -EINVAL: PROBLEM then says what is
 * wrong with it. */
int srd_mount_options_parse(struct srd_mount_options *options, const char *list,
                            char *problem, size_t size);

#endif
