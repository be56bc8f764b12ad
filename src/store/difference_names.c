/* SPDX-License-Identifier: Apache-2.0 */
/*
 * difference_names.c - any name space becomes any other.
 *
 * A name is a place (directory, name, cookie) and what stands there.
 *
 *     1 what stands in a place that is no more: aside if it lives on, else it goes;
 *       bottom up, so that directories that go are empty
 *     2 top down, by cookies: what belongs there comes from aside, or gets one more
 *       name, or is made.  Where something else still stands in the place (a rename took
 *       it over) both change places; directories, though, went aside, and left a file
 *       to keep the place
 *     3 names aside that nobody came for go
 *
 * Aside is a name in the root that neither state has.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "state/state.h"
#include "store/descent.h"
#include "store/difference.h"

/* A place, as ops have it. */
struct place {
	uint64_t dir;
	const char *name;
	uint8_t len;
};

static const struct srd_inode *inode_of(const struct srd_state *state, uint32_t dentry)
{
	return srd_inode_at(state, srd_dentry_at(state, dentry)->inode);
}

static bool place_of(const struct srd_state *state, uint32_t dentry, struct place *place)
{
	const struct srd_dentry *at = srd_dentry_at(state, dentry);

	*place = (struct place){ .dir = srd_inode_at(state, at->parent)->ino, .name = srd_dentry_name(state, at),
	                         .len = at->name_len };
	return place->name;
}

/* The dentry of OTHER that is the same place as PLACE with COOKIE; 0: none. */
static uint32_t same_place(const struct srd_state *other, const struct place *place, uint64_t cookie)
{
	uint32_t dir = srd_state_inode_of(other, place->dir);
	uint32_t dentry = dir && srd_inode_is_dir(srd_inode_at(other, dir))
	                      ? srd_state_lookup(other, dir, place->name, place->len) : 0;

	return dentry && srd_dentry_at(other, dentry)->cookie == cookie ? dentry : 0;
}

/* ---- Names aside ---- */

enum { ASIDE_LEN = 64 };

static bool is_used(const struct srd_state *state, const char *name, size_t len)
{
	return srd_state_lookup(state, srd_state_inode_of(state, SRD_ROOT_INO), name, len) != 0;
}

static struct place aside_of(const struct srd_difference *difference, uint64_t ino, char name[ASIDE_LEN])
{
	int len = snprintf(name, ASIDE_LEN, ".srd-%" PRIu64, ino);

	while ((is_used(difference->from, name, (size_t)len) || is_used(difference->to, name, (size_t)len)) &&
	       len < ASIDE_LEN - 1)
		name[len++] = '~';
	return (struct place){ .dir = SRD_ROOT_INO, .name = name, .len = (uint8_t)len };
}

static bool is_unnamed(const struct srd_inode *inode)
{
	return inode->mode != 0 && inode->nlink == 0 && !inode->gone;
}

static uint8_t *marks_of(const struct srd_difference *difference, uint64_t ino)
{
	/* By a forged image a number may lead anywhere. */
	uint32_t index = srd_table_vet(&difference->to->inodes, srd_state_inode_of(difference->to, ino));

	/* What has no name there is not waited for. */
	return index && !is_unnamed(srd_inode_at(difference->to, index)) ? &difference->marks[index] : NULL;
}

/* ---- Ops ---- */

static int add(struct srd_difference *difference, const struct srd_op *op)
{
	int error = srd_difference_make_room(difference);

	/* Whoever does not say which cookie a name gets leaves it unknown. */
	difference->cookie = 0;
	return error ? error : srd_rewrite_add(difference->rewrite, op, NULL, NULL, NULL);
}

static int take(struct srd_difference *difference, uint64_t ino, const struct place *place)
{
	return add(difference, &(struct srd_op){ .kind = SRD_OP_UNLINK, .ino = ino, .parent = place->dir,
	                                         .name = place->name, .name_len = place->len });
}

static struct srd_op rename_op(uint64_t ino, const struct place *from, const struct place *to)
{
	return (struct srd_op){ .kind = SRD_OP_RENAME, .ino = ino, .parent = from->dir, .name = from->name,
	                        .name_len = from->len, .new_parent = to->dir, .new_name = to->name,
	                        .new_name_len = to->len };
}

static int move(struct srd_difference *difference, uint64_t ino, const struct place *from, const struct place *to)
{
	struct srd_op op = rename_op(ino, from, to);

	return add(difference, &op);
}

static int exchange(struct srd_difference *difference, uint64_t ino, const struct place *from,
                    const struct place *to, uint64_t other)
{
	struct srd_op op = rename_op(ino, from, to);

	op.flags = SRD_OP_EXCHANGE;
	op.victim = other;
	return add(difference, &op);
}

static int link_to(struct srd_difference *difference, uint64_t ino, const struct place *place)
{
	return add(difference, &(struct srd_op){ .kind = SRD_OP_LINK, .ino = ino, .parent = place->dir,
	                                         .name = place->name, .name_len = place->len });
}

