/* SPDX-License-Identifier: Apache-2.0 */
/*
 * get - one value.  The whole of it goes out from where it lies in the mapped
 * store; a part is read through a reader, which looks at the blocks of that
 * part only: so what is sound can be had of a value that is damaged elsewhere.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPT_OFFSET = TOOL_OWN, OPT_LENGTH, READ_LEN = 1 << 20 };

struct get {
	struct tool_store store;
	const char *key, *file;   /* file NULL: standard output */
	bool part;
	uint64_t offset, length;
};

/* -1 after a complaint.  Called when the value is at hand: a file is not
 * emptied for a value that cannot be had, and the store never. */
static int open_output(struct get *get)
{
	struct stat st = { 0 };
	int fd = get->file ? open(get->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDOUT_FILENO;

	if (fd >= 0 && fstat(fd, &st) == 0 && tool_store_is_file(&get->store, &st)) {
		if (get->file)
			close(fd);
		return -1;
	}
	if (get->file && (fd < 0 || (S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0))) {
		tool_complain_file(get->store.tool, get->file, -errno);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void close_output(struct get *get, int fd, int error)
{
	if (get->file && close(fd) < 0 && !error)
		error = -errno;
	if (error && get->file)
		tool_complain_file(get->store.tool, get->file, error);
	else if (error)
		tool_output_fail(get->store.tool, error);
}

static void get_whole(struct get *get)
{
	srd_value value;

	int error = srd_get(get->store.handle, get->key, strlen(get->key), &value);
	if (error) {
		tool_store_fail(&get->store, get->key, strlen(get->key), error);
		return;
	}
	int fd = open_output(get);
	if (fd >= 0) {
		error = tool_write_iov(fd, value.iov, value.iov_count, NULL);
		close_output(get, fd, error ? error : srd_value_check(&value));
	}
	srd_value_release(&value);
}

/* Reads and writes until the end, the length or an error of either side. */
static void copy_part(struct get *get, srd_reader *reader, int fd)
{
	char *buffer = malloc(READ_LEN);
	uint64_t pos = get->offset, left = get->length;
	ssize_t got = 0;
	int error = 0;

	if (!buffer)
		tool_no_memory();
	while (left > 0 && !error) {
		got = srd_reader_pread(reader, buffer, left < READ_LEN ? (size_t)left : READ_LEN, pos);
		if (got <= 0)
			break;
		error = tool_write_iov(fd, &(struct iovec){ buffer, (size_t)got }, 1, NULL);
		pos += (uint64_t)got;
		left -= (uint64_t)got;
	}
	free(buffer);
	if (got < 0)
		tool_store_fail(&get->store, get->key, strlen(get->key), (int)got);
	close_output(get, fd, error);
}

static void get_part(struct get *get)
{
	srd_reader *reader;

	int error = srd_reader_new(get->store.handle, get->key, strlen(get->key), &reader);
	if (error) {
		tool_store_fail(&get->store, get->key, strlen(get->key), error);
		return;
	}
	int fd = open_output(get);
	if (fd >= 0)
		copy_part(get, reader, fd);
	srd_reader_free(reader);
}

static void parse(struct tool *tool, struct get *get)
{
	get->length = UINT64_MAX;
	for (int code; (code = tool_option_next(tool)) != -1;) {
		if (code == 'o')
			get->file = strcmp(optarg, "-") == 0 ? NULL : optarg;
		else if (code == OPT_OFFSET)
			get->offset = tool_option_bytes(tool, "offset", optarg);
		else
			get->length = tool_option_bytes(tool, "length", optarg);
		get->part |= code != 'o';
	}
	tool_arguments(tool, 2, 2);
	get->key = tool->args[1];
}

static int run(struct tool *tool)
{
	struct get get = { .key = NULL };

	parse(tool, &get);
	if (!tool_key_check(tool, tool->args[0], get.key) ||
	    !tool_store_open(tool, tool->args[0], SRD_RDONLY, &get.store))
		return tool->status;
	if (get.part)
		get_part(&get);
	else
		get_whole(&get);
	tool_store_close(&get.store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'o', "output", "FILE", "write to FILE instead of standard output" },
	{ OPT_OFFSET, "offset", "BYTES", "start there (K, M, G, T: powers of 1024)" },
	{ OPT_LENGTH, "length", "BYTES", "write no more than that" },
	{ 0 },
};

const struct tool_command tool_get = {
	.name = "get",
	.synopsis = "get [--at=POINT] [-o FILE] [--offset=BYTES] [--length=BYTES] STORE KEY",
	.summary = "Write the value of KEY to standard output.",
	.options = options,
	.common = TOOL_HAS_AT | TOOL_HAS_STORE,
	.run = run,
};
