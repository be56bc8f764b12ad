/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h - carries out steps, on a store and on paper, and keeps the books:
 * what the store must hold after each commit, and what was promised when.
 */
#ifndef CRASH_RUNNER_H
#define CRASH_RUNNER_H

#include "kv/kv.h"
#include "model.h"
#include "recorder.h"
#include "relics.h"

enum { RUNNER_HANDLES = 3, RUNNER_SLOTS = 3, RUNNER_COMMITS_MAX = 400 };

/* DATA records on their way to a key. */
struct slot {
	struct image content;
	struct srd_extents extents;
};

struct runner {
	const char *path;
	struct recorder *recorder;            /* NULL: none */
	const struct srd_io *io;
	struct srd_compact_options keep;      /* what compactions keep of the past; of the workload */
	void (*arm)(bool armed);              /* called around what the store does, if set */
	struct image bytes;                   /* of the present step */
	struct image shm;                     /* NAME.shm when last seen, if there is a recorder */
	struct srd_store *handles[RUNNER_HANDLES];
	bool appended[RUNNER_HANDLES];
	bool is_view[RUNNER_HANDLES];
	struct step viewed[64];               /* what the view has committed for itself */
	size_t viewed_count;
	struct slot slots[RUNNER_SLOTS];
	struct step meanwhile;                /* to be done within the next compaction; STEP_END: nothing */
	int meanwhile_error;
	srd_batch *batch;
	struct step batched[64];
	size_t batched_count;
	srd_writer *stream;
	struct image streamed;
	struct model model;
	int commits;
	uint64_t digests[RUNNER_COMMITS_MAX + 1];    /* after each commit; 0: the empty store */
	uint64_t sequences[RUNNER_COMMITS_MAX + 1];  /* of the log then; what changes nothing has that of before */
	size_t steps_done[RUNNER_COMMITS_MAX + 1];   /* steps begun when it was there */
	struct relics relics[RUNNER_COMMITS_MAX + 1];   /* of its past, if that is kept */
	size_t steps;
};

/* RECORDER may be NULL; then IO (NULL: the real one) is used. */
void runner_init(struct runner *runner, const char *path, struct recorder *recorder, const struct srd_io *io);
/* Closes what is open, without a sync. */
void runner_release(struct runner *runner);
/* The store's answer to STEP.  After an error the model is as it was. */
int runner_step(struct runner *runner, const struct step *step);
/* Does the first COUNT of STEPS without a store. */
void runner_on_paper(struct runner *runner, const struct step *steps, size_t count);
/* Notes that the model as it is now stands for commit 0. */
void runner_start_at(struct runner *runner);

/* The fingerprint of what STORE holds, and what each of its snapshots does, by way of srd.h; 0 or
 * a negative code. */
int store_digest(struct srd_store *store, uint64_t *digest);
/* Of all its bytes. */
uint64_t value_hash(const srd_value *value);

#endif
