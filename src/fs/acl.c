/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/acl.h"

#include "base/le.h"

enum { ACL_VERSION = 2, HEADER_LEN = 4, ENTRY_LEN = 8 };

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

/* Entries are found by where they lie; 0: there is none. */
struct main_entries {
	size_t user, group, mask, other;
	bool named;              /* there are entries for others by id */
};

static struct main_entries find(const uint8_t *acl, size_t len)
{
	struct main_entries found = { 0 };

	for (size_t at = HEADER_LEN; at < len; at += ENTRY_LEN) {
		switch (srd_get16(acl + at)) {
		case USER_OBJ: found.user = at; break;
		case GROUP_OBJ: found.group = at; break;
		case MASK: found.mask = at; break;
		case OTHER: found.other = at; break;
		default: found.named = true; break;
		}
	}
	return found;
}

static uint32_t permissions(const uint8_t *acl, size_t at)
{
	return srd_get16(acl + at + 2) & 7u;
}

static void set_permissions(uint8_t *acl, size_t at, uint32_t bits)
{
	srd_put16(acl + at + 2, bits & 7);
}

/* The entry that the mode's group bits show: they bound all but owner and others. */
static size_t group_class(const struct main_entries *entries)
{
	return entries->mask ? entries->mask : entries->group;
}

bool srd_acl_is_sound(const uint8_t *acl, size_t len)
{
	if (len < HEADER_LEN || (len - HEADER_LEN) % ENTRY_LEN != 0 || srd_get32(acl) != ACL_VERSION)
		return false;
	for (size_t at = HEADER_LEN; at < len; at += ENTRY_LEN) {
		uint16_t tag = srd_get16(acl + at);
		if (tag == 0 || tag > OTHER || (tag & (tag - 1)))
			return false;
	}
	struct main_entries entries = find(acl, len);
	return entries.user && entries.group && entries.other && (entries.mask || !entries.named);
}

uint32_t srd_acl_mode(const uint8_t *acl, size_t len, bool *minimal)
{
	struct main_entries entries = find(acl, len);

	*minimal = !entries.named && !entries.mask;
	return permissions(acl, entries.user) << 6 | permissions(acl, group_class(&entries)) << 3 |
	       permissions(acl, entries.other);
}

void srd_acl_set_mode(uint8_t *acl, size_t len, uint32_t mode)
{
	struct main_entries entries = find(acl, len);

	set_permissions(acl, entries.user, mode >> 6);
	set_permissions(acl, group_class(&entries), mode >> 3);
	set_permissions(acl, entries.other, mode);
}

uint32_t srd_acl_inherit(uint8_t *acl, size_t len, uint32_t mode)
{
	bool minimal;
	uint32_t both = srd_acl_mode(acl, len, &minimal) & mode;

	srd_acl_set_mode(acl, len, both);
	return (mode & ~(uint32_t)0777) | both;
}
