/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/pins.h"

#include <stdlib.h>

struct srd_pins *srd_pins_new(void (*last)(void *user), void *user)
{
	struct srd_pins *pins = aligned_alloc(_Alignof(struct srd_pins), sizeof *pins);

	if (!pins)
		return NULL;
	for (unsigned i = 0; i < SRD_BRLOCK_STRIPES; i++)
		atomic_init(&pins->stripe[i].held, 1);
	atomic_init(&pins->stripes_left, SRD_BRLOCK_STRIPES);
	atomic_init(&pins->bystanders, 0);
	pins->last = last;
	pins->user = user;
	return pins;
}

bool srd_pins_are_idle(const struct srd_pins *pins)
{
	unsigned long held = 0;

	/* Acquire: partner of the release of who gave one back.  Bystanders last: they can only
	 * go meanwhile, and count for a user then. */
	for (unsigned i = 0; i < SRD_BRLOCK_STRIPES; i++)
		held += atomic_load_explicit(&pins->stripe[i].held, memory_order_acquire);
	return held == SRD_BRLOCK_STRIPES + (unsigned long)atomic_load(&pins->bystanders);
}

void srd_pins_give(struct srd_pins *pins, unsigned stripe, unsigned long count)
{
	/* Release: our reads of the mapping come before the unmapping of
	 * whoever sees zero; acquire: the same for us if that is who we are. */
	if (atomic_fetch_sub_explicit(&pins->stripe[stripe].held, count, memory_order_acq_rel) != count)
		return;
	if (atomic_fetch_sub_explicit(&pins->stripes_left, 1, memory_order_acq_rel) != 1)
		return;
	pins->last(pins->user);
	free(pins);
}

void srd_pins_share(struct srd_pins *pins)
{
	for (unsigned i = 0; i < SRD_BRLOCK_STRIPES; i++)
		srd_pins_take(pins, i, 1);
}

void srd_pins_close(struct srd_pins *pins)
{
	for (unsigned i = 0; i < SRD_BRLOCK_STRIPES; i++)
		srd_pins_give(pins, i, 1);
}
