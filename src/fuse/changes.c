/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"

/* Joins CHANGE to the one noted at AT: what lies between is told without need. */
static void join(struct srd_kernel_change *at, const struct srd_kernel_change *change)
{
	if (change->from == change->to)
		return;
	bool had_bytes = at->from != at->to;

	at->from = had_bytes ? SRD_MIN(at->from, change->from) : change->from;
	at->to = had_bytes ? SRD_MAX(at->to, change->to) : change->to;
}

void srd_changes_add(struct srd_changes *changes, const struct srd_kernel_change *change)
{
	uint32_t *place = &changes->place[srd_mix(change->ino) % SRD_CHANGES_PLACES];

	if (changes->all)
		return;
	if (!change->name_len && *place < changes->count && changes->items[*place].ino == change->ino &&
	    !changes->items[*place].name_len) {
		join(&changes->items[*place], change);
		return;
	}
	if (changes->count >= SRD_CHANGES_MAX ||
	    srd_array_reserve(&changes->items, &changes->cap, changes->count + 1, sizeof *changes->items) != 0) {
		changes->all = true;
		return;
	}
	if (!change->name_len)
		*place = (uint32_t)changes->count;
	changes->items[changes->count++] = *change;
}

void srd_changes_add_name(struct srd_changes *changes, uint64_t ino, const char *name, uint8_t len)
{
	struct srd_kernel_change change = { .ino = ino, .name = (uint32_t)changes->names_len, .name_len = len };

	if (srd_array_reserve(&changes->names, &changes->names_cap, changes->names_len + len, 1) != 0)
		changes->all = true;
	if (changes->all)
		return;
	memcpy(changes->names + changes->names_len, name, len);
	changes->names_len += len;
	srd_changes_add(changes, &change);
}

void srd_changes_clear(struct srd_changes *changes)
{
	changes->count = changes->names_len = 0;
	changes->all = false;
}

void srd_changes_release(struct srd_changes *changes)
{
	free(changes->items);
	free(changes->names);
	*changes = (struct srd_changes){ 0 };
}
