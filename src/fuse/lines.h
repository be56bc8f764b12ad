/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h - lines from a process that is not trusted, for people: so many, and no more
 * than lines. */
#ifndef SRD_FUSE_LINES_H
#define SRD_FUSE_LINES_H

#include <stdbool.h>
#include <stdint.h>

enum { SRD_LINES_MAX = 60, SRD_LINES_MS = 60000 };   /* so many in so long */

struct srd_lines {
	int64_t begin_ms;         /* of the time in which they are counted */
	unsigned taken, left_out;
};

/* True if one more line, at NOW_MS, is to be heard.  *LEFT_OUT: how many were not, in a
 * time that is over now. */
bool srd_lines_take(struct srd_lines *lines, int64_t now_ms, unsigned *left_out);
/* What a terminal or a log could take for more than text becomes '?'. */
void srd_line_clean(char *text);

#endif
