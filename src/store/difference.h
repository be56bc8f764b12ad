/* SPDX-License-Identifier: Apache-2.0 */
/*
 * difference.h - the ops that make one state of a store another: names, content,
 * attributes, times, numbers, so that nobody can tell the outcome from the original.
 *
 * Both states are of one log, the second later than the first; what is written says in
 * another log what happened between.  With an empty state first it is a store from
 * nothing.
 *
 *     names     taken away, or put aside if their inode lives on   (difference_names.c)
 *               made, linked, moved to their places, from the root down
 *     inodes    content, attributes, times of all that changed     (difference.c)
 *     NEXT      at the end of each record, so that it may be the last of a copy
 *     all of it is held against what it restates                 (difference_same.c)
 */
#ifndef SRD_STORE_DIFFERENCE_H
#define SRD_STORE_DIFFERENCE_H

#include "store/relocate.h"
#include "store/rewrite.h"

struct srd_difference {
	const struct srd_state *from, *to;
	struct srd_log *log;                  /* of both */
	struct srd_relocate *relocate;        /* has all payload of `to` */
	struct srd_rewrite *rewrite;          /* the other log, which stands for `from` */
	struct srd_log_stamp stamp;           /* of the records: they are BASE */
	/* From here on its own. */
	uint64_t cookie;                      /* of the next name; 0: not known */
	uint64_t began;                       /* end of the other log then */
	uint8_t *marks;                       /* by inode of `to`: enum srd_difference_marks */
	uint64_t placeholder;                 /* number of a file that keeps places; 0: none was needed */
	uint64_t *sequences;                  /* likewise: of the last commit that changed it */
	uint8_t *refs;                        /* encoded, of one op */
	size_t ref_count;
	struct srd_ref last_ref;              /* not among them yet; len 0: none */
};

/* What inodes of `to` have that they had not in `from`: asked for, then copied in the order
 * of the directories. */
int srd_difference_want(struct srd_relocate *relocate, const struct srd_state *from, const struct srd_state *to);
int srd_difference_copy(struct srd_relocate *relocate, const struct srd_state *from, const struct srd_state *to);
/* Writes the ops, and holds what they make against `to`: SRD_EDIFFERS.  The fields above are the
 * caller's to set, and those below 0. */
int srd_difference_write(struct srd_difference *difference);

/* ---- Between its files ---- */

enum srd_difference_marks {
	SRD_MARK_ASIDE = 1,       /* has a name aside */
	SRD_MARK_THERE = 2,       /* made here, and has a name */
};

/* INODE as FROM has it; 0: it has not.  One that had a name there and has none any more is not the
 * same: it went with the name, and who still uses it has brought it along. */
uint32_t srd_difference_before(const struct srd_state *from, const struct srd_inode *inode);
/* True if a commit between FROM and the state of INODE changed it. */
bool srd_difference_touches(const struct srd_state *from, const struct srd_inode *inode);
int srd_difference_names(struct srd_difference *difference);
/* True if what the other log adds up to now shows all that `to` does.  (In the root later names may
 * have higher cookies, for names aside stood there; they are in their order.) */
bool srd_difference_is_same(const struct srd_difference *difference);
/* Room for some ops in the present record. */
int srd_difference_make_room(struct srd_difference *difference);
/* The content of a symlink, or what else one run holds: its bytes, which stay as they
 * are.  NULL: none. */
const uint8_t *srd_difference_bytes(struct srd_difference *difference, uint64_t at, struct srd_run *run);

#endif
