/* SPDX-License-Identifier: Apache-2.0 */
/* Stores: opening, closing, what their errors mean and what to do about them; keys as arguments. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>

struct advice {
	int error;
	const char *text;         /* NULL: srd_strerror()'s */
	const char *hint;
};

static const char about_past[] = "no such point in the history of the store";

static const struct advice about_store[] = {
	{ -ENOENT, "no such store", "srd create makes one" },
	{ -EISDIR, NULL, "name the store file, not its directory" },
	{ -EEXIST, "there is such a file already", "remove it first or choose another name" },
	{ -EACCES, NULL, "check its owner and permissions" },
	{ -EROFS, "the store can only be read", "check permissions and the file system" },
	{ -EBUSY, "the store is in use by another process", "end that one or wait for it" },
	{ -ENOSPC, NULL, "make room and try again" },
	{ SRD_ENOTSTORE, NULL, "name a file that srd create made" },
	{ SRD_ECORRUPT, NULL, "srd verify says where" },
	{ SRD_EDAMAGED, NULL, "srd repair accepts what is lost, srd salvage saves the rest" },
	{ SRD_EDIFFERS, NULL, "srd salvage makes a new store of what it holds" },
	{ SRD_ELOST, NULL, "leave the file alone while it is in use" },
	{ SRD_EVERSION, NULL, "use a newer srd" },
	{ SRD_ENOPAST, about_past, "srd log lists what there is" },
};

static const struct advice about_key[] = {
	{ -ENOENT, "no such key", "srd ls lists them" },
	{ -EISDIR, "is a directory", "srd ls lists what is in it" },
	{ -ELOOP, "is a symlink, which has no value", "srd stat tells where to" },
	{ -EINVAL, "is a fifo, socket or device, which has no value", "srd stat tells which" },
	{ -ENOTDIR, "a part of the key is not a directory", "srd stat tells what it is" },
	{ -ENOTEMPTY, "the directory is not empty", "srd rm -r removes it with all in it" },
	{ -EEXIST, "there is such a key already", "remove it first" },
	{ -EROFS, "the store can only be read", "check permissions and the file system" },
	{ -ENOSPC, NULL, "make room and try again" },
	{ SRD_ECORRUPT, NULL, "srd verify says where" },
	{ SRD_EDAMAGED, NULL, "srd repair accepts what is lost, srd salvage saves the rest" },
};

static struct advice advise(const struct advice *table, size_t count, int error)
{
	struct advice advice = { error, NULL, NULL };

	for (size_t i = 0; i < count; i++)
		if (table[i].error == error)
			advice = table[i];
	if (!advice.text)
		advice.text = srd_strerror(error);
	return advice;
}

void tool_store_fail(const struct tool_store *store, const char *key, size_t key_len, int error)
{
	struct advice advice = key ? advise(about_key, TOOL_LEN(about_key), error)
	                           : advise(about_store, TOOL_LEN(about_store), error);

	tool_complain(store->tool, store->path, key, key_len, advice.text, advice.hint);
}

/* "the nearest is commit 17 of 2026-11-22 10:00:00", on either side. */
static void describe_points(const struct srd_point *before, const struct srd_point *after, char *text, size_t size)
{
	const struct srd_point *points[] = { before, after };
	char when[48];
	size_t at = 0;

	for (int i = 0; i < 2; i++)
		if (points[i]->sequence && at < size)
			at += (size_t)snprintf(text + at, size - at, "%s commit %" PRIu64 " of %s",
			                       i == 0 ? "the nearest before is" : at ? ", behind it" : "the first is",
			                       points[i]->sequence, tool_text_time(points[i]->time_ns, false, when));
}

void tool_store_fail_at(const struct tool_store *store, const char *at, int error)
{
	struct srd_point before, after;
	char hint[256] = "";

	if (error != SRD_ENOPAST || srd_nearest_points(store->handle, at, &before, &after) != 0) {
		tool_store_fail(store, NULL, 0, error);
		return;
	}
	describe_points(&before, &after, hint, sizeof hint);
	tool_complain(store->tool, store->path, NULL, 0, about_past, *hint ? hint : NULL);
}

