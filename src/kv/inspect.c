/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/inspect.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "format/ops.h"
#include "format/spare.h"

static int add(struct srd_findings *findings, const struct srd_finding *finding)
{
	int error = srd_array_reserve(&findings->list, &findings->cap, findings->count + 1, sizeof *findings->list);

	if (!error)
		findings->list[findings->count++] = *finding;
	return error;
}

void srd_findings_release(struct srd_findings *findings)
{
	free(findings->list);
	*findings = (struct srd_findings){ 0 };
}

bool srd_inspect_metadata(const struct srd_log *log, const struct srd_record *record, const uint8_t *metadata)
{
	uint64_t check;

	return srd_meta_check(metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                      record->offset + record->len, srd_superblock_seed(&log->sb, record->offset),
	                      &check) && check == record->meta_check;
}

/* What RECORD says is not there. */
static int add_record(struct srd_findings *findings, const struct srd_record *record)
{
	return add(findings, &(struct srd_finding){ .kind = SRD_ROT_METADATA, .offset = record->offset, .len = record->len });
}

static int inspect_run(const struct srd_log *log, const struct srd_run *run, struct srd_findings *findings)
{
	uint64_t payload = run->offset + run->distance;
	int error = 0;

	for (uint32_t skip = 0; skip < run->len && !error; skip += SRD_BLOCK_LEN) {
		uint32_t len = SRD_MIN(run->len - skip, (uint32_t)SRD_BLOCK_LEN);
		if (srd_hash(log->map + payload + skip, len, 0) == srd_get64(run->checks + skip / SRD_BLOCK_LEN * 8))
			continue;
		error = add(findings, &(struct srd_finding){ .kind = SRD_ROT_BLOCK, .offset = payload + skip, .len = len,
		                                             .run = run->offset, .skip = skip });
	}
	return error;
}

/* [from, to) is zero, being nothing's. */
static int inspect_padding(const struct srd_log *log, uint64_t from, uint64_t to, struct srd_findings *findings)
{
	if (srd_simd()->is_zero(log->map + from, to - from))
		return 0;
	return add(findings, &(struct srd_finding){ .kind = SRD_ROT_PADDING, .offset = from, .len = to - from });
}

/* The runs of a record whose metadata is right.  What lies between them, in order of
 * the log, is padding. */
static int inspect_runs(const struct srd_log *log, const struct srd_record *record, const uint8_t *metadata,
                        struct srd_findings *findings)
{
	uint64_t start = record->offset + SRD_HEADER_LEN, end = record->offset + record->len;
	uint64_t used = start + record->meta_len;   /* payload behind the metadata up to there */
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;
	int error = 0;

	while (!error && srd_ops_next(&ops, &op)) {
		if (!op.has_run)
			continue;
		uint64_t payload = op.run.offset + op.run.distance;
		bool is_inline = srd_run_is_inline(op.run.len);
		error = inspect_run(log, &op.run, findings);
		/* Whoever writes over the file may do so now. */
		if (!error && !is_inline && payload < used)
			return add_record(findings, record);
		if (!error)
			error = is_inline ? inspect_padding(log, payload + op.run.len, op.offset + op.len, findings)
			                  : inspect_padding(log, used, payload, findings);
		used = is_inline ? used : payload + op.run.len;
	}
	if (error)
		return error;
	return srd_ops_are_through(&ops) ? inspect_padding(log, used, end, findings) : add_record(findings, record);
}

int srd_inspect(const struct srd_log *log, const struct srd_record *record, bool payload,
                struct srd_findings *findings)
{
	const uint8_t *bytes = srd_log_at(log, record->offset, record->len);

	/* The file was cut short since. */
	if (!bytes)
		return add_record(findings, record);
	if (record->type == SRD_RECORD_SPARE) {
		if (record->len == SRD_SPARE_LEN && srd_spare_holds(&log->sb, bytes))
			return 0;
		return add(findings, &(struct srd_finding){ .kind = SRD_ROT_SPARE, .offset = record->offset,
		                                            .len = record->len });
	}
	if (!srd_inspect_metadata(log, record, bytes + SRD_HEADER_LEN))
		return add_record(findings, record);
	if (!payload || record->type > SRD_RECORD_DATA)
		return 0;
	return inspect_runs(log, record, bytes + SRD_HEADER_LEN, findings);
}
