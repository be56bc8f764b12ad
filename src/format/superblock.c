/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/superblock.h"

#include <string.h>

#include "base/hash.h"
#include "base/le.h"

enum {
	AT_MAGIC = 0, AT_VERSION = 8, AT_LEN = 12, AT_COMPAT = 16, AT_RO_COMPAT = 24,
	AT_INCOMPAT = 32, AT_UUID = 40, AT_GENERATION = 56, AT_SALT = 64, AT_CREATED = 80,
	AT_SEGMENT = 88, AT_EPOCH = 96, AT_ROOT_UID = 100, AT_ROOT_GID = 104, AT_CHECK = 4088,
};

static const uint8_t magic[8] = { 0x89, 'S', 'R', 'D', 0x0d, 0x0a, 0x1a, 0x0a };

void srd_superblock_encode(struct srd_superblock *sb, uint8_t bytes[SRD_SUPERBLOCK_LEN])
{
	memset(bytes, 0, SRD_SUPERBLOCK_LEN);
	memcpy(bytes + AT_MAGIC, magic, sizeof magic);
	srd_put32(bytes + AT_VERSION, sb->version);
	srd_put32(bytes + AT_LEN, SRD_SUPERBLOCK_LEN);
	srd_put64(bytes + AT_COMPAT, sb->compat);
	srd_put64(bytes + AT_RO_COMPAT, sb->ro_compat);
	srd_put64(bytes + AT_INCOMPAT, sb->incompat);
	memcpy(bytes + AT_UUID, sb->uuid, sizeof sb->uuid);
	srd_put64(bytes + AT_GENERATION, sb->generation);
	memcpy(bytes + AT_SALT, sb->salt, sizeof sb->salt);
	srd_put64(bytes + AT_CREATED, (uint64_t)sb->created_ns);
	srd_put64(bytes + AT_SEGMENT, sb->segment_bytes);
	srd_put32(bytes + AT_EPOCH, sb->epoch);
	srd_put32(bytes + AT_ROOT_UID, sb->root_uid);
	srd_put32(bytes + AT_ROOT_GID, sb->root_gid);
	sb->check = srd_hash(bytes, AT_CHECK, 0);
	srd_put64(bytes + AT_CHECK, sb->check);
}

int srd_superblock_decode(struct srd_superblock *sb, const uint8_t *bytes, size_t len)
{
	if (len < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
		return SRD_ENOTSTORE;
	if (len < SRD_SUPERBLOCK_LEN)
		return SRD_ECORRUPT;
	/* The check first: a flipped bit in the version is damage, not news. */
	if (srd_get64(bytes + AT_CHECK) != srd_hash(bytes, AT_CHECK, 0))
		return SRD_ECORRUPT;
	struct srd_superblock read = {
		.version = srd_get32(bytes + AT_VERSION),
		.compat = srd_get64(bytes + AT_COMPAT),
		.ro_compat = srd_get64(bytes + AT_RO_COMPAT),
		.incompat = srd_get64(bytes + AT_INCOMPAT),
		.generation = srd_get64(bytes + AT_GENERATION),
		.created_ns = (int64_t)srd_get64(bytes + AT_CREATED),
		.segment_bytes = srd_get64(bytes + AT_SEGMENT),
		.epoch = srd_get32(bytes + AT_EPOCH),
		.root_uid = srd_get32(bytes + AT_ROOT_UID),
		.root_gid = srd_get32(bytes + AT_ROOT_GID),
		.check = srd_get64(bytes + AT_CHECK),
	};
	memcpy(read.uuid, bytes + AT_UUID, sizeof read.uuid);
	memcpy(read.salt, bytes + AT_SALT, sizeof read.salt);
	if (read.version != SRD_FORMAT_VERSION || srd_get32(bytes + AT_LEN) != SRD_SUPERBLOCK_LEN ||
	    (read.incompat & ~SRD_INCOMPAT_KNOWN) || read.segment_bytes != 0)
		return SRD_EVERSION;
	*sb = read;
	return 0;
}

uint64_t srd_superblock_seed(const struct srd_superblock *sb, uint64_t offset)
{
	uint8_t bytes[32];

	memcpy(bytes, sb->salt, sizeof sb->salt);
	srd_put64(bytes + 16, sb->generation);
	srd_put64(bytes + 24, offset);
	return srd_hash(bytes, sizeof bytes, 0);
}
