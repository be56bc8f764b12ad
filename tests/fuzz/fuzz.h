/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what the fuzzers share.
 *
 * Each fuzzer is one file with LLVMFuzzerTestOneInput().  With clang's libFuzzer
 * (configure --enable-fuzzers) that is run with inputs that reach new code; else
 * driver.c runs it with the corpus, and with random changes of it.
 *
 * A store's checksums are seeded with its salt, so no random byte would ever get
 * past a header.  But who makes a hostile store knows its salt: seal.c gives it the
 * right checks.
 */
#ifndef SRD_TESTS_FUZZ_FUZZ_H
#define SRD_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/record.h"
#include "srd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Says what does not hold and aborts. */
#define FUZZ_EXPECT(truth) ((truth) ? (void)0 : fuzz_fail(#truth, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* ---- seal.c ---- */

/* The superblock of all forged stores. */
void fuzz_superblock(struct srd_superblock *sb, uint8_t bytes[SRD_SUPERBLOCK_LEN]);
/* Makes the LEN bytes at LOG a store as far as they resemble one: its superblock, and
 * the chain and checks of its records and of what they hold.  A record whose flags
 * are not 0 is left as it is. */
void fuzz_seal(uint8_t *log, size_t len);

/* ---- forge.c ---- */

/* A log that DATA, LEN bytes of any kind, describe: sound records with hostile ops;
 * its length.  *LOG is the caller's to free. */
size_t fuzz_forge(const uint8_t *data, size_t len, uint8_t **log);

/* ---- exercise.c ---- */

/* A store as files; image NULL: there is none. */
struct fuzz_store {
	const uint8_t *log, *image;
	size_t log_len, image_len;
	const uint8_t *input;     /* that it came from; its last bytes choose what is done with it */
	size_t input_len;
	bool liar;                /* the image was forged: what it says need not agree with itself */
};

enum { FUZZ_KEYS_MAX = 64 };

struct fuzz_keys {
	char text[FUZZ_KEYS_MAX][SRD_KEY_MAX + 1];
	size_t len[FUZZ_KEYS_MAX];
	unsigned count;
};

/* One store being put to use. */
struct fuzz_turn {
	bool liar;
	const uint8_t *choices;
	size_t choices_left;
	struct fuzz_keys keys;    /* as last listed */
};

/* What every store must say, but one whose image was forged: who could do that could
 * write any store. */
#define FUZZ_EXPECT_AGREES(turn, truth) FUZZ_EXPECT((turn)->liar || (truth))

/* The next choice, 0 where there is none left. */
uint8_t fuzz_choose(struct fuzz_turn *turn);
/* Where the store lies, in memory if possible; it goes away at the end. */
const char *fuzz_path(void);
/* Puts the files in place of whatever is there. */
void fuzz_place(const struct fuzz_store *store);
/* All names and what they stand for; TIMES: and when that was changed. */
uint64_t fuzz_digest(srd_store *store, bool times);
void fuzz_list(struct fuzz_turn *turn, srd_store *store);
/* Lists and reads. */
void fuzz_read_all(struct fuzz_turn *turn, srd_store *store);
/* Changes the keys that were listed. */
void fuzz_change_all(const struct fuzz_turn *turn, srd_store *store);
/* Looks at an event; counts damage in the uint64_t USER. */
int fuzz_ignore(void *user, const struct srd_event *event);
/* Does with it what can be done; all of that, where FUZZ_ALL is in the environment. */
void fuzz_exercise(const struct fuzz_store *store);

/* ---- upkeep.c and past.c: what can be done with a store, each ---- */
typedef void fuzz_act(struct fuzz_turn *turn);
fuzz_act fuzz_look, fuzz_salvage, fuzz_repair, fuzz_compact, fuzz_trim;
fuzz_act fuzz_past, fuzz_aside, fuzz_snapshots;

/* A point of the history of STORE, as the input chooses; NULL: none. */
const char *fuzz_point(struct fuzz_turn *turn, srd_store *store, char text[SRD_NAME_MAX + 1]);
/* What STORE was at POINT: fuzz_digest(), or why there is none. */
uint64_t fuzz_digest_at(srd_store *store, const char *point);

#endif
