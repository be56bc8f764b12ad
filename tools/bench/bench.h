/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h - what the programs of tools/bench have in common: how they end, the clock, random
 * numbers, what they print. */
#ifndef SRD_TOOLS_BENCH_BENCH_H
#define SRD_TOOLS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "srd.h"

/* Ends the program with this, behind its name; %m is errno in words. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Unless GOOD: with errno in words. */
void must(bool good, const char *what);

/* Ends the program with HELP where it was asked for it alone. */
void give_help(int argc, char **argv, const char *help);
/* ... where it was asked wrongly. */
_Noreturn void give_usage(const char *help);

uint64_t now_ns(clockid_t clock);
double now_us(void);
double now_s(void);

/* The next of a series that is the same in each run; *STATE is not 0. */
uint64_t next_random(uint64_t *state);

/* Bytes in the line NAME of /proc/self/status. */
double memory_bytes(const char *name);

/* A figure, as tools/bench/report takes it; BETTER: "less", "more". */
void sample(const char *row, const char *unit, const char *better, const char *peer, double figure);

/* ---- With libsrd (bench_store.c) ---- */

/* Unless ERROR is 0 or more. */
void must_srd(int error, const char *what);
/* It is made where there is none. */
srd_store *open_store(const char *path, int flags);

#endif
