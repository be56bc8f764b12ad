/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/suspects.h"

#include <errno.h>
#include <stdlib.h>

int srd_suspects_add(struct srd_suspects *suspects, uint64_t offset, uint64_t end, bool metadata)
{
	if (suspects->count == suspects->cap) {
		size_t cap = suspects->cap ? suspects->cap * 2 : 16;
		struct srd_suspect *grown = realloc(suspects->list, cap * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		suspects->list = grown;
		suspects->cap = cap;
	}
	suspects->list[suspects->count++] = (struct srd_suspect){ .offset = offset, .end = end, .metadata = metadata };
	return 0;
}

/* The first whose end lies behind OFFSET. */
static size_t first_behind(const struct srd_suspects *suspects, uint64_t offset)
{
	size_t low = 0, high = suspects->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (suspects->list[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct srd_suspect *srd_suspects_name(struct srd_suspects *suspects, uint64_t offset, uint64_t end)
{
	for (size_t i = first_behind(suspects, offset); i < suspects->count && suspects->list[i].offset < end; i++) {
		struct srd_suspect *suspect = &suspects->list[i];
		if (!suspect->named) {
			suspect->named = true;
			return suspect;
		}
	}
	return NULL;
}

void srd_suspects_release(struct srd_suspects *suspects)
{
	free(suspects->list);
	*suspects = (struct srd_suspects){ 0 };
}
