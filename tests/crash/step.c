/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "step.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/le.h"

void step_fill(const struct step *step, struct image *image)
{
	size_t start = image->len;
	uint8_t word[8];

	image_resize(image, start + step->len);
	for (size_t i = 0; step->fill != 0 && i < step->len; i += 8) {
		srd_put64(word, srd_mix(((uint64_t)step->fill << 32) + i));
		memcpy(image->bytes + start + i, word, step->len - i < 8 ? step->len - i : 8);
	}
}

const char *step_text(const struct step *step, char text[160])
{
	static const char *const names[] = {
		"end", "put", "delete", "rename", "exchange", "copy", "link", "mkdir", "symlink", "write", "append",
		"truncate", "hole", "xattr", "batch commit", "crowd", "name", "undelete", "restore", "transaction commit", "snapshot",
		"snapshot rename", "snapshot delete", "stream commit", "batch put", "batch delete",
		"data", "stream write", "stream abort", "sync", "open", "close", "close unsynced", "fail sync", "trim", "save", "compact", "transaction",
	};

	snprintf(text, 160, "%u: %s %s %s len %u fill %u pos %u", step->handle, names[step->verb],
	         step->key ? step->key : "", step->other ? step->other : "", step->len, step->fill,
	         (unsigned)step->pos);
	return text;
}
