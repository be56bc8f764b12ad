/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h - what the parts of rules share: a store and what its file says. */
#ifndef SRD_TESTS_RULES_H
#define SRD_TESTS_RULES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "format/spare.h"
#include "runner.h"
#include "states.h"
#include "tell.h"
#include "verbs.h"

enum { RECORDS_MAX = 64 };

/* Neither is there when a test begins. */
extern char path[4200], other_path[4200];

/* Each adds the rules of its file. */
void rules_dropped(TCase *tcase);
void rules_damage(TCase *tcase);
void rules_others(TCase *tcase);

static inline void setup(void)
{
	snprintf(path, sizeof path, "%s/rules.srd", scratch_directory());
	snprintf(other_path, sizeof other_path, "%s/other.srd", scratch_directory());
	unlink(path);
	unlink(other_path);
}

static inline struct srd_store *open_as(const char *name, int flags, const struct srd_io *io)
{
	struct srd_store *store;

	ck_assert_int_eq(srd_store_open(name, flags | SRD_NOSYNC, io, &store), 0);
	return store;
}

static inline struct srd_store *open_store(int flags)
{
	return open_as(path, flags, NULL);
}

static inline int put(struct srd_store *store, const char *key, uint32_t len, uint32_t fill)
{
	struct step step = { .verb = STEP_PUT, .key = key, .len = len, .fill = fill };
	struct image bytes = { 0 };

	step_fill(&step, &bytes);
	int error = verb_run(store, &step, &bytes);
	image_release(&bytes);
	return error;
}

static inline void must_put(struct srd_store *store, const char *key, uint32_t len, uint32_t fill)
{
	ck_assert_int_eq(put(store, key, len, fill), 0);
}

/* 0 if KEY holds LEN bytes of FILL, -1 if something else, or srd_get()'s error. */
static inline int look(struct srd_store *store, const char *key, uint32_t len, uint32_t fill)
{
	struct step step = { .len = len, .fill = fill };
	struct image want = { 0 };
	srd_value value;
	int error = srd_get(store, key, strlen(key), &value);

	if (error)
		return error;
	step_fill(&step, &want);
	error = value.len == len && (len == 0 || memcmp(value.data, want.bytes, len) == 0) ? 0 : -1;
	image_release(&want);
	srd_value_release(&value);
	return error;
}

static inline struct image file_now(const char *name)
{
	struct image image = { 0 };

	image_load(&image, name);
	return image;
}

/* The records of IMAGE, one behind the other, but for the spare of the superblock. */
static inline unsigned list_records(const struct image *image, struct srd_record records[RECORDS_MAX])
{
	struct srd_superblock sb;
	unsigned count = 0;

	ck_assert_int_eq(srd_superblock_decode(&sb, image->bytes, image->len), 0);
	for (uint64_t at = SRD_FIRST_RECORD + SRD_SPARE_LEN; at + SRD_HEADER_LEN <= image->len && count < RECORDS_MAX;
	     at += records[count++].len)
		if (!srd_record_decode(&sb, &records[count], image->bytes + at, at))
			break;
	return count;
}

/* The store's file now, which has COUNT records but for that spare. */
static inline struct image file_of(struct srd_record records[RECORDS_MAX], unsigned count)
{
	struct image image = file_now(path);

	ck_assert_uint_eq(list_records(&image, records), count);
	return image;
}

struct damage {
	unsigned count;
	uint64_t offset;
	char key[64];
};

static inline int note_damage(void *user, const struct srd_event *event)
{
	struct damage *damage = user;

	if (event->type != SRD_EVENT_DAMAGE)
		return 0;
	damage->count++;
	damage->offset = event->offset;
	snprintf(damage->key, sizeof damage->key, "%s", event->key ? event->key : "");
	return 0;
}

static inline struct damage verify(struct srd_store *store)
{
	struct damage damage = { 0 };

	ck_assert_int_eq(srd_scan(store, SRD_SCAN_PAYLOAD, note_damage, &damage), 0);
	return damage;
}

static inline uint64_t damaged_records(struct srd_store *store)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	return info.damaged_records;
}

#endif
