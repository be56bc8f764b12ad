/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/past_nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { BUCKETS = 1 << 17 };
#define IN_USE_NS (600 * SRD_NS_PER_SECOND)
#define FIXED_REFS (UINT64_C(1) << 62)   /* more than the kernel gives back */

static uint32_t bucket_of(const struct srd_past_node *node)
{
	uint64_t mixed = ((node->sequence ^ node->at) * UINT64_C(0x9e3779b97f4a7c15) ^ node->ino) *
	                 UINT64_C(0xbf58476d1ce4e5b9) + node->kind;

	return (uint32_t)(mixed >> 40) % BUCKETS;
}

static enum srd_past_kind kind_of(const struct srd_past_slot *slot)
{
	/* Acquire: what is left by another process was written before. */
	return (enum srd_past_kind)atomic_load_explicit(&slot->kind, memory_order_acquire);
}

static struct srd_past_node node_of(const struct srd_past_slot *slot)
{
	return (struct srd_past_node){ .kind = kind_of(slot), .sequence = slot->sequence, .ino = slot->ino,
	                               .at = slot->at, .generation = slot->generation };
}

static uint32_t *head_of(struct srd_past_nodes *nodes, const struct srd_past_slot *slot)
{
	const struct srd_past_node node = node_of(slot);

	return &nodes->buckets[bucket_of(&node)];
}

static void chain(struct srd_past_nodes *nodes, uint32_t index, uint32_t *head)
{
	nodes->slots[index].next = *head;
	*head = index;
}

static uint64_t top_of(const struct srd_past_nodes *nodes)
{
	return nodes->slots[0].refs;
}

static void fill(struct srd_past_slot *slot, const struct srd_past_node *node, uint64_t refs)
{
	slot->sequence = node->sequence;
	slot->ino = node->ino;
	slot->at = node->at;
	slot->generation = node->generation;
	slot->used_ns = srd_monotonic_ns();
	slot->refs = refs;
	/* Release: who comes later finds all of it, or nothing. */
	atomic_store_explicit(&slot->kind, node->kind, memory_order_release);
}

/* Slots of another process, which may have died in the middle of a change. */
static void adopt(struct srd_past_nodes *nodes)
{
	nodes->slots[0].refs = SRD_MIN(top_of(nodes), (uint64_t)SRD_PAST_SLOTS - 1);
	for (uint32_t i = SRD_PAST_FIXED_END; i <= top_of(nodes); i++) {
		struct srd_past_slot *slot = &nodes->slots[i];
		bool used = kind_of(slot) >= SRD_PAST_FIXED_END && kind_of(slot) < SRD_PAST_KINDS;
		atomic_store(&slot->kind, used ? kind_of(slot) : SRD_PAST_NOTHING);
		chain(nodes, i, used ? head_of(nodes, slot) : &nodes->free);
	}
}

