/* SPDX-License-Identifier: Apache-2.0 */
/* array.h - arrays that grow. */
#ifndef SRD_BASE_ARRAY_H
#define SRD_BASE_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for NEED items of SIZE bytes in the array whose pointer lies at ARRAY,
 * of any type, and which has room for *CAP.  0, or -ENOMEM without effect. */
static inline int srd_array_reserve(void *array, size_t *cap, size_t need, size_t size)
{
	void *items;

	if (need <= *cap)
		return 0;
	size_t grown = need + need / 2 + 32;
	memcpy(&items, array, sizeof items);   /* a T * is not to be read as a void * */
	items = reallocarray(items, grown, size);
	if (!items)
		return -ENOMEM;
	memcpy(array, &items, sizeof items);
	*cap = grown;
	return 0;
}

#endif
