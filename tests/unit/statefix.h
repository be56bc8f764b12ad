/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statefix.h - the fixture of tests of the state: a state and a log in memory,
 * changed op by op, each a commit of its own.  All parts of the state must agree
 * at the end of each test.
 */
#ifndef SRD_TESTS_STATEFIX_H
#define SRD_TESTS_STATEFIX_H

#include "memlog.h"
#include "statecheck.h"

static struct memlog memlog;
static struct srd_state state;
static uint8_t payload[1 << 16];

static inline void setup(void)
{
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)i;
	memlog_init(&memlog);
	ck_assert_int_eq(srd_state_init(&state, &memlog.sb, memlog_source(&memlog), 0), 0);
}

static inline void teardown(void)
{
	check_state(&state);
	srd_state_release(&state);
	memlog_release(&memlog);
}

/* ---- One op, one commit ---- */

static inline uint64_t now(void)
{
	return memlog.sequence * 10;
}

/* The offset of the op in the log. */
static inline uint64_t apply_op(struct srd_op op)
{
	uint64_t offset = memlog.len;

	op.name_len = op.name ? (uint8_t)strlen(op.name) : 0;
	op.new_name_len = op.new_name ? (uint8_t)strlen(op.new_name) : 0;
	memlog_add(&memlog, &op, payload);
	memlog_commit(&memlog);
	ck_assert_int_eq(memlog_replay(&memlog, offset, &state), 0);
	return offset + SRD_HEADER_LEN;
}

#define APPLY(...) apply_op((struct srd_op){ __VA_ARGS__ })

static inline uint64_t make(uint64_t parent, const char *name, uint32_t mode, uint32_t len)
{
	uint64_t ino = state.next_ino;

	APPLY(.kind = SRD_OP_MAKE, .flags = len ? SRD_OP_CONTENT : 0, .ino = ino, .parent = parent,
	      .name = name, .mode = mode, .uid = 7, .gid = 8, .rdev = 9, .run.len = len);
	return ino;
}

static inline uint64_t make_file(uint64_t parent, const char *name)
{
	return make(parent, name, S_IFREG | 0644, 20);
}

static inline uint64_t make_dir(uint64_t parent, const char *name)
{
	return make(parent, name, S_IFDIR | 0755, 0);
}

static inline uint64_t unlink_name(uint64_t parent, const char *name, uint64_t ino)
{
	return APPLY(.kind = SRD_OP_UNLINK, .ino = ino, .parent = parent, .name = name);
}

static inline uint64_t rename_to(uint64_t parent, const char *name, uint64_t ino, uint64_t new_parent,
                          const char *new_name, uint64_t victim, int flags)
{
	return APPLY(.kind = SRD_OP_RENAME, .flags = (uint8_t)flags, .ino = ino, .parent = parent,
	             .name = name, .new_parent = new_parent, .new_name = new_name, .victim = victim);
}

static inline struct srd_inode *inode_of(uint64_t ino)
{
	uint32_t index = srd_state_inode_of(&state, ino);

	return index ? srd_inode_at(&state, index) : NULL;
}

static inline uint32_t dentry_of(uint64_t parent, const char *name)
{
	return srd_state_lookup(&state, srd_state_inode_of(&state, parent), name, strlen(name));
}

static inline uint64_t ino_at(uint64_t parent, const char *name)
{
	uint32_t dentry = dentry_of(parent, name);

	return dentry ? srd_inode_at(&state, srd_dentry_at(&state, dentry)->inode)->ino : 0;
}

static inline void assert_misfits(uint64_t count)
{
	ck_assert_uint_eq(state.misfits, count);
	state.misfits = 0;
}

#endif
