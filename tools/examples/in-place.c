/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in-place.c - reads files of a mounted store where they lie: no copy, no system call
 * for each, at the speed of memory.
 *
 *     cc -o in-place in-place.c -lsrd
 *     in-place STORE KEY...      sums the bytes of each key's value
 *
 * STORE may be mounted, and be written to, meanwhile: what was got stays as it was
 * until it is released.  Opened to read only, it needs no permission to write.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <srd.h>

static uint64_t sum(const srd_value *value)
{
	uint64_t total = 0;

	/* One piece as a rule; a file that was written here and there has more. */
	for (int i = 0; i < value->iov_count; i++) {
		const uint8_t *bytes = value->iov[i].iov_base;
		for (size_t at = 0; at < value->iov[i].iov_len; at++)
			total += bytes[at];
	}
	return total;
}

int main(int argc, char **argv)
{
	srd_store *store;
	srd_value value;
	int failed = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: in-place STORE KEY...\n");
		return 2;
	}
	int error = srd_open(argv[1], SRD_RDONLY, &store);
	if (error) {
		fprintf(stderr, "in-place: %s: %s\n", argv[1], srd_strerror(error));
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		error = srd_get(store, argv[i], strlen(argv[i]), &value);
		if (error) {
			fprintf(stderr, "in-place: %s: %s\n", argv[i], srd_strerror(error));
			failed = 1;
			continue;
		}
		printf("%llu bytes at %p, sum %llu: %s\n", (unsigned long long)value.len, value.data,
		       (unsigned long long)sum(&value), argv[i]);
		srd_value_release(&value);
	}
	srd_close(store);
	return failed;
}
