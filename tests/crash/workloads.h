/* SPDX-License-Identifier: Apache-2.0 */
/* workloads.h - what is done to a store while a crash waits. */
#ifndef CRASH_WORKLOADS_H
#define CRASH_WORKLOADS_H

#include "srd.h"
#include "step.h"

struct workload {
	const char *name;
	const char *what;
	const struct step *steps; /* ends with STEP_END */
	struct srd_compact_options keep;   /* what compactions are to keep of the past */
};

/* Ends with STEP_END each. */
extern const struct step snapshot_steps[], compact_steps[], compact_twice_steps[], compact_snapshot_steps[],
	compact_transaction_steps[], versions_steps[], replaced_steps[], undelete_steps[], trim_steps[], trim_past_steps[];

extern const struct workload workloads[];
extern const unsigned workload_count;

#endif
