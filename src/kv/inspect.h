/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.h - one record looked at byte by byte, as it is on disk now.
 *
 * Every bit counts: those of ops and names under the metadata check, payload under
 * the checks of its blocks, and padding, which is zero.  (The header is the business
 * of who found the record.)  Changes nothing; any number of threads may.
 */
#ifndef SRD_KV_INSPECT_H
#define SRD_KV_INSPECT_H

#include "log/log.h"

struct srd_finding {
	enum srd_finding_kind { SRD_ROT_METADATA, SRD_ROT_BLOCK, SRD_ROT_PADDING, SRD_ROT_SPARE } kind;
	uint64_t offset, len;     /* bytes of the log */
	uint64_t run;             /* BLOCK: of which run, */
	uint32_t skip;            /* and where in it */
};

struct srd_findings {
	struct srd_finding *list; /* in the order of the record's ops, padding behind */
	size_t count, cap;
};

void srd_findings_release(struct srd_findings *findings);
/* Adds what is rotten in RECORD, which lies below the log's end.  0 or -ENOMEM. */
int srd_inspect(const struct srd_log *log, const struct srd_record *record, bool payload,
                struct srd_findings *findings);
/* True if METADATA is what was written. */
bool srd_inspect_metadata(const struct srd_log *log, const struct srd_record *record, const uint8_t *metadata);

#endif
