/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of ops, sound or not, leaves a state whose parts agree; sound
 * ones do what a naive model does; and a state that is folded anew from the log
 * is the same, whatever was pinned meanwhile.
 */
#include "config.h"

#include "memlog.h"
#include "statecheck.h"

static uint64_t seed;

static struct memlog memlog;
static struct srd_state state;

static void setup(void)
{
	memlog_init(&memlog);
	ck_assert_int_eq(srd_state_init(&state, &memlog.sb, memlog_source(&memlog), 0), 0);
}

static void teardown(void)
{
	srd_state_release(&state);
	memlog_release(&memlog);
}

/* ---- The model: a list of inodes and a list of names ---- */

enum { INODES = 4000, NAMES = 600, NAME_KINDS = 16 };

struct model_inode {
	bool live;
	bool dir;
	uint64_t size;
	uint32_t pins;             /* of the live state, and its index there */
	uint32_t index;
};

struct model_name {
	uint64_t dir, ino;         /* ino 0: not in use */
	unsigned name;
};

static struct {
	struct model_inode inodes[INODES];   /* by number */
	struct model_name names[NAMES];
	uint64_t next_ino, misfits;
} model;

static const char *name_of(unsigned name)
{
	static char names[NAME_KINDS][256];

	/* Of length 1, 1, ... 40, ... 255. */
	if (names[name][0] == 0)
		memset(names[name], 'a' + (int)name, name < 8 ? 1 : name < 12 ? name * 5 : 255);
	return names[name];
}

static struct model_name *model_find(uint64_t dir, unsigned name)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct model_name *at = &model.names[i];
		if (at->ino != 0 && at->dir == dir && at->name == name)
			return at;
	}
	return NULL;
}

static unsigned model_count(uint64_t dir, uint64_t ino)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		const struct model_name *at = &model.names[i];
		count += at->ino != 0 && (dir == 0 || at->dir == dir) && (ino == 0 || at->ino == ino);
	}
	return count;
}

static bool is_live(uint64_t ino)
{
	return ino < INODES && model.inodes[ino].live;
}

static bool is_live_dir(uint64_t ino)
{
	return is_live(ino) && model.inodes[ino].dir;
}

static bool model_name_free(uint64_t dir, unsigned name)
{
	return is_live_dir(dir) && !model_find(dir, name);
}

static void model_name_add(uint64_t dir, unsigned name, uint64_t ino)
{
	for (unsigned i = 0; i < NAMES; i++) {
		if (model.names[i].ino == 0) {
			model.names[i] = (struct model_name){ .dir = dir, .ino = ino, .name = name };
			return;
		}
	}
	ck_abort_msg("the model is full");
}

static void model_name_drop(struct model_name *at)
{
	uint64_t ino = at->ino;

	at->ino = 0;
	if (model_count(0, ino) == 0)
		model.inodes[ino].live = false;
}

static bool model_is_below(uint64_t dir, uint64_t ancestor)
{
	while (dir != ancestor && dir != SRD_ROOT_INO) {
		unsigned i = 0;
		while (model.names[i].ino != dir)
			i++;
		dir = model.names[i].dir;
	}
	return dir == ancestor;
}

/* ---- Each kind of op on the model; false: does not fit ---- */

struct wish {
	struct srd_op op;
	unsigned name, new_name;
};

static bool model_make(const struct wish *wish)
{
	const struct srd_op *op = &wish->op;
	bool dir = S_ISDIR(op->mode);

	if (is_live(op->ino) || (op->parent ? !model_name_free(op->parent, wish->name) : dir) ||
	    (dir && (op->flags & SRD_OP_CONTENT)))
		return false;
	model.inodes[op->ino] = (struct model_inode){ .live = true, .dir = dir, .size = op->run.len,
	                                              .pins = model.inodes[op->ino].pins,
	                                              .index = model.inodes[op->ino].index };
	if (op->parent != 0)
		model_name_add(op->parent, wish->name, op->ino);
	return true;
}

