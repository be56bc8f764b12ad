/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - what a store must hold, kept on paper: keys, kinds, contents, and what
 * snapshots have names.  It knows nothing of logs; what it says of a step comes from srd.h's comments.
 */
#ifndef CRASH_MODEL_H
#define CRASH_MODEL_H

#include "srd.h"
#include "step.h"

struct model_node {           /* a file that may have several names */
	enum srd_kind kind;
	unsigned names;
	struct image content;     /* of a symlink: its target */
};

struct model_name {
	char *key;
	struct model_node *node;
};

enum { MODEL_SNAPSHOTS_MAX = 8 };

struct model_snapshot {
	const char *name;         /* the step's; NULL: given up */
	uint64_t digest;          /* of the contents then */
};

struct model {
	struct model_name *names;
	size_t count, cap;
	struct model_snapshot snapshots[MODEL_SNAPSHOTS_MAX];
};

void model_release(struct model *model);
/* KEY becomes a file of these bytes; its directories are made. */
void model_put(struct model *model, const char *key, const struct image *content);
void model_delete(struct model *model, const char *key);
/* A step that commits and needs nothing but itself. */
void model_apply(struct model *model, const struct step *step);
const struct model_node *model_find(const struct model *model, const char *key);

/* A fingerprint of all keys, kinds, contents and snapshots: the sum of those of its entries. */
uint64_t model_digest(const struct model *model);
uint64_t model_digest_entry(const char *key, enum srd_kind kind, uint64_t size, uint64_t content_hash);
/* DIGEST: of what it is of, its snapshots aside. */
uint64_t model_digest_snapshot(const char *name, uint64_t digest);

#endif
