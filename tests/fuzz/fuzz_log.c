/* SPDX-License-Identifier: Apache-2.0 */
/* A whole log, byte by byte, with its checks made right. */
#include "config.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { LEN_MAX = 1 << 18 };

/* The input is the log behind its superblock; the last byte tells whether it is
 * sealed or taken as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t superblock[SRD_SUPERBLOCK_LEN];
	struct srd_superblock sb;

	if (len == 0 || len > LEN_MAX)
		return 0;
	uint8_t *log = malloc(SRD_SUPERBLOCK_LEN + len);
	fuzz_superblock(&sb, superblock);
	memcpy(log, superblock, sizeof superblock);
	memcpy(log + SRD_SUPERBLOCK_LEN, data, len);
	if (data[len - 1] != 255)
		fuzz_seal(log, SRD_SUPERBLOCK_LEN + len);
	fuzz_exercise(&(struct fuzz_store){ .log = log, .log_len = SRD_SUPERBLOCK_LEN + len, .input = data,
	                                     .input_len = len });
	free(log);
	return 0;
}