static bool model_link(const struct wish *wish)
{
	if (!is_live(wish->op.ino) || model.inodes[wish->op.ino].dir ||
	    !model_name_free(wish->op.parent, wish->name))
		return false;
	model_name_add(wish->op.parent, wish->name, wish->op.ino);
	return true;
}

static bool model_unlink(const struct wish *wish)
{
	struct model_name *at = model_find(wish->op.parent, wish->name);

	if (!at || at->ino != wish->op.ino || model_count(at->ino, 0) > 0)
		return false;
	model_name_drop(at);
	return true;
}

static bool model_rename(const struct wish *wish)
{
	const struct srd_op *op = &wish->op;
	struct model_name *from = model_find(op->parent, wish->name);
	struct model_name *to = model_find(op->new_parent, wish->new_name);
	bool exchange = op->flags & SRD_OP_EXCHANGE;

	if (!from || from->ino != op->ino || !is_live_dir(op->new_parent) ||
	    (to ? to->ino : 0) != op->victim || op->victim == op->ino || (exchange && !to) ||
	    (model.inodes[op->ino].dir && model_is_below(op->new_parent, op->ino)))
		return false;
	if (exchange) {
		if (model.inodes[to->ino].dir && model_is_below(op->parent, to->ino))
			return false;
		from->ino = op->victim;
		to->ino = op->ino;
		return true;
	}
	if (to && (model.inodes[to->ino].dir != model.inodes[op->ino].dir || model_count(to->ino, 0) > 0))
		return false;
	if (to)
		model_name_drop(to);
	from->dir = op->new_parent;
	from->name = wish->new_name;
	return true;
}

static bool model_write(const struct wish *wish)
{
	const struct srd_op *op = &wish->op;

	/* Whether the inode is gone or never was: silence. */
	if (!is_live(op->ino))
		return true;
	if (model.inodes[op->ino].dir)
		return false;
	uint64_t *size = &model.inodes[op->ino].size;
	if (op->kind == SRD_OP_SETATTR)
		*size = op->size;
	if (op->kind == SRD_OP_WRITE) {
		*size = op->flags & SRD_OP_REPLACE ? 0 : *size;
		*size = SRD_MAX(*size, op->run.len ? op->pos + op->run.len : 0);
	}
	return true;
}

static bool model_free(const struct wish *wish)
{
	uint64_t ino = wish->op.ino;

	if (!is_live(ino) || ino == SRD_ROOT_INO || model_count(0, ino) > 0)
		return false;
	model.inodes[ino].live = false;
	return true;
}

static bool model_apply(const struct wish *wish)
{
	switch (wish->op.kind) {
	case SRD_OP_MAKE: return model_make(wish);
	case SRD_OP_LINK: return model_link(wish);
	case SRD_OP_UNLINK: return model_unlink(wish);
	case SRD_OP_RENAME: return model_rename(wish);
	case SRD_OP_FREE: return model_free(wish);
	default: return model_write(wish);
	}
}

/* ---- Random wishes, most of which fit ---- */

static uint64_t random_name(uint64_t *rng, uint64_t *dir, unsigned *name)
{
	unsigned start = unit_below(rng, NAMES);

	for (unsigned i = 0; i < NAMES; i++) {
		const struct model_name *at = &model.names[(start + i) % NAMES];
		if (at->ino == 0)
			continue;
		*dir = at->dir;
		*name = at->name;
		return at->ino;
	}
	return SRD_ROOT_INO;
}

static uint64_t random_ino(uint64_t *rng)
{
	uint64_t dir;
	unsigned name;

	if (unit_below(rng, 8) == 0)
		return 1 + unit_below(rng, (uint32_t)model.next_ino + 2);
	return random_name(rng, &dir, &name);
}

static uint64_t random_dir(uint64_t *rng)
{
	for (int i = 0; i < 6; i++) {
		uint64_t ino = random_ino(rng);
		if (is_live_dir(ino))
			return ino;
	}
	return unit_below(rng, 30) ? SRD_ROOT_INO : random_ino(rng);
}

