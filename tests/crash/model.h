/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - what a store must hold, kept on paper: keys, kinds, contents, what
 * snapshots have names, and what files were before, those that were deleted, too.  It knows nothing of logs; what it says of a step comes from srd.h's comments.
 */
#ifndef CRASH_MODEL_H
#define CRASH_MODEL_H

#include "srd.h"
#include "step.h"

enum { MODEL_KEY_LEN = 64, MODEL_VERSIONS_MAX = 4, MODEL_GRAVES_MAX = 16 };

/* What a file was behind a commit. */
struct model_version {
	char key[MODEL_KEY_LEN];  /* one that it had then */
	unsigned commit;          /* 0: there is none */
	struct image content;
};

struct model_node {           /* a file that may have several names */
	enum srd_kind kind;
	unsigned names;
	struct image content;     /* of a symlink: its target */
	bool changed;             /* by the commit to come */
	struct model_version versions[MODEL_VERSIONS_MAX];   /* the last one first */
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
	struct model_version graves[MODEL_GRAVES_MAX];   /* files that were deleted: what by, and what they were before */
	unsigned commit;          /* how many there were */
};

void model_release(struct model *model);
/* KEY becomes a file of these bytes; its directories are made. */
void model_put(struct model *model, const char *key, const struct image *content);
void model_delete(struct model *model, const char *key);
/* A step that commits and needs nothing but itself. */
void model_apply(struct model *model, const struct step *step);
/* All that was done since the last one is one commit. */
void model_commit(struct model *model);
const struct model_node *model_find(const struct model *model, const char *key);

/* model_past.c: KEY, which goes, can be had again, unless it came with the same commit; HEIR, which takes the
 * place of VICTIM, has its versions before its own; what KEY was when it was last deleted. */
void model_bury(struct model *model, const char *key, const struct model_node *node);
void model_inherit(struct model_node *heir, const struct model_node *victim);
const struct image *model_buried(const struct model *model, const char *key);
void model_note_version(struct model_node *node, const char *key, unsigned commit);
void model_forget_past(struct model_version *versions, size_t count);

/* A fingerprint of all keys, kinds, contents and snapshots: the sum of those of its entries. */
uint64_t model_digest(const struct model *model);
uint64_t model_digest_entry(const char *key, enum srd_kind kind, uint64_t size, uint64_t content_hash);
/* DIGEST: of what it is of, its snapshots aside. */
uint64_t model_digest_snapshot(const char *name, uint64_t digest);

#endif
