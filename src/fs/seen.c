/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/seen.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"

enum { PLACES = 32768 };

void srd_seen_init(struct srd_seen *seen)
{
	*seen = (struct srd_seen){ 0 };
	pthread_mutex_init(&seen->mutex, NULL);
}

void srd_seen_release(struct srd_seen *seen)
{
	free(seen->files);
	pthread_mutex_destroy(&seen->mutex);
}

bool srd_seen_again(struct srd_seen *seen, const struct srd_seen_file *file)
{
	SRD_LOCK_GUARD(&seen->mutex);
	if (!seen->files)
		seen->files = calloc(PLACES, sizeof *seen->files);
	if (!seen->files)
		return false;
	struct srd_seen_file *place = &seen->files[srd_mix(file->ino) % PLACES];
	bool same = place->ino == file->ino &&
	            (place->foreign == file->foreign ||
	             (place->generation == file->generation && place->last_op == file->last_op));

	*place = *file;
	return same;
}
