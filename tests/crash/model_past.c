/* SPDX-License-Identifier: Apache-2.0 */
/* model_past.c - what files were before, on paper: of each the last few versions, and what was deleted. */
#include "config.h"

#include "model.h"

#include <stdio.h>
#include <string.h>

#include "tell.h"

static void version_copy(struct model_version *version, const struct model_version *from)
{
	memcpy(version->key, from->key, sizeof version->key);
	version->commit = from->commit;
	image_copy(&version->content, &from->content);
}

void model_forget_past(struct model_version *versions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		image_release(&versions[i].content);
}

/* All that were made by one commit are one. */
void model_note_version(struct model_node *node, const char *key, unsigned commit)
{
	struct model_version *first = &node->versions[0], *last = &node->versions[MODEL_VERSIONS_MAX - 1];

	image_release(&last->content);
	memmove(first + 1, first, (MODEL_VERSIONS_MAX - 1) * sizeof *first);
	*first = (struct model_version){ .commit = commit };
	snprintf(first->key, sizeof first->key, "%s", key);
	image_copy(&first->content, &node->content);
	node->changed = false;
}

void model_inherit(struct model_node *heir, const struct model_node *victim)
{
	size_t own = 0;

	while (own < MODEL_VERSIONS_MAX && heir->versions[own].commit)
		own++;
	for (size_t i = own; i < MODEL_VERSIONS_MAX; i++)
		version_copy(&heir->versions[i], &victim->versions[i - own]);
}

static struct model_version *grave_of(const struct model *model, const char *key)
{
	for (size_t i = 0; i < MODEL_GRAVES_MAX; i++)
		if (model->graves[i].commit && strcmp(model->graves[i].key, key) == 0)
			return (struct model_version *)&model->graves[i];
	return NULL;
}

/* One for KEY: its own, a free one, or the oldest. */
static struct model_version *some_grave(struct model *model, const char *key)
{
	struct model_version *grave = grave_of(model, key);

	for (size_t i = 0; !grave && i < MODEL_GRAVES_MAX; i++)
		if (!model->graves[i].commit)
			grave = &model->graves[i];
	for (size_t i = 0; i < MODEL_GRAVES_MAX; i++)
		if (!grave || (!grave_of(model, key) && grave->commit && model->graves[i].commit < grave->commit))
			grave = &model->graves[i];
	return grave;
}

void model_bury(struct model *model, const char *key, const struct model_node *node)
{
	struct model_version *grave = some_grave(model, key);

	snprintf(grave->key, sizeof grave->key, "%s", key);
	grave->commit = node->changed ? 0 : model->commit + 1;
	image_copy(&grave->content, &node->content);
}

const struct image *model_buried(const struct model *model, const char *key)
{
	const struct model_version *grave = grave_of(model, key);

	if (!grave)
		die("the workload has not deleted %s", key);
	return &grave->content;
}