static enum srd_op_kind random_kind(uint64_t *rng)
{
	static const enum srd_op_kind kinds[] = {
		SRD_OP_LINK, SRD_OP_RENAME, SRD_OP_RENAME, SRD_OP_RENAME, SRD_OP_WRITE, SRD_OP_SETATTR,
		SRD_OP_HOLE, SRD_OP_FREE,
	};
	/* Waves of growing and shrinking. */
	uint64_t wave = memlog.sequence % 8000;
	bool grow = model_count(0, 0) < (wave < 4000 ? wave : 8000 - wave) / 8;

	if (unit_below(rng, 2))
		return kinds[unit_below(rng, SRD_LEN(kinds))];
	return (unit_below(rng, 8) != 0) == grow ? SRD_OP_MAKE : SRD_OP_UNLINK;
}

static void wish_make(uint64_t *rng, struct srd_op *op)
{
	/* The model's numbers are few: when they are used up they come again, as in
	 * no sound log. */
	op->ino = model.next_ino;
	while (op->ino >= INODES - 1 || (unit_below(rng, 32) == 0 && is_live(op->ino)))
		op->ino = 2 + unit_below(rng, INODES - 8);
	op->mode = unit_below(rng, 4) ? S_IFREG | 0644 : S_IFDIR | 0755;
	op->flags = unit_below(rng, 2) ? 0 : SRD_OP_CONTENT;
	op->run.len = op->flags ? unit_below(rng, 300) : 0;
	if (unit_below(rng, 10) == 0)
		op->parent = 0;
}

static void wish_rename(uint64_t *rng, struct wish *wish)
{
	wish->new_name = unit_below(rng, NAME_KINDS);
	wish->op.new_parent = random_dir(rng);
	const struct model_name *victim = model_find(wish->op.new_parent, wish->new_name);
	if (victim && unit_below(rng, 12))
		wish->op.victim = victim->ino;
	wish->op.flags = unit_below(rng, 3) ? 0 : SRD_OP_EXCHANGE;
}

/* Of an UNLINK or RENAME: a name that is there, an empty directory at best. */
static void wish_name(uint64_t *rng, struct wish *wish)
{
	for (int i = 0; i < 4; i++) {
		wish->op.ino = random_name(rng, &wish->op.parent, &wish->name);
		if (model_count(wish->op.ino, 0) == 0)
			return;
	}
}

static void wish_any(uint64_t *rng, struct wish *wish)
{
	struct srd_op *op = &wish->op;

	*wish = (struct wish){ .op.kind = random_kind(rng), .name = unit_below(rng, NAME_KINDS) };
	op->ino = random_ino(rng);
	op->parent = random_dir(rng);
	for (int i = 0; i < 4 && op->kind <= SRD_OP_LINK && model_find(op->parent, wish->name); i++)
		op->parent = random_dir(rng);
	if ((op->kind == SRD_OP_UNLINK || op->kind == SRD_OP_RENAME) && unit_below(rng, 12))
		wish_name(rng, wish);
	if (op->kind == SRD_OP_MAKE)
		wish_make(rng, op);
	if (op->kind == SRD_OP_RENAME)
		wish_rename(rng, wish);
	if (op->kind == SRD_OP_WRITE) {
		op->flags = unit_below(rng, 2) ? SRD_OP_REPLACE : 0;
		op->run.len = unit_below(rng, 200);
	}
	op->pos = unit_below(rng, 2000);
	op->range_len = unit_below(rng, 2000);
	op->size = unit_below(rng, 2000);
	op->mask = SRD_ATTR_SIZE;
	if (op->kind == SRD_OP_MAKE && op->parent == 0)
		return;
	if (op->kind <= SRD_OP_RENAME) {
		op->name = name_of(wish->name);
		op->name_len = (uint8_t)strlen(op->name);
		op->new_name = name_of(wish->new_name);
		op->new_name_len = (uint8_t)strlen(op->new_name);
	}
}

/* ---- Comparing ---- */

static void compare_name(const struct srd_state *with, const struct model_name *at)
{
	const char *name = name_of(at->name);
	uint32_t dir = srd_state_inode_of(with, at->dir);
	uint32_t dentry = srd_state_lookup(with, dir, name, strlen(name));

	EXPECT(dentry != 0);
	EXPECT(srd_inode_at(with, srd_dentry_at(with, dentry)->inode)->ino == at->ino);
}

