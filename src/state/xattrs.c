/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattrs.c - the extended attributes of an inode: a short list, names and values
 * in the log.
 *
 * A name that has rotted there is still known by its hash: its attribute can be had, replaced and
 * removed; only how it was called nobody can tell.
 */
#include "config.h"

#include "state/xattrs.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

bool srd_xattr_name_is_known(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0 ||
	       strncmp(name, "security.", 9) == 0 || strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static struct srd_xattr *xattr_at(const struct srd_state *state, uint32_t index)
{
	return srd_table_at(&state->xattrs, index);
}

const char *srd_xattr_name(const struct srd_source *source, const struct srd_xattr *xattr)
{
	uint64_t padded = SRD_ALIGN_UP((uint64_t)xattr->name_len, 8);
	const uint8_t *name = xattr->run > padded ? srd_source_at(source, xattr->run - padded, xattr->name_len) : NULL;

	return name && srd_hash(name, xattr->name_len, 0) == xattr->hash ? (const char *)name : NULL;
}

static bool name_is(const struct srd_state *state, const struct srd_xattr *xattr,
                    const char *name, size_t len)
{
	if (xattr->name_len != len || xattr->hash != srd_hash(name, len, 0))
		return false;
	const char *own = srd_xattr_name(&state->source, xattr);
	/* Another of the same hash somebody must have looked for. */
	return !own || memcmp(own, name, len) == 0;
}

/* Where the index of that attribute is kept, or where the next would be;
 * *COUNT: attributes before it. */
static uint32_t *find(const struct srd_state *state, uint32_t *first, const char *name, size_t len,
                      uint32_t *count)
{
	uint32_t *at = first;

	for (*count = 0; *at != 0 && *count <= SRD_XATTRS_MAX && !name_is(state, xattr_at(state, *at), name, len); ++*count)
		at = &xattr_at(state, *at)->next;
	return at;
}

static void remove_at(struct srd_state *state, uint32_t *at)
{
	uint32_t index = *at;

	*at = xattr_at(state, index)->next;
	srd_table_free(&state->xattrs, index);
}

bool srd_state_xattr_fits(const struct srd_state *state, const struct srd_inode *inode,
                          const char *name, size_t len)
{
	uint32_t first = inode->xattrs, count;

	return *find(state, &first, name, len, &count) != 0 || count < SRD_XATTRS_MAX;
}

/* Gives the attributes of INODE ranks in a row, and room at the end. */
static void rank_anew(struct srd_state *state, struct srd_inode *inode)
{
	uint16_t rank = 0;

	for (uint32_t at = inode->xattrs; at != 0 && rank <= SRD_XATTRS_MAX; at = xattr_at(state, at)->next)
		xattr_at(state, at)->rank = ++rank;
}

/* Adds an attribute, all zeros but its rank, behind the others. */
static uint32_t append(struct srd_state *state, struct srd_inode *inode)
{
	uint32_t index = srd_table_alloc(&state->xattrs), last = inode->xattrs;

	if (index == 0)
		return 0;
	const struct srd_xattr *next, *tail = last ? xattr_at(state, last) : NULL;
	while (tail && (next = srd_state_next_xattr(state, inode, tail))) {
		last = tail->next;
		tail = next;
	}
	if (tail && tail->rank == UINT16_MAX)
		rank_anew(state, inode);
	*(last ? &xattr_at(state, last)->next : &inode->xattrs) = index;
	xattr_at(state, index)->rank = (uint16_t)(tail ? tail->rank + 1 : 1);
	return index;
}

int srd_xattrs_change(struct srd_state *state, struct srd_inode *inode, const struct srd_op *op,
                      bool *fits)
{
	uint32_t count;
	uint32_t *at = find(state, &inode->xattrs, op->name, op->name_len, &count);
	bool remove = op->flags & SRD_OP_REMOVE;

	*fits = *at != 0 || (!remove && count < SRD_XATTRS_MAX);
	if (!*fits)
		return 0;
	if (remove) {
		remove_at(state, at);
		return 0;
	}
	uint32_t index = *at ? *at : append(state, inode);
	if (index == 0)
		return srd_table_error(&state->xattrs);
	struct srd_xattr *xattr = xattr_at(state, index);
	xattr->hash = srd_hash(op->name, op->name_len, 0);
	xattr->name_len = op->name_len;
	xattr->run = op->run.offset;
	return 0;
}

void srd_xattrs_clear(struct srd_state *state, struct srd_inode *inode)
{
	while (inode->xattrs != 0)
		remove_at(state, &inode->xattrs);
}

const struct srd_xattr *srd_state_next_xattr(const struct srd_state *state,
                                             const struct srd_inode *inode,
                                             const struct srd_xattr *xattr)
{
	uint32_t index = xattr ? xattr->next : inode->xattrs;
	const struct srd_xattr *next = index ? xattr_at(state, index) : NULL;

	return next && next->rank > (xattr ? xattr->rank : 0) ? next : NULL;
}

const struct srd_xattr *srd_state_xattr(const struct srd_state *state,
                                        const struct srd_inode *inode,
                                        const char *name, size_t len)
{
	const struct srd_xattr *xattr = NULL;

	do {
		xattr = srd_state_next_xattr(state, inode, xattr);
	} while (xattr && !name_is(state, xattr, name, len));
	return xattr;
}
