/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/addresses.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/error.h"

enum { PAGE_MAX = 64 << 10 };
/* Where a huge page is so little of a cut that what is lost between cuts does not matter. */
enum { HUGE_WORTH = 16 * SRD_ADDRESSES_ALIGN };
#define MOST (UINT64_C(1) << 47)   /* a process has */

/* LEN bytes where there are SHARE times as many in a row; NULL: nowhere. */
static char *take_share(uint64_t len, unsigned share)
{
	uint64_t hole = len * share + SRD_ADDRESSES_ALIGN;

	if (hole / share < len)
		return NULL;
	char *start = mmap(NULL, hole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)start % SRD_ADDRESSES_ALIGN;
	if (before > 0)
		munmap(start, before);
	munmap(start + before + len, hole - before - len);
	return start + before;
}

static bool is_limited(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

int srd_addresses_take(struct srd_addresses *addresses, uint64_t wanted, uint64_t least, unsigned share)
{
	uint64_t len = SRD_ALIGN_UP(SRD_MAX(wanted, least), SRD_ADDRESSES_ALIGN);
	char *start = take_share(len, share);

	/* Nobody sets one so that many stores find room. */
	if (!start && is_limited())
		share = SRD_MAX(share / 4, 1u);
	while (!start && len / 2 >= SRD_MAX(least, (uint64_t)SRD_ADDRESSES_ALIGN)) {
		len = SRD_ALIGN_UP(len / 2, SRD_ADDRESSES_ALIGN);
		start = take_share(len, share);
	}
	if (!start)
		len = SRD_ALIGN_UP(least, SRD_ADDRESSES_ALIGN);
	for (share /= 2; !start && share > 0; share /= 2)
		start = take_share(len, share);
	if (!start)
		return -ENOMEM;
	*addresses = (struct srd_addresses){ .start = start, .len = len };
	return 0;
}

void srd_addresses_give_back(struct srd_addresses *addresses)
{
	if (addresses->start)
		munmap(addresses->start, addresses->len);
	*addresses = (struct srd_addresses){ 0 };
}

void *srd_addresses_cut(struct srd_addresses *addresses, uint64_t *len)
{
	uint64_t align = *len < HUGE_WORTH ? PAGE_MAX : SRD_ADDRESSES_ALIGN;
	uint64_t at = SRD_MIN(SRD_ALIGN_UP(addresses->cut, align), addresses->len);

	*len = SRD_MIN(SRD_ALIGN_UP(*len, PAGE_MAX), addresses->len - at);
	addresses->cut = at + *len;
	return addresses->start + at;
}

uint64_t srd_addresses_asked_for(void)
{
	const char *text = secure_getenv("SRD_MAP_BYTES");

	return text ? SRD_MIN((uint64_t)strtoull(text, NULL, 0), MOST) : 0;
}
