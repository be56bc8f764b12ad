/* SPDX-License-Identifier: Apache-2.0 */
/* Sound records with hostile ops; see forge.c. */
#include "config.h"

#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *log;
	size_t log_len = fuzz_forge(data, len, &log);

	fuzz_exercise(&(struct fuzz_store){ .log = log, .log_len = log_len, .input = data, .input_len = len });
	free(log);
	return 0;
}
