/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - ways to put, get and delete: the library, and files on a mount. */
#ifndef STRESS_CLIENT_H
#define STRESS_CLIENT_H

#include "history.h"
#include "srd.h"

struct client {
	srd_store *store;        /* NULL: files below PLACE */
	const char *place;
	int id;                  /* nobody else's at the time */
};

/* Does what EVENT says with NAME, and fills in what came of it.  0, or a negative code:
 * nothing is known of it. */
int client_do(const struct client *client, const char *name, struct event *event);

#endif
