/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explore - runs each workload, and some drawn by lot, once on a recording disk,
 * then opens what every crash may have left of it.  A disk that lies about its
 * syncs must be found out: that is a test of the test.
 *
 *     CRASH_STATES=N       about so many first crashes in all (9000), or "all"
 *     CRASH_SEED=N         which ones
 *     CRASH_ONLY=NAME[:N]  one workload, one state of it
 *     CRASH_KEEP=DIR       put states that break a promise there
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chance.h"
#include "check.h"
#include "cutoff.h"
#include "tell.h"
#include "workloads.h"

enum { STATES_DEFAULT = 9000, DRAWN = 3, DRAWN_FULL = 12, LIAR_STATES = 200 };

struct plan {
	uint64_t states;          /* in all; 0: every one */
	uint64_t seed;
	char only[64];            /* workload; empty: all */
	uint64_t only_state;
	unsigned drawn;           /* workloads drawn by lot */
};

struct total {
	uint64_t made, states, second_states;
	int violations;
};

static struct plan read_plan(void)
{
	struct plan plan = { .seed = env_number("CRASH_SEED", 0), .states = env_number("CRASH_STATES", STATES_DEFAULT) };
	const char *only = getenv("CRASH_ONLY");

	if (is_full_run())
		plan.states = 0;
	plan.drawn = plan.states ? DRAWN : DRAWN_FULL;
	if (plan.seed == 0)
		plan.seed = (uint64_t)time(NULL);
	if (only) {
		snprintf(plan.only, sizeof plan.only, "%.*s", (int)strcspn(only, ":"), only);
		plan.only_state = strchr(only, ':') ? strtoull(strchr(only, ':') + 1, NULL, 0) : 0;
	}
	return plan;
}

static int run_workload(const struct workload *workload, struct runner *run)
{
	char shm_path[4200], text[160];

	snprintf(shm_path, sizeof shm_path, "%s.shm", run->path);
	unlink(run->path);
	unlink(shm_path);
	for (const struct step *step = workload->steps; step->verb != STEP_END; step++) {
		int error = runner_step(run, step);
		if (error != step->expect) {
			tell("%s: %s ends in: %s", workload->name, step_text(step, text), srd_strerror(error));
			return -1;
		}
	}
	return 0;
}

/* The share of states that makes about WANTED of all. */
static uint64_t share_for(const struct recorder *recorder, uint64_t wanted)
{
	struct states_count count;
	struct states_pick none = { 0 };

	states_each(recorder, &none, NULL, NULL, &count);
	if (wanted == 0 || wanted >= count.made)
		return UINT64_C(1) << 32;
	return (wanted << 32) / count.made;
}

static void explore_states(const struct plan *plan, const struct workload *workload, const struct runner *run,
                           const struct recorder *recorder, struct total *total)
{
	struct states_count count;
	uint64_t wanted = plan->states / (workload_count + plan->drawn);
	struct states_pick pick = { .seed = plan->seed, .only = plan->only_state,
	                            .share = share_for(recorder, wanted) };
	struct checker checker = { .path = run->path, .steps = workload->steps, .books = run,
	                           .seed = plan->seed, .second_of = plan->states ? 24 : 12,
	                           .second_share = (UINT64_C(1) << 32) / (plan->states ? 40 : 10) };

	states_each(recorder, &pick, check_state, &checker, &count);
	tell_result(checker.violations == 0, "%s: %zu events, %d commits, %llu states (%llu with something to drop, %llu by "
	            "an index, %llu looks at what was), %llu after %llu second crashes: %d violations",
	            workload->what, recorder->count, run->commits, (unsigned long long)checker.states,
	            (unsigned long long)checker.dropped, (unsigned long long)checker.indexed, (unsigned long long)checker.relics,
	            (unsigned long long)checker.second_states,
	            (unsigned long long)checker.second_crashes, checker.violations);
	total->made += count.made;
	total->states += checker.states;
	total->second_states += checker.second_states;
	total->violations += checker.violations;
}

static void explore(const struct plan *plan, const struct workload *workload, const char *path, struct total *total)
{
	struct recorder recorder;
	struct runner *run = malloc(sizeof *run);

	if (!run)
		die("no memory");
	recorder_init(&recorder, NULL);
	runner_init(run, path, &recorder, NULL);
	run->keep = workload->keep;
	if (run_workload(workload, run) != 0)
		tell_result(false, "%s: does not run", workload->what);
	else if (!recorder_only_appended(&recorder))
		tell_result(false, "%s: writes over what is there", workload->what);
	else
		explore_states(plan, workload, run, &recorder, total);
	runner_release(run);
	free(run);
	recorder_release(&recorder);
}

static bool is_wanted(const struct plan *plan, const char *name)
{
	return !*plan->only || strcmp(plan->only, name) == 0;
}

static void explore_drawn(const struct plan *plan, unsigned i, const char *path, struct total *total)
{
	struct step steps[CHANCE_STEPS + 8];
	char name[32], what[80];
	struct workload workload = { .name = name, .what = what, .steps = steps };

	snprintf(name, sizeof name, "drawn-%u", i);
	snprintf(what, sizeof what, "drawn by lot %llu", (unsigned long long)plan->seed + i);
	chance_draw(plan->seed + i, steps);
	if (is_wanted(plan, name))
		explore(plan, &workload, path, total);
}

/* What was promised is not there: this must not escape us. */
static void find_out_liar(const struct plan *plan, const char *path)
{
	const struct workload *workload = &workloads[0];
	struct recorder recorder;
	struct states_count count;
	struct runner *run = malloc(sizeof *run);

	if (!run)
		die("no memory");
	recorder_init(&recorder, NULL);
	recorder.lies = true;
	runner_init(run, path, &recorder, NULL);
	struct states_pick pick = { .seed = plan->seed };
	struct checker checker = { .path = path, .books = run, .quiet = true };
	if (run_workload(workload, run) == 0) {
		pick.share = share_for(&recorder, LIAR_STATES);
		states_each(&recorder, &pick, check_state, &checker, &count);
	}
	tell_result(checker.violations > 0, "a disk that lies is found out, %d times in %llu states: %s",
	            checker.violations, (unsigned long long)checker.states, checker.complaint);
	runner_release(run);
	free(run);
	recorder_release(&recorder);
}

int main(void)
{
	struct plan plan = read_plan();
	struct total total = { 0 };
	char path[4200];

	/* Less to map and unmap for each state. */
	setenv("SRD_MAP_BYTES", "0x10000000", 0);
	snprintf(path, sizeof path, "%s/store", scratch_directory());
	tell("CRASH_SEED=%llu", (unsigned long long)plan.seed);
	if (!*plan.only)
		find_out_liar(&plan, path);
	for (unsigned i = 0; i < workload_count; i++)
		if (is_wanted(&plan, workloads[i].name))
			explore(&plan, &workloads[i], path, &total);
	if (is_wanted(&plan, "cut-off"))
		explore_cut_off(path, plan.seed, plan.states == 0);
	for (unsigned i = 0; i < plan.drawn; i++)
		explore_drawn(&plan, i, path, &total);
	tell("%llu crash states and %llu after a second crash, of %llu; %d violations",
	     (unsigned long long)total.states, (unsigned long long)total.second_states,
	     (unsigned long long)total.made, total.violations);
	return tell_status();
}
