/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/image.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "format/record.h"

enum {
	AT_MAGIC = 0, AT_VERSION = 8, AT_ORDER = 12, AT_UUID = 16, AT_GENERATION = 32, AT_EPOCH = 40,
	AT_TABLES = 44, AT_OFFSET = 48, AT_LAST = 56, AT_LAST_CHECK = 64, AT_SEQUENCE = 72, AT_SAVED = 80,
	AT_NEXT_INO = 88, AT_NEXT_COOKIE = 96, AT_FILES = 104, AT_DIRECTORIES = 112, AT_OTHERS = 120,
	AT_LIVE_BYTES = 128, AT_MISFITS = 136, AT_OPS = 144, AT_NAMES_DEPTH = 152, AT_NUMBERS_DEPTH = 156,
	AT_LEN = 160, AT_CHECKS = 168, AT_CHECKS_CHECK = 176, AT_LAST_TIME = 184, AT_UNNAMED = 192,
	AT_TABLE = 200, TABLE_LEN = 32,
	AT_LATEST = 4072, AT_LAST_TRIM = 4080, AT_CHECK = 4088,
};
_Static_assert(AT_TABLE + SRD_IMAGE_TABLES * TABLE_LEN <= AT_LATEST, "the header is one page");

static const uint8_t magic[8] = { 0x89, 'S', 'R', 'I', 0x0d, 0x0a, 0x1a, 0x0a };
#define ORDER UINT32_C(0x01020304)

uint64_t srd_image_chunks_all(const struct srd_image *image)
{
	uint64_t chunks = 0;

	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		chunks += srd_image_chunks(&image->tables[i]);
	return chunks;
}

void srd_image_layout(struct srd_image *image)
{
	uint64_t at = SRD_IMAGE_HEADER_LEN;

	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		struct srd_image_table *table = &image->tables[i];
		table->offset = at;
		at = SRD_ALIGN_UP(at + srd_image_table_bytes(table), SRD_IMAGE_ALIGN);
	}
	image->checks_offset = at;
	image->len = at + 8 * srd_image_chunks_all(image);
}

/* Of the image of another store, or of one with another salt, no check is right. */
static uint64_t header_check(const struct srd_superblock *sb, const uint8_t *bytes)
{
	return srd_hash(bytes, AT_CHECK, srd_superblock_seed(sb, 0));
}

static void encode_table(const struct srd_image_table *table, uint8_t *at)
{
	srd_put32(at, table->entry_len);
	srd_put32(at + 4, table->chunk_len);
	srd_put32(at + 8, table->count);
	srd_put32(at + 12, table->free_first);
	srd_put32(at + 16, table->live);
	srd_put64(at + 24, table->offset);
}

void srd_image_encode(const struct srd_superblock *sb, const struct srd_image *image,
                      uint8_t bytes[SRD_IMAGE_HEADER_LEN])
{
	const uint32_t order = ORDER;

	memset(bytes, 0, SRD_IMAGE_HEADER_LEN);
	memcpy(bytes + AT_MAGIC, magic, sizeof magic);
	srd_put32(bytes + AT_VERSION, SRD_IMAGE_VERSION);
	memcpy(bytes + AT_ORDER, &order, sizeof order);
	memcpy(bytes + AT_UUID, sb->uuid, sizeof sb->uuid);
	srd_put64(bytes + AT_GENERATION, sb->generation);
	srd_put32(bytes + AT_EPOCH, image->epoch);
	srd_put32(bytes + AT_TABLES, SRD_IMAGE_TABLES);
	srd_put64(bytes + AT_OFFSET, image->offset);
	srd_put64(bytes + AT_LAST, image->last);
	srd_put64(bytes + AT_LAST_CHECK, image->last_check);
	srd_put64(bytes + AT_SEQUENCE, image->sequence);
	srd_put64(bytes + AT_SAVED, (uint64_t)image->saved_ns);
	srd_put64(bytes + AT_LAST_TIME, (uint64_t)image->last_time_ns);
	srd_put64(bytes + AT_LATEST, (uint64_t)image->latest_ns);
	srd_put64(bytes + AT_NEXT_INO, image->next_ino);
	srd_put64(bytes + AT_NEXT_COOKIE, image->next_cookie);
	srd_put64(bytes + AT_FILES, image->files);
	srd_put64(bytes + AT_DIRECTORIES, image->directories);
	srd_put64(bytes + AT_OTHERS, image->others);
	srd_put64(bytes + AT_UNNAMED, image->unnamed);
	srd_put64(bytes + AT_LIVE_BYTES, image->live_bytes);
	srd_put64(bytes + AT_MISFITS, image->misfits);
	srd_put64(bytes + AT_OPS, image->ops);
	srd_put32(bytes + AT_NAMES_DEPTH, image->names_depth);
	srd_put32(bytes + AT_NUMBERS_DEPTH, image->numbers_depth);
	srd_put64(bytes + AT_LEN, image->len);
	srd_put64(bytes + AT_CHECKS, image->checks_offset);
	srd_put64(bytes + AT_CHECKS_CHECK, image->checks_check);
	srd_put64(bytes + AT_LAST_TRIM, image->last_trim);
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		encode_table(&image->tables[i], bytes + AT_TABLE + i * TABLE_LEN);
	srd_put64(bytes + AT_CHECK, header_check(sb, bytes));
}

