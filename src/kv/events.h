/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - who is told what a scan comes by, and the keys that go with it. */
#ifndef SRD_KV_EVENTS_H
#define SRD_KV_EVENTS_H

#include "kv/kv.h"

struct srd_events {
	const struct srd_era *era;   /* whose keys are told */
	uint64_t end;                /* of what is looked at */
	srd_scan_call *call;
	void *user;
	char path[SRD_KEY_MAX + 1];
};

/* What CALL returns of EVENT. */
int srd_events_tell(const struct srd_events *events, struct srd_event *event);
/* The key of inode INO, NULL if it has none; valid until the next call. */
const char *srd_events_key(struct srd_events *events, uint64_t ino);

#endif
