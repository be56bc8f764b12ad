/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - what clients asked of keys and were told, and when; and whether all of
 * it could have happened one after the other.
 */
#ifndef STRESS_HISTORY_H
#define STRESS_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kind { KIND_PUT, KIND_GET, KIND_DELETE, KIND_CREATE };

/* One operation on a key, whose value is a number that is put only once; 0: it is not
 * there. */
struct event {
	enum kind kind;
	uint32_t key;
	uint64_t value;          /* PUT, CREATE: to be; GET: as read */
	bool done;               /* DELETE, CREATE: it was (not) there, so it was done */
	uint64_t begin_ns;
	atomic_ulong end_ns;     /* 0: nobody lived to hear the answer */
};

/* True if there is an order of EVENTS, all of one key and COUNT of them, in which each
 * gets the answer it got, and which has before another whatever ended before that one
 * began.  What has no answer may have happened at any later time, or never.  They
 * are sorted by their begin.  *FAILED: the first event that has no place in any. */
bool history_is_linear(struct event *const *events, size_t count, size_t *failed);

/* The time from *FROM_NS to *UNTIL_NS narrowed to that in which the key of these events can have
 * had VALUE: after the put of it was begun, before one has ended that was begun behind that.  If
 * it is empty for several keys together, nobody can have seen these values at one time. */
void history_narrow(struct event *const *events, size_t count, uint64_t value, uint64_t *from_ns, uint64_t *until_ns);

#endif
