/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the header of NAME.srd.idx (FORMAT, section 10): for which place of
 * which log the tables in it stand, and how they lie in the file.
 */
#ifndef SRD_FORMAT_IMAGE_H
#define SRD_FORMAT_IMAGE_H

#include <stdint.h>

#include "format/superblock.h"

enum {
	SRD_IMAGE_VERSION = 3,
	SRD_IMAGE_HEADER_LEN = 4096,
	SRD_IMAGE_ALIGN = 4096,    /* tables begin on pages */
	SRD_IMAGE_TABLES = 10,
};

struct srd_image_table {
	uint32_t entry_len;        /* bytes */
	uint32_t chunk_len;        /* entries that share a check, a power of two */
	uint32_t count;            /* entries, the unused first included */
	uint32_t free_first;
	uint32_t live;
	uint64_t offset;           /* in the image */
};

struct srd_image {
	/* The place in the log. */
	uint64_t offset;           /* the log up to here is what the tables add up to */
	uint64_t last;             /* the record that ends there */
	uint64_t last_check;       /* its header check */
	uint64_t sequence;
	int64_t last_time_ns;      /* of that record */
	int64_t latest_ns;         /* no commit before is of a later time */
	int64_t saved_ns;
	uint32_t epoch;
	uint64_t last_trim;        /* offset of the last TRIM op before; 0: none */
	/* The state's own numbers. */
	uint64_t next_ino, next_cookie, files, directories, others, unnamed, live_bytes, misfits, ops;
	uint32_t names_depth, numbers_depth;
	struct srd_image_table tables[SRD_IMAGE_TABLES];
	uint64_t checks_offset;    /* of the chunks' checks, table by table */
	uint64_t checks_check;     /* of all those */
	uint64_t len;              /* of the image, bytes */
};

static inline uint64_t srd_image_chunks(const struct srd_image_table *table)
{
	return ((uint64_t)table->count + table->chunk_len - 1) / table->chunk_len;
}

static inline uint64_t srd_image_table_bytes(const struct srd_image_table *table)
{
	return (uint64_t)table->count * table->entry_len;
}

/* Chunks of all tables. */
uint64_t srd_image_chunks_all(const struct srd_image *image);
/* Gives the tables and their checks their places: sets the offsets and `len`. */
void srd_image_layout(struct srd_image *image);
void srd_image_encode(const struct srd_superblock *sb, const struct srd_image *image,
                      uint8_t bytes[SRD_IMAGE_HEADER_LEN]);
/* 0 if BYTES are a header for the log of SB, and what it says lies within a file of
 * FILE_LEN bytes; else SRD_ENOTSTORE, SRD_EVERSION, SRD_ECORRUPT, or SRD_EREPLACED
 * (of another log). */
int srd_image_decode(const struct srd_superblock *sb, struct srd_image *image,
                     const uint8_t bytes[SRD_IMAGE_HEADER_LEN], uint64_t file_len);

#endif
