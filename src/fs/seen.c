/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/seen.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"

enum { PLACES = 32768 };

int srd_seen_init(struct srd_seen *seen)
{
	pthread_mutex_init(&seen->mutex, NULL);
	seen->files = calloc(PLACES, sizeof *seen->files);
	return seen->files ? 0 : -ENOMEM;
}

void srd_seen_release(struct srd_seen *seen)
{
	free(seen->files);
	pthread_mutex_destroy(&seen->mutex);
}

bool srd_seen_again(struct srd_seen *seen, const struct srd_seen_file *file)
{
	struct srd_seen_file *place = &seen->files[srd_mix(file->ino) % PLACES];
	SRD_LOCK_GUARD(&seen->mutex);
	bool same = place->ino == file->ino &&
	            (place->foreign == file->foreign ||
	             (place->generation == file->generation && place->last_op == file->last_op));

	*place = *file;
	return same;
}