static void compare_inode(const struct srd_state *with, uint64_t ino, uint32_t *live)
{
	uint32_t index = srd_state_inode_of(with, ino);
	const struct srd_inode *inode = index ? srd_inode_at(with, index) : NULL;

	if (!model.inodes[ino].live) {
		EXPECT(!inode || inode->gone);
		return;
	}
	EXPECT(inode && !inode->gone);
	EXPECT(srd_inode_is_dir(inode) == model.inodes[ino].dir);
	EXPECT(inode->size == (model.inodes[ino].dir ? model_count(ino, 0) : model.inodes[ino].size));
	++*live;
}

static void compare(const struct srd_state *with)
{
	uint32_t live = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		if (model.names[i].ino != 0)
			compare_name(with, &model.names[i]);
	}
	for (uint64_t ino = 1; ino < INODES; ino++)
		compare_inode(with, ino, &live);
	EXPECT(with->dentries.live == model_count(0, 0));
	EXPECT(with->files + with->directories + with->others == live);
	EXPECT(with->misfits == model.misfits);
	check_state(with);
}

static void compare_replayed(void)
{
	struct srd_state anew;

	ck_assert_int_eq(srd_state_init(&anew, &memlog.sb, memlog_source(&memlog), 0), 0);
	ck_assert_int_eq(memlog_replay(&memlog, SRD_FIRST_RECORD, &anew), 0);
	compare(&anew);
	srd_state_release(&anew);
}

/* ---- Pins, which must not show ---- */

static struct { uint32_t index; } pinned[32];

static void random_pin(uint64_t *rng)
{
	uint32_t *index = &pinned[unit_below(rng, SRD_LEN(pinned))].index;

	if (*index == 0) {
		*index = srd_state_inode_of(&state, random_ino(rng));
		if (*index != 0)
			srd_state_pin(&state, *index, 2);
		return;
	}
	EXPECT(!srd_state_unpin(&state, *index, 1, false));
	if (srd_state_unpin(&state, *index, 1, false))
		EXPECT(!srd_state_unpin(&state, *index, 1, true));
	*index = 0;
}

static void drop_pins(void)
{
	for (unsigned i = 0; i < SRD_LEN(pinned); i++) {
		if (pinned[i].index != 0)
			srd_state_unpin(&state, pinned[i].index, 2, true);
	}
}

START_TEST(names_are_as_their_model)
{
	uint64_t rng = seed;
	static uint8_t payload[512];
	uint64_t applied = memlog.len, count = 0;
	unsigned most = 0;

	model.inodes[SRD_ROOT_INO] = (struct model_inode){ .live = true, .dir = true };
	model.next_ino = 2;
	for (int round = 0; round < 40000; round++) {
		unsigned ops = model_count(0, 0) < NAMES - 20 ? 1 + unit_below(&rng, 12) : 1;
		for (unsigned i = 0; i < ops; i++) {
			struct wish wish;
			wish_any(&rng, &wish);
			if (model_count(0, 0) >= NAMES - 20 && wish.op.kind <= SRD_OP_LINK)
				wish.op = (struct srd_op){ .kind = SRD_OP_FREE, .ino = 1 };
			memlog_add(&memlog, &wish.op, payload);
			bool fits = model_apply(&wish);
			model.misfits += !fits;
			if (fits && wish.op.kind == SRD_OP_MAKE)
				model.next_ino = SRD_MAX(model.next_ino, wish.op.ino + 1);
		}
		count += ops;
		most = SRD_MAX(most, model_count(0, 0));
		memlog_commit(&memlog);
		EXPECT(memlog_replay(&memlog, applied, &state) == 0);
		applied = memlog.len;
		random_pin(&rng);
		EXPECT(state.misfits == model.misfits);
		if (round % 100 == 0)
			compare(&state);
		if (round % 12345 == 0)
			compare_replayed();
	}
	drop_pins();
	compare(&state);
	EXPECT(state.inodes.live == state.files + state.directories + state.others);
	compare_replayed();
	printf("%" PRIu64 " ops, %" PRIu64 " of them misfits, %u names at once\n", count,
	       model.misfits, most);
}
END_TEST

