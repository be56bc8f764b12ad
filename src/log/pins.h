/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins.h - who still uses an open log, or holds pointers into its mapping (P7).
 *
 * A pin is one more in a counter of the calling thread's own cache line, so
 * that readers on different CPUs do not meet.  Each owner (an open store, a view
 * that shares its log) has one in every stripe; closing gives those back, and whoever
 * brings the last stripe to zero, the closing thread or a late srd_value_release(),
 * calls `last`, which unmaps the log.
 *
 *     stripe     0   1   2  ...           held: pins, and 1 for each owner
 *                 \  |  /
 *              stripes_left               last() when it gets to 0
 */
#ifndef SRD_LOG_PINS_H
#define SRD_LOG_PINS_H

#include <stdbool.h>

#include "base/brlock.h"

struct srd_pins {
	struct {
		_Alignas(64) atomic_ulong held;
	} stripe[SRD_BRLOCK_STRIPES];
	_Alignas(64) atomic_uint stripes_left;
	atomic_uint bystanders;   /* of who holds one, those who use no content */
	void (*last)(void *user);
	void *user;
};

/* NULL: no memory. */
struct srd_pins *srd_pins_new(void (*last)(void *user), void *user);
/* One more owner, who closes as the first does.  Call as an owner. */
void srd_pins_share(struct srd_pins *pins);
/* This owner takes no pin after this.  Calls LAST(USER) when the last one is given
 * back, which may be now, and frees the pins. */
void srd_pins_close(struct srd_pins *pins);
/* True if nobody has a pin but one owner and bystanders.  Call where none is taken meanwhile. */
bool srd_pins_are_idle(const struct srd_pins *pins);
/* Gives back COUNT pins taken with STRIPE; any thread may. */
void srd_pins_give(struct srd_pins *pins, unsigned stripe, unsigned long count);

static inline void srd_pins_take(struct srd_pins *pins, unsigned stripe, unsigned long count)
{
	/* Relaxed: an owner's own pin keeps the stripe above zero meanwhile. */
	atomic_fetch_add_explicit(&pins->stripe[stripe].held, count, memory_order_relaxed);
}

#endif
