/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - addresses that fill up with entries.
 *
 * They come without access rights and cost no memory.  Rights are given in steps;
 * the kernel gives a page when it is first touched.
 */
#include "config.h"

#include "state/table.h"

#include <string.h>
#include <sys/mman.h>

#include "base/addresses.h"
#include "base/check.h"
#include "base/error.h"

#define HUGE_PAGE (UINT64_C(2) << 20)
#define STEP_MIN (UINT64_C(64) << 10)

/* What is mapped from an image ends with a page of this size at least. */
enum { PAGE_MIN = 4096 };

void srd_table_init(struct srd_table *table, uint32_t entry_len, struct srd_addresses *addresses, uint64_t len)
{
	*table = (struct srd_table){ .entry_len = entry_len, .count = 1 };
	table->base = srd_addresses_cut(addresses, &len);
	table->reserved_bytes = len;
}

int srd_table_adopt(struct srd_table *table, uint32_t count, uint32_t free_first, uint32_t live)
{
	uint64_t bytes = SRD_ALIGN_UP((uint64_t)count * table->entry_len, PAGE_MIN);

	if (bytes > table->reserved_bytes)
		return SRD_EFULL;
	table->count = count;
	table->free_first = free_first;
	table->live = live;
	table->usable_bytes = bytes;
	return 0;
}

/* Makes at least NEED bytes usable: a step of an eighth, so that steps are few. */
static int grow(struct srd_table *table, uint64_t need)
{
	uint64_t step = SRD_MAX(table->usable_bytes / 8, STEP_MIN);
	uint64_t usable = SRD_MAX(need, table->usable_bytes + step);

	if (need > table->reserved_bytes)
		return SRD_EFULL;
	usable = SRD_ALIGN_UP(usable, usable > 2 * HUGE_PAGE ? HUGE_PAGE : STEP_MIN);
	usable = SRD_MIN(usable, table->reserved_bytes);
	char *from = (char *)table->base + table->usable_bytes;
	size_t len = usable - table->usable_bytes;
	if (mprotect(from, len, PROT_READ | PROT_WRITE) != 0)
		return -ENOMEM;
	/* Random look-ups in a big table miss the TLB otherwise.  Only a hint. */
	if (table->usable_bytes >= 2 * HUGE_PAGE)
		madvise(from, len, MADV_HUGEPAGE);
	table->usable_bytes = usable;
	return 0;
}

int srd_table_reserve(struct srd_table *table, uint32_t count)
{
	uint64_t need = (uint64_t)count * table->entry_len;

	return need <= table->usable_bytes ? 0 : grow(table, need);
}

int srd_table_make_room(struct srd_table *table, uint64_t count)
{
	uint64_t most = SRD_MIN(table->reserved_bytes / table->entry_len, (uint64_t)UINT32_MAX);

	/* Entries given back are taken first. */
	return srd_table_reserve(table, (uint32_t)SRD_MIN(table->live + 1 + count, most));
}

struct srd_frontier srd_table_frontier(struct srd_table *table, uint64_t bytes)
{
	uint64_t used = (uint64_t)table->count * table->entry_len;

	if (used + bytes > table->usable_bytes)
		grow(table, SRD_MIN(used + bytes, table->reserved_bytes));
	return (struct srd_frontier){ .start = (char *)table->base + used, .len = SRD_MIN(bytes, table->usable_bytes - used) };
}

uint32_t srd_table_alloc(struct srd_table *table)
{
	uint32_t index = table->free_first;

	if (index != 0) {
		uint32_t *entry = srd_table_at(table, index);
		table->free_first = *entry < table->count ? *entry : srd_table_stray(table);
		*entry = 0;
	} else {
		if (table->count == UINT32_MAX || srd_table_reserve(table, table->count + 1) != 0)
			return 0;
		index = table->count++;
	}
	table->live++;
	return index;
}

void srd_table_free(struct srd_table *table, uint32_t index)
{
	uint32_t *entry = srd_table_at(table, index);

	memset(entry, 0, table->entry_len);
	*entry = table->free_first;
	table->free_first = index;
	table->live--;
}

int srd_table_error(const struct srd_table *table)
{
	uint64_t need = ((uint64_t)table->count + 1) * table->entry_len;

	return table->count == UINT32_MAX || need > table->reserved_bytes ? SRD_EFULL : -ENOMEM;
}

uint64_t srd_table_memory_bytes(const struct srd_table *table)
{
	return (uint64_t)table->count * table->entry_len;
}