/* ---- Hostile ops: any fields, and flipped bytes ---- */

static void random_op(uint64_t *rng, struct srd_op *op, uint8_t refs[3 * SRD_REF_LEN])
{
	*op = (struct srd_op){
		.kind = 1 + unit_below(rng, 11),
		.flags = (uint8_t)(unit_below(rng, 3) == 0),
		.ino = unit_below(rng, 20), .parent = unit_below(rng, 20),
		.new_parent = unit_below(rng, 20), .victim = unit_below(rng, 20),
		.mode = unit_below(rng, 2) ? S_IFDIR : (uint32_t)unit_random(rng),
		.rdev = (uint32_t)unit_random(rng), .mask = unit_below(rng, 128),
		.size = unit_below(rng, 2) ? unit_below(rng, 100) : SRD_FILE_LEN_MAX,
		.pos = unit_below(rng, 2) ? unit_below(rng, 100) : SRD_FILE_LEN_MAX - 50,
		.range_len = unit_below(rng, 2) ? unit_below(rng, 100) : SRD_FILE_LEN_MAX,
		.run.len = unit_below(rng, 50), .refs = refs, .ref_count = unit_below(rng, 4),
	};
	if (unit_below(rng, 2))
		op->mode = S_IFREG;
	if (unit_below(rng, 20) == 0)
		op->kind = SRD_OP_NEXT;
	op->cookie = 1 + unit_below(rng, 1000);
	if (unit_below(rng, 20) == 0) {
		op->kind = SRD_OP_SNAPSHOT;
		op->flags = (uint8_t)unit_below(rng, 3);
	}
	if (op->kind <= SRD_OP_RENAME || op->kind == SRD_OP_XATTR || op->kind == SRD_OP_SNAPSHOT) {
		op->name = name_of(unit_below(rng, 4));
		op->name_len = (uint8_t)strlen(op->name);
		op->new_name = name_of(unit_below(rng, 4));
		op->new_name_len = (uint8_t)strlen(op->new_name);
		if (op->kind == SRD_OP_SNAPSHOT && !(op->flags & SRD_OP_RENAMED))
			op->new_name_len = 0;
	}
	for (unsigned i = 0; i < 3; i++) {
		struct srd_ref ref = { .pos = unit_below(rng, 100), .run = 8 * unit_below(rng, 3),
		                       .skip = unit_below(rng, 100), .len = 1 + unit_below(rng, 50) };
		srd_ref_encode(&ref, refs + i * SRD_REF_LEN);
	}
}

START_TEST(no_op_breaks_the_state)
{
	uint64_t rng = seed;
	static uint8_t payload[64], refs[3 * SRD_REF_LEN];
	uint64_t applied = memlog.len;
	struct srd_op op;

	for (int round = 0; round < 300000; round++) {
		random_op(&rng, &op, refs);
		memlog_add(&memlog, &op, payload);
		uint32_t bytes = (uint32_t)(memlog.draft.len - SRD_HEADER_LEN);
		memlog_commit(&memlog);
		/* Apply relies on no check but its own. */
		if (unit_below(&rng, 4) == 0)
			memlog.bytes[memlog.last + SRD_HEADER_LEN + unit_below(&rng, bytes)] ^=
				(uint8_t)(1u << unit_below(&rng, 8));
		EXPECT(memlog_replay(&memlog, applied, &state) == 0);
		applied = memlog.len;
		random_pin(&rng);
		if (round % 64 == 0)
			check_state(&state);
	}
	printf("%" PRIu64 " of 300000 misfits\n", state.misfits);
}
END_TEST

int main(void)
{
	seed = unit_seed();
	Suite *suite = suite_create("apply");
	TCase *apply = tcase_create("apply");

	tcase_add_checked_fixture(apply, setup, teardown);
	tcase_set_timeout(apply, 600);
	tcase_add_test(apply, names_are_as_their_model);
	tcase_add_test(apply, no_op_breaks_the_state);
	suite_add_tcase(suite, apply);
	return unit_run(suite);
}
