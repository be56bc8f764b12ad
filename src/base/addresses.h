/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addresses.h - ranges of addresses, without rights and so without memory, for what
 * grows and must not move: a log's mapping, a state's tables.
 *
 * A process has 128 TiB of them, under a sanitizer one or two, under a limit (ulimit -v)
 * whatever that leaves.  So that many stores find some in any of these, nobody takes more
 * than a share of the largest hole, from its start:
 *
 *     used | taken |                  left                  | used
 *           1/SHARE ------ may grow, until others come ----->
 */
#ifndef SRD_BASE_ADDRESSES_H
#define SRD_BASE_ADDRESSES_H

#include <stdint.h>

enum { SRD_ADDRESSES_ALIGN = 2 << 20 };   /* a huge page */

struct srd_addresses {
	char *start;              /* a multiple of SRD_ADDRESSES_ALIGN; NULL: none were taken */
	uint64_t len;             /* likewise */
	uint64_t cut;             /* bytes of it that were given out */
};

/* Takes WANTED bytes, or as often half of that as it takes for 1/SHARE of a hole; where not even
 * LEAST is so little, LEAST of a hole that is as large as may be.  Under a limit the share
 * is four times as large.  0 or -ENOMEM. */
int srd_addresses_take(struct srd_addresses *addresses, uint64_t wanted, uint64_t least, unsigned share);
/* Nothing may be left in use of what is mapped there. */
void srd_addresses_give_back(struct srd_addresses *addresses);
/* The next LEN of them, or as many as are left, on a page of its own, a huge one if LEN is many
 * of these; sets *LEN. */
void *srd_addresses_cut(struct srd_addresses *addresses, uint64_t *len);

/* SRD_MAP_BYTES in the environment: how many a log shall take, and each table at most, for
 * tools that pay for each of them (valgrind); 0: it does not say. */
uint64_t srd_addresses_asked_for(void);

#endif
