/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "tell.h"

void relics_release(struct relics *relics)
{
	free(relics->items);
	*relics = (struct relics){ 0 };
}

static void add(struct relics *relics, const struct model *model, const struct model_version *version, bool deleted)
{
	relics->items = realloc(relics->items, (relics->count + 1) * sizeof *relics->items);
	if (!relics->items)
		die("no memory");
	struct relic *relic = &relics->items[relics->count++];
	*relic = (struct relic){ .age = model->commit - version->commit, .deleted = deleted, .size = version->content.len,
	                         .hash = image_hash(&version->content, 0) };
	memcpy(relic->key, version->key, sizeof relic->key);
}

void relics_gather(struct relics *relics, const struct model *model, const struct srd_compact_options *keep)
{
	unsigned versions = keep->keep_since ? MODEL_VERSIONS_MAX : keep->keep_versions;

	relics_release(relics);
	/* Of a file of several names once for each. */
	for (size_t i = 0; i < model->count; i++)
		for (unsigned k = 0; k < versions && k < MODEL_VERSIONS_MAX; k++)
			if (model->names[i].node->versions[k].commit)
				add(relics, model, &model->names[i].node->versions[k], false);
	for (size_t i = 0; keep->keep_since && i < MODEL_GRAVES_MAX; i++)
		if (model->graves[i].commit)
			add(relics, model, &model->graves[i], true);
}

/* VIEW has it. */
static int look(const struct relic *relic, srd_store *view)
{
	srd_value value;
	int error = srd_get(view, relic->key, strlen(relic->key), &value);

	if (error)
		return error;
	bool same = value.len == relic->size && value_hash(&value) == relic->hash;
	srd_value_release(&value);
	return same ? 0 : SRD_ECORRUPT;
}

int relic_look(const struct relic *relic, srd_store *store, unsigned more)
{
	struct srd_deleted found;
	struct srd_info info;
	srd_store *view;
	char at[24];
	int error = srd_info(store, &info);
	uint64_t sequence = error ? 0 : info.sequence - more - relic->age;

	if (!error && relic->deleted) {
		error = srd_find_deleted(store, relic->key, strlen(relic->key), &found);
		/* Later, if a directory that it lay in went then. */
		if (!error && (found.sequence < sequence || found.kind != SRD_FILE || found.size != relic->size))
			error = -ESTALE;
		sequence = error ? 0 : found.whole;
	}
	if (error)
		return error;
	snprintf(at, sizeof at, "%llu", (unsigned long long)sequence);
	error = srd_view(store, at, &view);
	if (error)
		return error;
	error = look(relic, view);
	srd_close(view);
	return error;
}
