/* SPDX-License-Identifier: Apache-2.0 */
/* tell.h - what the programs of this folder say: one line for each thing tested
 * ("ok 1 - ...", "not ok 2 - ..."), remarks behind a "#". */
#ifndef CRASH_TELL_H
#define CRASH_TELL_H

#include <stdbool.h>
#include <stdint.h>

void tell_result(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The test itself cannot go on. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The exit status all that was told makes. */
int tell_status(void);

/* A number of the environment; FALLBACK if there is none. */
/* CRASH_STATES=all: as much as there is. */
bool is_full_run(void);
uint64_t env_number(const char *name, uint64_t fallback);
/* Makes a directory of our own, on memory where there is some, removed with all
 * in it at exit; the path stays ours. */
const char *scratch_directory(void);

#endif
