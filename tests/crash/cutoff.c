/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cutoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "script.h"
#include "tell.h"

static const struct step before[] = {
	OPEN, PUT("a", 3000, 1), PUT("gone", 9000, 2), SYNC, DELETE("gone"), SNAPSHOT("one"), PUT("a", 40, 3),
	BY(1, .verb = STEP_OPEN), BY(1, .verb = STEP_PUT, .key = "b", .len = 5000, .fill = 4), END,
};

/* Who is killed closes nothing; that its locks go is what is wanted. */
static const struct step dies[] = { COMPACT, CLOSE_UNSYNCED, END };

/* Who comes now never saw the old log. */
static const struct step comes[] = {
	BY(2, .verb = STEP_OPEN), BY(2, .verb = STEP_PUT, .key = "new", .len = 300, .fill = 7), END,
};

static const struct step after[] = {
	BY(1, .verb = STEP_PUT, .key = "c", .len = 700, .fill = 5), BY(1, .verb = STEP_SYNC),
	BY(1, .verb = STEP_PUT, .key = "d", .len = 20, .fill = 6), BY(1, .verb = STEP_CLOSE_UNSYNCED),
	BY(2, .verb = STEP_CLOSE_UNSYNCED), END,
};

static int do_steps(struct runner *run, const struct step *step)
{
	int error = 0;

	for (; step->verb != STEP_END && !error; step++)
		error = runner_step(run, step);
	return error;
}

/* What the others have at once, without a look at the name, which is not taken often. */
static int look(const struct runner *run)
{
	uint64_t digest;
	int error = store_digest(run->handles[1], &digest);

	return error ? error : digest == model_digest(&run->model) ? 0 : SRD_ECORRUPT;
}

/* True if the compaction was cut off after LIVES calls. */
static bool run_cut_off(struct runner *run, struct recorder *recorder, unsigned lives, struct checker *checker)
{
	int error = do_steps(run, before);

	if (!error)
		error = look(run);
	recorder->mortal = true;
	recorder->lives = lives;
	for (const struct step *step = dies; step->verb != STEP_END; step++)
		runner_step(run, step);
	bool cut = recorder->lives == 0;
	recorder->mortal = false;
	if (!error)
		error = do_steps(run, comes);
	if (!error)
		error = look(run);
	if (!error)
		error = do_steps(run, after);
	if (error) {
		tell("compaction cut off after %u calls: others: %s", lives, srd_strerror(error));
		checker->violations++;
	}
	return cut;
}

static void remove_store(const char *path)
{
	static const char *const beside[] = { "", ".shm", ".idx", ".new" };
	char name[4300];

	for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, beside[i]);
		remove(name);      /* the shm may be a folder: so a state is looked at without one */
	}
}

static bool cut_off_after(unsigned lives, const char *path, uint64_t share, struct checker *checker)
{
	struct states_pick pick = { .seed = checker->seed + lives, .share = share };
	struct recorder recorder;
	struct states_count count;
	struct runner *run = malloc(sizeof *run);

	if (!run)
		die("no memory");
	remove_store(path);
	recorder_init(&recorder, NULL);
	runner_init(run, path, &recorder, NULL);
	checker->books = run;
	bool cut = run_cut_off(run, &recorder, lives, checker);
	states_each(&recorder, &pick, check_state, checker, &count);
	runner_release(run);
	free(run);
	recorder_release(&recorder);
	return cut;
}

void explore_cut_off(const char *path, uint64_t seed, bool full)
{
	struct checker checker = { .path = path, .seed = seed };
	unsigned lives = 0;

	while (cut_off_after(lives, path, (UINT64_C(1) << 32) / (full ? 8 : 200), &checker))
		lives++;
	tell_result(checker.violations == 0 && lives > 0,
	            "a compaction cut off after each of %u calls, others going on: %llu states: %d violations",
	            lives, (unsigned long long)checker.states, checker.violations);
}
