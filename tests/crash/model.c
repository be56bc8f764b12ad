/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tell.h"

static struct model_name *find(const struct model *model, const char *key)
{
	for (size_t i = 0; i < model->count; i++)
		if (strcmp(model->names[i].key, key) == 0)
			return &model->names[i];
	return NULL;
}

const struct model_node *model_find(const struct model *model, const char *key)
{
	const struct model_name *name = find(model, key);

	return name ? name->node : NULL;
}

static struct model_node *node_of(struct model *model, const char *key)
{
	struct model_name *name = find(model, key);

	if (!name)
		die("the workload names %s, which is not there", key);
	return name->node;
}

static void let_go(struct model_node *node)
{
	if (--node->names > 0)
		return;
	image_release(&node->content);
	model_forget_past(node->versions, MODEL_VERSIONS_MAX);
	free(node);
}

static struct model_node *new_node(enum srd_kind kind)
{
	struct model_node *node = calloc(1, sizeof *node);

	if (!node)
		die("no memory");
	node->kind = kind;
	return node;
}

static void add_name(struct model *model, const char *key, struct model_node *node)
{
	if (model->count == model->cap) {
		model->cap = model->cap ? model->cap * 2 : 16;
		model->names = realloc(model->names, model->cap * sizeof *model->names);
		if (!model->names)
			die("no memory");
	}
	model->names[model->count++] = (struct model_name){ .key = strdup(key), .node = node };
	node->names++;
}

/* Makes the directories above KEY. */
static void make_parents(struct model *model, const char *key)
{
	for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *dir = strndup(key, (size_t)(slash - key));
		if (!find(model, dir))
			add_name(model, dir, new_node(SRD_DIRECTORY));
		free(dir);
	}
}

void model_delete(struct model *model, const char *key)
{
	struct model_name *name = find(model, key);

	if (!name)
		return;
	let_go(name->node);
	free(name->key);
	*name = model->names[--model->count];
}

void model_put(struct model *model, const char *key, const struct image *content)
{
	make_parents(model, key);
	if (!find(model, key))
		add_name(model, key, new_node(SRD_FILE));
	struct model_node *node = node_of(model, key);
	image_copy(&node->content, content);
	node->changed = true;
}

/* KEY and what lies below it get names that start with TO instead. */
static void move(struct model *model, const char *key, const char *to)
{
	size_t len = strlen(key), to_len = strlen(to);

	for (size_t i = 0; i < model->count; i++) {
		char *old = model->names[i].key;
		if (strncmp(old, key, len) != 0 || (old[len] != 0 && old[len] != '/'))
			continue;
		char *moved = malloc(to_len + strlen(old + len) + 1);
		if (!moved)
			die("no memory");
		memcpy(moved, to, to_len);
		strcpy(moved + to_len, old + len);
		free(old);
		model->names[i].key = moved;
	}
}

static void copy(struct model *model, const char *key, const char *to)
{
	const struct model_node *from = node_of(model, key);
	struct model_node *node = new_node(from->kind);

	image_copy(&node->content, &from->content);
	node->changed = true;
	model_delete(model, to);
	make_parents(model, to);
	add_name(model, to, node);
}

/* KEY is a new file of these bytes, as a copy from the past is. */
static void bring_back(struct model *model, const char *key, const struct image *content)
{
	struct image kept = { 0 };

	image_copy(&kept, content);
	model_delete(model, key);
	model_put(model, key, &kept);
	image_release(&kept);
}

static void rename_to(struct model *model, const char *key, const char *other)
{
	const struct model_name *victim = find(model, other);

	if (victim && victim->node->names == 1)
		model_inherit(node_of(model, key), victim->node);
	model_delete(model, other);
	make_parents(model, other);
	move(model, key, other);
}

static void bury(struct model *model, const char *key)
{
	const struct model_name *name = find(model, key);

	if (name && name->node->kind == SRD_FILE)
		model_bury(model, key, name->node);
	model_delete(model, key);
}

void model_commit(struct model *model)
{
	model->commit++;
	for (size_t i = 0; i < model->count; i++)
		if (model->names[i].node->changed)
			model_note_version(model->names[i].node, model->names[i].key, model->commit);
}

static void write_at(struct model_node *node, const struct step *step, uint64_t pos)
{
	struct image bytes = { 0 };

	step_fill(step, &bytes);
	image_write(&node->content, pos, bytes.bytes, bytes.len);
	image_release(&bytes);
}

