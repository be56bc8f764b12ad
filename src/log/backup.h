/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.h - another file that is to hold what a log holds.
 *
 * A log only grows, so a backup is its beginning, byte by byte.  One that ends in a
 * record of the log has all that is before it, by the chain of checks; then only what
 * came since is sent:
 *
 *     log     | ....................... | R | new records |
 *     backup  | ....................... | R | torn |          cut behind R, continued
 *
 * Where it does not (the log was compacted, or the histories parted) all is written to
 * a temporary beside it, which takes its name when it is whole and durable.  So at any
 * moment, after any crash, the backup is a store: the old one, or one that ends in
 * some commit of the log.
 */
#ifndef SRD_LOG_BACKUP_H
#define SRD_LOG_BACKUP_H

#include "log/log.h"

enum srd_match {
	SRD_MATCH_PREFIX,         /* it is the beginning of the log */
	SRD_MATCH_NOTHING,        /* there is no such file */
	SRD_MATCH_NO_STORE,
	SRD_MATCH_OTHER,          /* another store */
	SRD_MATCH_OLDER,          /* of a generation before */
	SRD_MATCH_NEWER,          /* of a later generation */
	SRD_MATCH_AHEAD,          /* the log is the beginning of it */
	SRD_MATCH_PARTED,         /* both went on differently */
};

/* What DEST is to LOG, of which it is no part that DEST is open for recovery; *COMMON:
 * how far both are the same, the beginning of a record (PREFIX). */
enum srd_match srd_log_match(const struct srd_log *log, const struct srd_log *dest, uint64_t *common);

struct srd_backup_file {
	const struct srd_log *log;
	struct srd_log *dest;     /* what is there; NULL: nothing */
	enum srd_match match;
	uint64_t common;          /* PREFIX: how far */
	bool whole;               /* written anew, else continued */
	int dir_fd, fd;           /* fd: what is written to */
	char *name, *temporary;   /* temporary: where it is whole */
	uint64_t at;              /* all of the log below is there */
	uint64_t durable;         /* and, below here, survives a crash */
	uint64_t sent;            /* bytes written */
};

void srd_backup_file_init(struct srd_backup_file *file, const struct srd_log *log);
/* Looks what is at PATH, which nobody writes meanwhile, unless we only READ.  -EBUSY:
 * somebody does; -EINVAL: it is the log itself. */
int srd_backup_file_open(struct srd_backup_file *file, const char *path, bool read);
/* Makes ready to write: to continue it, or anew (WHOLE, or where it has to be). */
int srd_backup_file_begin(struct srd_backup_file *file, bool whole);
/* All of the log below UPTO, where a record ends, comes to be there. */
int srd_backup_file_copy(struct srd_backup_file *file, uint64_t upto);
/* What was copied is durable, and is what PATH leads to; what the log has given up is, too. */
int srd_backup_file_finish(struct srd_backup_file *file);
void srd_backup_file_release(struct srd_backup_file *file);

#endif