/* The store of now knows what there is. */
static void fail_open_at(struct tool_store *store, int flags, const char *at, int error)
{
	if (error != SRD_ENOPAST || srd_open(store->path, flags | SRD_RDONLY, &store->handle) != 0) {
		tool_store_fail(store, NULL, 0, error);
		return;
	}
	tool_store_fail_at(store, at, error);
	srd_close(store->handle);
	store->handle = NULL;
}

/* Names who holds the store, so that people know whom to ask. */
static void fail_open(const struct tool_store *store, int error)
{
	char holder[192], text[256];

	if (error == -EBUSY && srd_holder(store->path, holder, sizeof holder) == 0) {
		snprintf(text, sizeof text, "held exclusively by %s", holder);
		tool_complain(store->tool, store->path, NULL, 0, text, "end that process or wait for it");
	} else if (error == SRD_ENOTSTORE && tool_is_rust_store(store->path)) {
		tool_complain(store->tool, store->path, NULL, 0, "is a store of the Rust simd-r-drive, of another format",
		              "read it with that program and import its values");
	} else {
		tool_store_fail(store, NULL, 0, error);
	}
}

static void show_opening(void *user, uint64_t done, uint64_t total)
{
	struct tool *tool = user;

	tool->progress.total = total;
	tool_progress_add(&tool->progress, done - tool->progress.done, 0);
}

bool tool_store_open(struct tool *tool, const char *path, int flags, struct tool_store *store)
{
	*store = (struct tool_store){ .tool = tool, .path = path };
	if (tool->at && tool->exclusive)
		tool_usage(tool, "--at and --exclusive do not go together");
	if (tool->exclusive)
		/* Who only reads cannot keep others out; but has nothing to sync. */
		flags = flags & SRD_RDONLY ? SRD_EXCLUSIVE | SRD_NOSYNC : flags | SRD_EXCLUSIVE;
	if (tool->no_sync)
		flags |= SRD_NOSYNC;
	tool_progress_start(tool, "opening", 0);
	int error = tool->at ? srd_open_at(path, flags, tool->at, &store->handle)
	                     : srd_open_telling(path, flags, show_opening, tool, &store->handle);
	tool_progress_end(&tool->progress);
	if (error && tool->at)
		fail_open_at(store, flags, tool->at, error);
	else if (error)
		fail_open(store, error);
	return error == 0;
}

void tool_store_close(struct tool_store *store)
{
	int error = srd_close(store->handle);

	store->handle = NULL;
	if (error)
		tool_complain(store->tool, store->path, NULL, 0, srd_strerror(error),
		              "what was written may not survive a power cut");
}

bool tool_store_is_file(const struct tool_store *store, const struct stat *st)
{
	struct stat own;

	if (stat(store->path, &own) < 0 || own.st_dev != st->st_dev || own.st_ino != st->st_ino)
		return false;
	tool_complain(store->tool, store->path, NULL, 0, "is the store itself", "choose another file");
	return true;
}

int tool_store_read_link(const struct tool_store *store, const char *key, size_t key_len,
                         char target[TOOL_TARGET_MAX])
{
	srd_value value;

	int error = srd_read_link(store->handle, key, key_len, &value);
	if (error)
		return error;
	size_t at = 0;
	for (int i = 0; i < value.iov_count && value.len < TOOL_TARGET_MAX; i++) {
		memcpy(target + at, value.iov[i].iov_base, value.iov[i].iov_len);
		at += value.iov[i].iov_len;
	}
	target[at] = '\0';
	error = value.len < TOOL_TARGET_MAX ? srd_value_check(&value) : -ENAMETOOLONG;
	srd_value_release(&value);
	return error;
}

bool tool_key_check(struct tool *tool, const char *path, const char *text)
{
	const char *why = NULL;
	size_t len = strlen(text);

	if (srd_key_check(text, len, &why) == 0)
		return true;
	tool_complain(tool, path, text, len, why ? why : srd_strerror(SRD_EKEY), NULL);
	return false;
}

bool tool_key_split(char *text, const char **path, const char **key)
{
	char *first = strchr(text, ':');
	struct stat st;

	if (!first)
		return false;
	for (char *colon = first; colon; colon = strchr(colon + 1, ':')) {
		*colon = '\0';
		bool found = stat(text, &st) == 0 && S_ISREG(st.st_mode);
		if (found)
			first = colon;
		*colon = ':';
		if (found)
			break;
	}
	*first = '\0';
	*path = text;
	*key = first + 1;
	return true;
}
