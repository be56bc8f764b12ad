/* SPDX-License-Identifier: Apache-2.0 */
/* workloads.h - what is done to a store while a crash waits. */
#ifndef CRASH_WORKLOADS_H
#define CRASH_WORKLOADS_H

#include "step.h"

struct workload {
	const char *name;
	const char *what;
	const struct step *steps; /* ends with STEP_END */
};

/* Ends with STEP_END each. */
extern const struct step snapshot_steps[], compact_steps[], compact_twice_steps[], compact_snapshot_steps[],
	trim_steps[], trim_past_steps[];

extern const struct workload workloads[];
extern const unsigned workload_count;

#endif
