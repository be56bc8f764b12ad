/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/lines.h"

bool srd_lines_take(struct srd_lines *lines, int64_t now_ms, unsigned *left_out)
{
	*left_out = 0;
	if (now_ms - lines->begin_ms >= SRD_LINES_MS) {
		*left_out = lines->left_out;
		*lines = (struct srd_lines){ .begin_ms = now_ms };
	}
	if (lines->taken == SRD_LINES_MAX) {
		lines->left_out++;
		return false;
	}
	lines->taken++;
	return true;
}

void srd_line_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}