static struct srd_image_table decode_table(const uint8_t *at)
{
	return (struct srd_image_table){
		.entry_len = srd_get32(at),
		.chunk_len = srd_get32(at + 4),
		.count = srd_get32(at + 8),
		.free_first = srd_get32(at + 12),
		.live = srd_get32(at + 16),
		.offset = srd_get64(at + 24),
	};
}

static void decode_fields(struct srd_image *image, const uint8_t *bytes)
{
	*image = (struct srd_image){
		.epoch = srd_get32(bytes + AT_EPOCH),
		.offset = srd_get64(bytes + AT_OFFSET),
		.last = srd_get64(bytes + AT_LAST),
		.last_check = srd_get64(bytes + AT_LAST_CHECK),
		.sequence = srd_get64(bytes + AT_SEQUENCE),
		.saved_ns = (int64_t)srd_get64(bytes + AT_SAVED),
		.last_time_ns = (int64_t)srd_get64(bytes + AT_LAST_TIME),
		.latest_ns = (int64_t)srd_get64(bytes + AT_LATEST),
		.next_ino = srd_get64(bytes + AT_NEXT_INO),
		.next_cookie = srd_get64(bytes + AT_NEXT_COOKIE),
		.files = srd_get64(bytes + AT_FILES),
		.directories = srd_get64(bytes + AT_DIRECTORIES),
		.others = srd_get64(bytes + AT_OTHERS),
		.unnamed = srd_get64(bytes + AT_UNNAMED),
		.live_bytes = srd_get64(bytes + AT_LIVE_BYTES),
		.misfits = srd_get64(bytes + AT_MISFITS),
		.ops = srd_get64(bytes + AT_OPS),
		.names_depth = srd_get32(bytes + AT_NAMES_DEPTH),
		.numbers_depth = srd_get32(bytes + AT_NUMBERS_DEPTH),
		.len = srd_get64(bytes + AT_LEN),
		.checks_offset = srd_get64(bytes + AT_CHECKS),
		.checks_check = srd_get64(bytes + AT_CHECKS_CHECK),
		.last_trim = srd_get64(bytes + AT_LAST_TRIM),
	};
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		image->tables[i] = decode_table(bytes + AT_TABLE + i * TABLE_LEN);
}

static bool table_is_sound(const struct srd_image_table *table)
{
	/* Entries of at most a page, so that no product overflows. */
	return table->count > 0 && table->free_first < table->count && table->live < table->count &&
	       table->entry_len > 0 && table->entry_len <= 1 << 16 && table->chunk_len > 0 &&
	       (table->chunk_len & (table->chunk_len - 1)) == 0;
}

/* The tables must lie as srd_image_layout() lays them: nothing overlaps then, and
 * nothing lies outside. */
static bool layout_is_sound(const struct srd_image *image, uint64_t file_len)
{
	struct srd_image laid = *image;

	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		if (!table_is_sound(&image->tables[i]))
			return false;
	srd_image_layout(&laid);
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		if (laid.tables[i].offset != image->tables[i].offset)
			return false;
	return laid.checks_offset == image->checks_offset && laid.len == image->len && image->len == file_len;
}

int srd_image_decode(const struct srd_superblock *sb, struct srd_image *image,
                     const uint8_t bytes[SRD_IMAGE_HEADER_LEN], uint64_t file_len)
{
	const uint32_t order = ORDER;
	struct srd_image read;

	if (memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0)
		return SRD_ENOTSTORE;
	if (srd_get64(bytes + AT_CHECK) != header_check(sb, bytes))
		return memcmp(bytes + AT_UUID, sb->uuid, sizeof sb->uuid) != 0 ? SRD_EREPLACED : SRD_ECORRUPT;
	if (srd_get32(bytes + AT_VERSION) != SRD_IMAGE_VERSION || memcmp(bytes + AT_ORDER, &order, sizeof order) != 0 ||
	    srd_get32(bytes + AT_TABLES) != SRD_IMAGE_TABLES)
		return SRD_EVERSION;
	if (memcmp(bytes + AT_UUID, sb->uuid, sizeof sb->uuid) != 0 || srd_get64(bytes + AT_GENERATION) != sb->generation)
		return SRD_EREPLACED;
	decode_fields(&read, bytes);
	if (!layout_is_sound(&read, file_len) || read.last < SRD_FIRST_RECORD || read.offset <= read.last ||
	    read.last_trim >= read.offset)
		return SRD_ECORRUPT;
	/* Who saved it may not have said. */
	read.latest_ns = SRD_MAX(read.latest_ns, read.last_time_ns);
	*image = read;
	return 0;
}