/* PLACE NULL: no name yet. */
static int make(struct srd_difference *difference, const struct srd_inode *inode, const struct place *place)
{
	struct srd_op op = { .kind = SRD_OP_MAKE, .ino = inode->ino, .mode = inode->mode, .uid = inode->uid,
	                     .gid = inode->gid };
	const uint8_t *target = NULL;
	struct srd_run run;

	if (place) {
		op.parent = place->dir;
		op.name = place->name;
		op.name_len = place->len;
	}
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		op.rdev = inode->rdev;
	if (S_ISLNK(inode->mode) && inode->content == SRD_CONTENT_RUN)
		target = srd_difference_bytes(difference, inode->run, &run);
	if (target) {
		op.flags = SRD_OP_CONTENT;
		op.run.len = run.len;
	}
	int error = srd_difference_make_room(difference);
	difference->cookie = 0;
	return error ? error : srd_rewrite_add(difference->rewrite, &op, target, target ? &run : NULL, NULL);
}

/* ---- 1: what is no more in its place ---- */

static int set_aside(struct srd_difference *difference, uint64_t ino, uint8_t *marks, const struct place *place)
{
	char name[ASIDE_LEN];
	struct place aside = aside_of(difference, ino, name);

	/* One name is enough to come back from. */
	if (*marks & SRD_MARK_ASIDE)
		return take(difference, ino, place);
	*marks |= SRD_MARK_ASIDE;
	return move(difference, ino, place, &aside);
}

/* A directory has one name only: none more to come back by, nor may what it holds, or what holds
 * it, change places with it. */
static bool must_make_way(const struct srd_difference *difference, const struct srd_inode *inode)
{
	return srd_inode_is_dir(inode) && marks_of(difference, inode->ino);
}

/* A number that neither state has, and mostly one that was given before. */
static uint64_t unused_number(const struct srd_difference *difference)
{
	uint64_t ino = difference->to->next_ino - 1;

	while (ino > SRD_ROOT_INO && (srd_state_inode_of(difference->from, ino) || srd_state_inode_of(difference->to, ino)))
		ino--;
	return ino > SRD_ROOT_INO ? ino : difference->to->next_ino;
}

/* INO, a directory, goes aside from PLACE, which is kept for who will come. */
static int make_way(struct srd_difference *difference, uint64_t ino, const struct place *place)
{
	char name[ASIDE_LEN], own[ASIDE_LEN];
	struct srd_inode file = { .ino = difference->placeholder, .mode = S_IFREG };
	int error;

	if (file.ino == 0)
		file.ino = unused_number(difference);
	struct place keeper = aside_of(difference, file.ino, name), aside = aside_of(difference, ino, own);
	error = difference->placeholder ? link_to(difference, file.ino, &keeper) : make(difference, &file, &keeper);
	difference->placeholder = file.ino;
	*marks_of(difference, ino) |= SRD_MARK_ASIDE;
	if (!error)
		error = exchange(difference, file.ino, &keeper, place, ino);
	return error ? error : move(difference, ino, &keeper, &aside);
}

static int clear_place(struct srd_difference *difference, uint32_t dentry)
{
	const struct srd_state *from = difference->from;
	uint64_t ino = inode_of(from, dentry)->ino;
	struct place place;

	if (!place_of(from, dentry, &place))
		return SRD_ECORRUPT;
	uint32_t after = same_place(difference->to, &place, srd_dentry_at(from, dentry)->cookie);
	if (after && inode_of(difference->to, after)->ino != ino && must_make_way(difference, inode_of(from, dentry)))
		return make_way(difference, ino, &place);
	if (after)
		return 0;
	uint8_t *marks = marks_of(difference, ino);
	return marks ? set_aside(difference, ino, marks, &place) : take(difference, ino, &place);
}

static int clear_places(struct srd_difference *difference)
{
	struct srd_descent descent;
	uint32_t dentry;
	bool leaving;
	int error = 0;

	srd_descent_init(&descent, difference->from);
	while (!error && (dentry = srd_descent_next(&descent, &leaving)) != 0)
		if (leaving || !srd_inode_is_dir(inode_of(difference->from, dentry)))
			error = clear_place(difference, dentry);
	error = error ? error : descent.error;
	srd_descent_release(&descent);
	return error;
}

/* ---- 2: what belongs there ---- */

static bool was_there(const struct srd_difference *difference, uint64_t ino)
{
	return srd_state_inode_of(difference->from, ino) != 0;
}

/* The next name gets COOKIE. */
static int expect_cookie(struct srd_difference *difference, uint64_t cookie)
{
	int error = srd_difference_make_room(difference);

	if (error || difference->cookie == cookie)
		return error;
	struct srd_op op = { .kind = SRD_OP_NEXT, .ino = SRD_ROOT_INO, .cookie = cookie };
	return srd_rewrite_add(difference->rewrite, &op, NULL, NULL, NULL);
}

