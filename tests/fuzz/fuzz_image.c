/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image beside a sound store (FORMAT, section 10), edited as the input says.
 *
 * With its checks made right again it is what only somebody could make who may write
 * the store: anything may come of it but a crash or a loop.  With its checks as they
 * were it is damage: the store must say the same as without an image.
 *
 *     input := mode  edit*
 *     edit := place  entry(2)  column  how  value(0 to 8)
 */
#include "config.h"

#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/reseal.h"
#include "srd.h"
#include "store/image.h"
#include "store/store.h"

enum { FILES = 24, PIECES = 120, EDITS_MAX = 200 };
enum { MODE_SEALED = 1, MODE_SHORTER = 2, MODE_LONGER = 4 };

struct base {
	uint8_t *log, *image, *edited;
	size_t log_len, image_len;
	struct srd_superblock sb;
	struct srd_image header;
	uint64_t digest;
};

struct input {
	const uint8_t *at, *end;
};

static uint8_t take(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

/* ---- The store ---- */

static void put(struct srd_store *store, const char *format, int i, size_t len)
{
	static const char bytes[6000] = "some content";
	char key[64];

	int key_len = snprintf(key, sizeof key, format, i);
	FUZZ_EXPECT(srd_put(store, key, (size_t)key_len, bytes, len) == 0);
}

/* A file of many extents, with attributes: so that no table is empty. */
static void make_large(struct srd_store *store)
{
	struct srd_txn *txn;
	struct srd_node node;

	FUZZ_EXPECT(srd_txn_begin(store, &txn) == 0);
	FUZZ_EXPECT(srd_txn_lookup(txn, SRD_ROOT_INO, "large", 5, &node) == 0);
	for (uint64_t i = 1; i < PIECES; i++)
		FUZZ_EXPECT(srd_txn_write(txn, node.ino, i * 8192, "piece", 5, false) == 0);
	FUZZ_EXPECT(srd_txn_xattr(txn, node.ino, "user.a", 6, "x", 1) == 0);
	FUZZ_EXPECT(srd_txn_xattr(txn, node.ino, "user.b", 6, "y", 1) == 0);
	FUZZ_EXPECT(srd_txn_commit(txn, NULL) == 0);
}

/* Directories, links, and entries given back in each table. */
static void make_tree(struct srd_store *store)
{
	for (int i = 0; i < FILES; i++)
		put(store, i % 2 ? "a/b/f%d" : "a/f%d", i, (size_t)i * 200);
	put(store, "large", 0, 30);
	put(store, "gone", 0, 30);
	make_large(store);
	FUZZ_EXPECT(srd_make_symlink(store, "a/link", 6, "b/f1") == 0);
	FUZZ_EXPECT(srd_link(store, "a/f2", 4, "hard", 4) == 0);
	FUZZ_EXPECT(srd_make_dir(store, "empty", 5) == 0);
	FUZZ_EXPECT(srd_delete(store, "gone", 4) == 0 && srd_delete(store, "a/f0", 4) == 0);
}

static uint8_t *read_file(const char *suffix, size_t *len)
{
	char name[96];

	snprintf(name, sizeof name, "%s%s", fuzz_path(), suffix);
	FILE *file = fopen(name, "rb");
	uint8_t *bytes = malloc(1 << 20);
	FUZZ_EXPECT(file);
	*len = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

static uint64_t digest(void)
{
	srd_store *store;

	FUZZ_EXPECT(srd_open(fuzz_path(), SRD_RDONLY, &store) == 0);
	uint64_t sum = fuzz_digest(store, true);
	srd_close(store);
	return sum;
}

static void make_base(struct base *base)
{
	struct srd_store_image saved;
	struct srd_store *store;

	unlink(fuzz_path());
	FUZZ_EXPECT(srd_open(fuzz_path(), SRD_CREATE | SRD_NOSYNC, &store) == 0);
	make_tree(store);
	FUZZ_EXPECT(srd_image_save_beside(store, NULL, &saved) == 0);
	/* What is to be replayed on top of the image. */
	put(store, "a/b/later%d", 1, 4000);
	FUZZ_EXPECT(srd_rename(store, "a/f4", 4, "empty/f4", 8) == 0 && srd_delete(store, "a/b/f5", 6) == 0);
	srd_close(store);
	base->log = read_file("", &base->log_len);
	base->image = read_file(".idx", &base->image_len);
	base->edited = malloc(2 * base->image_len);
	FUZZ_EXPECT(srd_superblock_decode(&base->sb, base->log, base->log_len) == 0);
	FUZZ_EXPECT(srd_image_decode(&base->sb, &base->header, base->image, base->image_len) == 0);
	base->digest = digest();
}

/* ---- What becomes of the image ---- */

/* A run of bytes that edits may hit, and how long the entries there are. */
struct place {
	uint64_t offset, entry_len, count;
};

/* The header's fields behind magic, order and UUID; the checks; or else a table. */
static struct place take_place(const struct base *base, struct input *input)
{
	uint8_t byte = take(input) % (SRD_IMAGE_TABLES + 3);

	if (byte == SRD_IMAGE_TABLES)
		return (struct place){ 40, 8, 20 };
	if (byte == SRD_IMAGE_TABLES + 1)
		return (struct place){ 200, 32, SRD_IMAGE_TABLES };
	if (byte == SRD_IMAGE_TABLES + 2)
		return (struct place){ base->header.checks_offset, 8, srd_image_chunks_all(&base->header) };
	const struct srd_image_table *table = &base->header.tables[byte];
	return (struct place){ table->offset, table->entry_len, table->count };
}

static uint32_t take_number(struct input *input, uint32_t near)
{
	static const uint32_t wild[] = { UINT32_MAX, 0x7fffffff, 0xffff, 0x10001, 1 << 20 };
	uint8_t byte = take(input);

	return byte < 128 ? byte : byte < 192 ? near + byte - 160u : wild[byte % SRD_LEN(wild)];
}

/* Writes what the input says at AT, which has ROOM bytes. */
static void edit_bytes(struct input *input, uint8_t how, uint8_t *at, uint64_t room, uint32_t near)
{
	switch (how % 4) {
	case 0:
		srd_put32(at, take_number(input, near));
		break;
	case 1:
		for (int i = 0; i < 4; i++)
			at[i] = take(input);
		break;
	case 2:
		for (uint64_t i = 0; i < 8 && i < room; i++)
			at[i] = take(input);
		break;
	default:
		at[take(input) % 4] ^= (uint8_t)(1 << take(input) % 8);
	}
}

/* One entry, all of them alike, or one as another is: so circles and shared branches
 * come about. */
static void edit(const struct base *base, struct input *input, uint8_t *image)
{
	struct place place = take_place(base, input);
	uint64_t entry = take(input) << 8;
	entry = (entry | take(input)) % place.count;
	uint64_t column = (uint64_t)take(input) * 4 % place.entry_len;
	uint8_t how = take(input);
	uint8_t *at = image + place.offset;

	if (how % 16 == 15) {
		uint64_t other = take(input) % place.count;
		memmove(at + entry * place.entry_len, at + other * place.entry_len, place.entry_len);
		return;
	}
	uint64_t end = how % 16 == 14 ? place.count : entry + 1;
	for (uint64_t i = entry; i < end; i++) {
		struct input again = *input;
		edit_bytes(i + 1 < end ? &again : input, how, at + i * place.entry_len + column,
		           place.entry_len - column, (uint32_t)i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct base base;
	struct input input = { data, data + len };
	size_t image_len;

	if (!base.log)
		make_base(&base);
	memcpy(base.edited, base.image, base.image_len);
	uint8_t mode = take(&input);
	for (int i = 0; i < EDITS_MAX && input.at < input.end; i++)
		edit(&base, &input, base.edited);
	image_len = base.image_len;
	if (mode & MODE_SHORTER)
		image_len -= (size_t)take(&input) * 97 % image_len;
	else if (mode & MODE_LONGER)
		memset(base.edited + image_len++, 0, 1);
	if ((mode & MODE_SEALED) && !reseal(&base.sb, base.edited, image_len))
		return 0;
	struct fuzz_store store = { .log = base.log, .log_len = base.log_len, .image = base.edited,
	                            .image_len = image_len, .input = data, .input_len = len, .liar = mode & MODE_SEALED };
	if (!store.liar) {
		fuzz_place(&store);
		FUZZ_EXPECT(digest() == base.digest);
	}
	fuzz_exercise(&store);
	return 0;
}
