/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnosis.h - what is wrong with a log, told by whose it is: which file, where in it, and
 * which of its versions is sound.
 *
 * Rot in a DATA record is damage only where a commit names it, so at first it is suspect.
 * What a REPAIR op names is known, and what was trimmed was given up.
 */
#ifndef SRD_KV_DIAGNOSIS_H
#define SRD_KV_DIAGNOSIS_H

#include "kv/events.h"
#include "kv/inspect.h"
#include "kv/owners.h"
#include "kv/repairs.h"
#include "kv/suspects.h"

struct srd_diagnosis {
	struct srd_log *log;
	struct srd_events *events;    /* who is told */
	struct srd_suspects suspects;
	/* Known after the first damage: */
	bool prepared;
	struct srd_owners owners;     /* whose bytes lie where */
	struct srd_ranges repairs;
};

void srd_diagnosis_release(struct srd_diagnosis *diagnosis);

/* ---- 0, a negative code, or what the one who is told returns ---- */

/* The superblock is not what it was. */
int srd_diagnosis_superblock(struct srd_diagnosis *diagnosis);
/* There is no sound header in [FROM, TO). */
int srd_diagnosis_lost(struct srd_diagnosis *diagnosis, uint64_t from, uint64_t to);
/* FINDING is of RECORD. */
int srd_diagnosis_finding(struct srd_diagnosis *diagnosis, const struct srd_record *record,
                          const struct srd_finding *finding);
/* What OP of RECORD names counts from here on, and so does the rot in it. */
int srd_diagnosis_refs(struct srd_diagnosis *diagnosis, const struct srd_record *record, const struct srd_op *op);

#endif