/* INODE, whose marks are MARKS, gets a name in PLACE, where nothing stands. */
static int bring(struct srd_difference *difference, const struct srd_inode *inode, uint8_t *marks,
                 const struct place *place)
{
	char name[ASIDE_LEN];
	struct place aside;

	if (*marks & SRD_MARK_ASIDE) {
		aside = aside_of(difference, inode->ino, name);
		*marks &= (uint8_t)~SRD_MARK_ASIDE;
		return move(difference, inode->ino, &aside, place);
	}
	if ((*marks & SRD_MARK_THERE) || was_there(difference, inode->ino))
		return link_to(difference, inode->ino, place);
	*marks |= SRD_MARK_THERE;
	return make(difference, inode, place);
}

/* INODE takes the PLACE of INO, which stands there. */
static int take_over(struct srd_difference *difference, const struct srd_inode *inode, uint8_t *marks,
                     const struct place *place, uint64_t ino)
{
	char name[ASIDE_LEN], own[ASIDE_LEN];
	struct place aside = aside_of(difference, inode->ino, name), other = aside_of(difference, ino, own);
	uint8_t *others = marks_of(difference, ino);
	int error = *marks & SRD_MARK_ASIDE ? 0 : bring(difference, inode, marks, &aside);

	*marks &= (uint8_t)~SRD_MARK_ASIDE;
	if (!error)
		error = exchange(difference, inode->ino, &aside, place, ino);
	if (error)
		return error;
	if (!others || (*others & SRD_MARK_ASIDE))
		return take(difference, ino, &aside);
	*others |= SRD_MARK_ASIDE;
	return move(difference, ino, &aside, &other);
}

/* PLACE is as it was at DENTRY of `from`, but for what stands there; which may be INODE. */
static int refill_place(struct srd_difference *difference, const struct srd_inode *inode, uint8_t *marks,
                        const struct place *place, uint32_t dentry)
{
	const struct srd_inode *before = inode_of(difference->from, dentry);

	if (before->ino == inode->ino)
		return 0;
	return take_over(difference, inode, marks, place,
	                 must_make_way(difference, before) ? difference->placeholder : before->ino);
}

static int fill_place(struct srd_difference *difference, uint32_t dentry)
{
	const struct srd_state *to = difference->to;
	uint64_t cookie = srd_dentry_at(to, dentry)->cookie;
	const struct srd_inode *inode = inode_of(to, dentry);
	uint8_t *marks = &difference->marks[srd_table_vet(&to->inodes, srd_dentry_at(to, dentry)->inode)];
	struct place place;

	if (!place_of(to, dentry, &place))
		return SRD_ECORRUPT;
	uint32_t before = same_place(difference->from, &place, cookie);
	if (before)
		return refill_place(difference, inode, marks, &place, before);
	int error = expect_cookie(difference, cookie);
	if (!error)
		error = bring(difference, inode, marks, &place);
	difference->cookie = cookie + 1;
	return error;
}

static int fill_places(struct srd_difference *difference)
{
	struct srd_descent descent;
	uint32_t dentry;
	bool leaving;
	int error = 0;

	srd_descent_init(&descent, difference->to);
	while (!error && (dentry = srd_descent_next(&descent, &leaving)) != 0)
		if (!leaving)
			error = fill_place(difference, dentry);
	error = error ? error : descent.error;
	srd_descent_release(&descent);
	return error;
}

/* ---- 3: what is left ---- */

static int clear_aside(struct srd_difference *difference)
{
	const struct srd_state *to = difference->to;
	char name[ASIDE_LEN];
	int error = 0;

	for (uint32_t i = 1; !error && i < to->inodes.count; i++) {
		if (!(difference->marks[i] & SRD_MARK_ASIDE))
			continue;
		struct place aside = aside_of(difference, srd_inode_at(to, i)->ino, name);
		error = take(difference, srd_inode_at(to, i)->ino, &aside);
	}
	return error;
}

/* Inodes that never had a name; or had one, and were brought along for who uses them still. */
static int write_unnamed(struct srd_difference *difference)
{
	const struct srd_state *from = difference->from, *to = difference->to;
	int error = 0;

	for (uint32_t i = 1; !error && i < to->inodes.count; i++)
		if (is_unnamed(srd_inode_at(to, i)) && srd_difference_before(from, srd_inode_at(to, i)) == 0)
			error = make(difference, srd_inode_at(to, i), NULL);
	for (uint32_t i = 1; !error && i < from->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(from, i);
		if (is_unnamed(inode) && srd_state_inode_of(to, inode->ino) == 0)
			error = add(difference, &(struct srd_op){ .kind = SRD_OP_FREE, .ino = inode->ino });
	}
	return error;
}

int srd_difference_names(struct srd_difference *difference)
{
	int error = clear_places(difference);

	if (!error)
		error = fill_places(difference);
	if (!error)
		error = clear_aside(difference);
	return error ? error : write_unnamed(difference);
}