static void change_content(struct model *model, const struct step *step)
{
	struct model_node *node = node_of(model, step->key);
	size_t size = node->content.len;

	node->changed = true;
	if (step->verb == STEP_APPEND)
		write_at(node, step, size);
	else if (step->verb == STEP_WRITE)
		write_at(node, step, step->pos);
	else if (step->verb == STEP_TRUNCATE)
		image_resize(&node->content, step->pos);
	else if (step->pos < size)
		memset(node->content.bytes + step->pos, 0,
		       step->len < size - step->pos ? step->len : size - step->pos);
}

static void put(struct model *model, const struct step *step)
{
	struct image bytes = { 0 };

	step_fill(step, &bytes);
	model_put(model, step->key, &bytes);
	image_release(&bytes);
}

static void make(struct model *model, const struct step *step)
{
	struct model_node *node = new_node(step->verb == STEP_MKDIR ? SRD_DIRECTORY : SRD_SYMLINK);

	if (step->verb == STEP_SYMLINK)
		image_write(&node->content, 0, (const uint8_t *)step->other, strlen(step->other));
	make_parents(model, step->key);
	add_name(model, step->key, node);
}

static uint64_t digest_contents(const struct model *model)
{
	uint64_t digest = 1;

	for (size_t i = 0; i < model->count; i++) {
		const struct model_node *node = model->names[i].node;
		digest += model_digest_entry(model->names[i].key, node->kind, node->content.len,
		                             image_hash(&node->content, 0));
	}
	return digest;
}

/* The one called NAME (NULL: that is free). */
static struct model_snapshot *find_snapshot(struct model *model, const char *name)
{
	for (size_t i = 0; i < MODEL_SNAPSHOTS_MAX; i++) {
		struct model_snapshot *snapshot = &model->snapshots[i];
		if (name ? snapshot->name && strcmp(snapshot->name, name) == 0 : !snapshot->name)
			return snapshot;
	}
	die("the workload has no such snapshot, or too many");
}

void model_apply(struct model *model, const struct step *step)
{
	switch (step->verb) {
	case STEP_PUT:
		put(model, step);
		break;
	case STEP_DELETE:
		bury(model, step->key);
		break;
	case STEP_UNDELETE:
		bring_back(model, step->key, model_buried(model, step->key));
		break;
	case STEP_RESTORE:
		bring_back(model, step->key, &node_of(model, step->key)->versions[step->pos].content);
		break;
	case STEP_RENAME:
		rename_to(model, step->key, step->other);
		break;
	case STEP_EXCHANGE:
		move(model, step->key, "\n");
		move(model, step->other, step->key);
		move(model, "\n", step->other);
		break;
	case STEP_COPY:
		copy(model, step->key, step->other);
		break;
	case STEP_LINK:
		add_name(model, step->other, node_of(model, step->key));
		break;
	case STEP_MKDIR:
	case STEP_SYMLINK:
		make(model, step);
		break;
	case STEP_WRITE:
	case STEP_APPEND:
	case STEP_TRUNCATE:
	case STEP_HOLE:
		change_content(model, step);
		break;
	case STEP_SNAPSHOT:
		*find_snapshot(model, NULL) = (struct model_snapshot){ step->key, digest_contents(model) };
		break;
	case STEP_SNAPSHOT_RENAME:
		find_snapshot(model, step->key)->name = step->other;
		break;
	case STEP_SNAPSHOT_DELETE:
		find_snapshot(model, step->key)->name = NULL;
		break;
	default:
		break;
	}
}

uint64_t model_digest_entry(const char *key, enum srd_kind kind, uint64_t size, uint64_t content_hash)
{
	return srd_mix(srd_hash(key, strlen(key), (uint64_t)kind) ^ srd_mix(size) ^ srd_mix(content_hash + 1));
}

uint64_t model_digest_snapshot(const char *name, uint64_t digest)
{
	return srd_mix(srd_hash(name, strlen(name), 77) ^ srd_mix(digest));
}

uint64_t model_digest(const struct model *model)
{
	uint64_t digest = digest_contents(model);

	for (size_t i = 0; i < MODEL_SNAPSHOTS_MAX; i++)
		if (model->snapshots[i].name)
			digest += model_digest_snapshot(model->snapshots[i].name, model->snapshots[i].digest);
	return digest;
}

void model_release(struct model *model)
{
	for (size_t i = 0; i < model->count; i++) {
		let_go(model->names[i].node);
		free(model->names[i].key);
	}
	free(model->names);
	model_forget_past(model->graves, MODEL_GRAVES_MAX);
	*model = (struct model){ 0 };
}
