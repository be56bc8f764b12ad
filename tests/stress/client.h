/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - ways to put, get and delete: the library, and files on a mount. */
#ifndef STRESS_CLIENT_H
#define STRESS_CLIENT_H

#include "history.h"
#include "srd.h"

enum { CLIENT_HELD = 4 };

/* A value that was read and is still held: it stays as it was, whatever becomes of its key, and of
 * the log that it lies in. */
struct held {
	uint64_t number;         /* 0: none */
	srd_value value;         /* of the library */
	int fd;                  /* of a mount: can be read, with or without a name */
};

struct client {
	srd_store *store;        /* NULL: files below PLACE */
	const char *place;
	int id;                  /* nobody else's at the time */
	struct held held[CLIENT_HELD];
	unsigned next_held;
};

/* Does what EVENT says with NAME, and fills in what came of it.  0, or a negative code:
 * nothing is known of it, or a value that is held is another (-EILSEQ). */
int client_do(struct client *client, const char *name, struct event *event);
/* Gives the store's state a name. */
int client_snapshot(const struct client *client, const char *name);
/* The value of NAME as STORE has it; 0: none. */
int client_read(srd_store *store, const char *name, uint64_t *value);
/* Lets go of what is held: 0, or -EILSEQ. */
int client_release(struct client *client);

#endif
