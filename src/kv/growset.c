/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/growset.h"

#include <errno.h>
#include <stdlib.h>

static int grow(struct srd_growset *set)
{
	struct srd_numberset old = set->numbers;
	struct srd_numberset larger = { .count = old.count ? 2 * old.count : 1024 };

	larger.slots = calloc(larger.count, sizeof *larger.slots);
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < old.count; i++)
		if (old.slots[i])
			srd_numberset_add(&larger, old.slots[i]);
	free((void *)old.slots);
	set->numbers = larger;
	return 0;
}

int srd_growset_add(struct srd_growset *set, uint64_t number)
{
	int error = 2 * (set->used + 1) > set->numbers.count ? grow(set) : 0;

	if (!error && number && !srd_numberset_has(&set->numbers, number))
		set->used += srd_numberset_add(&set->numbers, number);
	return error;
}

bool srd_growset_has(const struct srd_growset *set, uint64_t number)
{
	return set->numbers.count > 0 && number && srd_numberset_has(&set->numbers, number);
}

void srd_growset_release(struct srd_growset *set)
{
	free((void *)set->numbers.slots);
}
