/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - mount points: what is there, and getting it out of the way. */
#ifndef SRD_FUSE_PLACE_H
#define SRD_FUSE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

/* The absolute path of PATH, whose last component need not answer (a dead mount
 * does not).  0 or a negative errno; *ABSOLUTE is freed by the caller. */
int srd_place_resolve(const char *path, char **absolute);
/* True if that errno, or its negative, is what a mount answers whose daemon is gone. */
bool srd_place_is_dead(int error);
/* Detaches a mount of our kind at MOUNTPOINT (absolute) whose daemon is gone.  0
 * also when there is none. */
int srd_place_clear(const char *mountpoint);
/* The device of the mount seen at MOUNTPOINT (absolute). */
int srd_place_device(const char *mountpoint, dev_t *dev);
/* Takes the mount of device DEV away from MOUNTPOINT; who still uses it keeps it. */
int srd_place_detach(const char *mountpoint, dev_t dev);
/* True if PATH is DIR or lies below it, both absolute. */
bool srd_place_is_below(const char *path, const char *dir);

#endif