int srd_past_nodes_init(struct srd_past_nodes *nodes, void *memory)
{
	*nodes = (struct srd_past_nodes){ .slots = memory, .own = !memory };
	if (!memory)
		nodes->slots = mmap(NULL, SRD_PAST_MEMORY_BYTES, PROT_READ | PROT_WRITE,
		                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	nodes->buckets = calloc(BUCKETS, sizeof *nodes->buckets);
	if (nodes->slots == MAP_FAILED || !nodes->buckets) {
		free(nodes->buckets);
		if (nodes->own && nodes->slots != MAP_FAILED)
			munmap(nodes->slots, SRD_PAST_MEMORY_BYTES);
		return -ENOMEM;
	}
	pthread_mutex_init(&nodes->mutex, NULL);
	for (unsigned kind = 1; kind < SRD_PAST_FIXED_END; kind++)
		fill(&nodes->slots[kind], &(struct srd_past_node){ .kind = kind, .ino = 1 }, FIXED_REFS);
	nodes->slots[0].refs = SRD_MAX(top_of(nodes), (uint64_t)SRD_PAST_FIXED_END - 1);
	adopt(nodes);
	return 0;
}

void srd_past_nodes_release(struct srd_past_nodes *nodes)
{
	if (!nodes->slots)
		return;
	if (nodes->own)
		munmap(nodes->slots, SRD_PAST_MEMORY_BYTES);
	free(nodes->buckets);
	pthread_mutex_destroy(&nodes->mutex);
}

/* ---- With the mutex held ---- */

/* 0: none. */
static uint32_t find(const struct srd_past_nodes *nodes, const struct srd_past_node *node)
{
	uint32_t index = nodes->buckets[bucket_of(node)];

	for (; index != 0; index = nodes->slots[index].next) {
		const struct srd_past_node there = node_of(&nodes->slots[index]);
		if (there.sequence == node->sequence && there.ino == node->ino && there.kind == node->kind &&
		    there.at == node->at && there.generation == node->generation)
			return index;
	}
	return 0;
}

static uint32_t take_free(struct srd_past_nodes *nodes)
{
	uint32_t index = nodes->free;

	if (index != 0)
		nodes->free = nodes->slots[index].next;
	else if (top_of(nodes) < SRD_PAST_SLOTS - 1)
		index = (uint32_t)++nodes->slots[0].refs;
	return index;
}

static void drop(struct srd_past_nodes *nodes, uint32_t index)
{
	struct srd_past_slot *slot = &nodes->slots[index];
	uint32_t *link = head_of(nodes, slot);

	while (*link != index)
		link = &nodes->slots[*link].next;
	*link = slot->next;
	atomic_store(&slot->kind, SRD_PAST_NOTHING);
	chain(nodes, index, &nodes->free);
}

/* The slot that ID stands for; NULL: none. */
static struct srd_past_slot *slot_of(const struct srd_past_nodes *nodes, uint64_t id)
{
	uint64_t index = id & ~SRD_PAST_BIT;

	if (index == 0 || index > top_of(nodes) || kind_of(&nodes->slots[index]) == SRD_PAST_NOTHING)
		return NULL;
	return &nodes->slots[index];
}

/* ---- For all ---- */

int srd_past_nodes_pin(struct srd_past_nodes *nodes, const struct srd_past_node *node, uint64_t *id)
{
	SRD_LOCK_GUARD(&nodes->mutex);
	uint32_t index = node->kind < SRD_PAST_FIXED_END ? (uint32_t)node->kind : find(nodes, node);

	if (index == 0) {
		index = take_free(nodes);
		if (index == 0)
			return -ENFILE;
		fill(&nodes->slots[index], node, 0);
		chain(nodes, index, head_of(nodes, &nodes->slots[index]));
	}
	nodes->slots[index].refs++;
	*id = SRD_PAST_BIT | index;
	return 0;
}

int srd_past_nodes_get(struct srd_past_nodes *nodes, uint64_t id, struct srd_past_node *node)
{
	SRD_LOCK_GUARD(&nodes->mutex);
	struct srd_past_slot *slot = slot_of(nodes, id);

	if (!slot)
		return -ESTALE;
	slot->used_ns = srd_monotonic_ns();
	*node = node_of(slot);
	return 0;
}

bool srd_past_nodes_is_in_use(struct srd_past_nodes *nodes, const struct srd_past_node *node)
{
	SRD_LOCK_GUARD(&nodes->mutex);
	uint32_t index = find(nodes, node);

	return index && srd_monotonic_ns() - nodes->slots[index].used_ns < IN_USE_NS;
}

bool srd_past_nodes_forget(struct srd_past_nodes *nodes, uint64_t id, uint64_t count, struct srd_past_node *node)
{
	SRD_LOCK_GUARD(&nodes->mutex);
	struct srd_past_slot *slot = slot_of(nodes, id);

	if (!slot)
		return false;
	slot->refs -= SRD_MIN(slot->refs, count);
	if (slot->refs > 0)
		return false;
	*node = node_of(slot);
	drop(nodes, (uint32_t)(id & ~SRD_PAST_BIT));
	return true;
}
