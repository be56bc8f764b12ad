/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compactor.h - a thread that compacts the store of a mount when that is worth it (-o compact=auto)
 * and nobody has much to do.
 *
 *     dead bytes      what the state counts, which costs nothing, but for what a look at all of it
 *                     has shown to be kept: by snapshots, say
 *     worth it        so many percent of what is alive, and so many bytes, are dead
 *     quiet           this process, and the machine, are nearly idle; with four times as much
 *                     dead, or after half an hour, that is waited for no more
 *
 * Of several mounts one does it, and the others go over to what it made.  It goes slowly, and rests ten
 * times as long as it took.
 */
#ifndef SRD_FUSE_COMPACTOR_H
#define SRD_FUSE_COMPACTOR_H

#include "fuse/mount.h"

/* Starts it for a MOUNT that is being served, if its options ask for one.  0 or a negative code. */
int srd_compactor_start(struct srd_mount *mount);
/* Ends what it is at; NULL is allowed. */
void srd_compactor_stop(struct srd_compactor *compactor);

#endif
