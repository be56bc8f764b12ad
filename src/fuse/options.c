/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "srd.h"

/* Words that libfuse and the kernel know. */
static const char *const passed[] = {
	"suid", "nosuid", "dev", "nodev", "exec", "noexec", "async", "sync", "dirsync",
	"allow_other", "allow_root", "auto_unmount", "max_read=", "context=", "fscontext=", "defcontext=", "rootcontext=",
};

/* Words of fstab that are for mount(8), systemd or people, and what holds anyway. */
static const char *const ignored[] = {
	"defaults", "auto", "noauto", "fail", "nofail", "user", "nouser", "users", "owner", "group", "_netdev",
	"comment=", "user=", "x-", "X-", "diratime", "norelatime", "nostrictatime", "lazytime", "nolazytime", "iversion", "noiversion", "mand", "nomand", "silent", "loud",
	"default_permissions", "subtype=srdfs",
};

void srd_mount_options_init(struct srd_mount_options *options)
{
	*options = (struct srd_mount_options){ .timeout = -1, .access_dirs = true, .compact_percent = 100,
	                                       .compact_bytes = UINT64_C(64) << 20 };
}

void srd_mount_options_release(struct srd_mount_options *options)
{
	free(options->at);
	free(options->fsname);
	free(options->passed);
}

int srd_mount_open_flags(const struct srd_mount_options *options)
{
	if (options->read_only)
		return SRD_RDONLY;
	if (options->single_writer)
		return SRD_SINGLE_WRITER;
	/* What the kernel writes late, others must not write meanwhile. */
	return options->exclusive || options->writeback ? SRD_EXCLUSIVE : 0;
}

const char *srd_mount_options_clash(const struct srd_mount_options *options)
{
	if (options->txn && options->read_only)
		return "mount options 'txn' and 'ro' do not go together";
	/* What the kernel keeps it does not give when a commit is asked for. */
	if (options->txn && options->writeback)
		return "mount options 'txn' and 'writeback' do not go together";
	if (options->compact_auto && options->txn)
		return "mount options 'txn' and 'compact' do not go together";
	if (options->compact_auto && options->read_only)
		return "mount options 'compact' and 'ro' do not go together";
	return NULL;
}

/* WORDS that end in '=' or '-' are beginnings. */
static bool is_among(const char *const *words, size_t count, const char *option)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(words[i]);
		char last = words[i][len - 1];
		if (last == '=' || last == '-' ? strncmp(option, words[i], len) == 0
		                               : strcmp(option, words[i]) == 0)
			return true;
	}
	return false;
}

/* Appends OPTION, whose commas and backslashes libfuse must not see as its own. */
static int pass(struct srd_mount_options *options, const char *option)
{
	size_t len = options->passed ? strlen(options->passed) : 0;
	char *grown = realloc(options->passed, len + 2 * strlen(option) + 2);

	if (!grown)
		return -ENOMEM;
	options->passed = grown;
	if (len > 0)
		grown[len++] = ',';
	for (; *option; option++) {
		if (*option == ',' || *option == '\\')
			grown[len++] = '\\';
		grown[len++] = *option;
	}
	grown[len] = 0;
	return 0;
}

static bool parse_number(const char *text, uint32_t *number)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || errno || value >= UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool parse_seconds(const char *text, double *seconds)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= 1e9))
		return false;
	*seconds = value;
	return true;
}

/* Bytes, or with a letter behind it KiB, MiB, GiB, TiB. */
static bool parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || errno)
		return false;
	const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if ((*end && (!unit || end[1])) || value > UINT64_MAX >> shift)
		return false;
	*bytes = (uint64_t)value << shift;
	return true;
}

/* auto[:PERCENT[:SIZE]], or off. */
static int parse_compact(struct srd_mount_options *options, const char *value)
{
	char percent[16];
	const char *size;

	options->compact_auto = strncmp(value, "auto", 4) == 0;
	if (!options->compact_auto)
		return strcmp(value, "off") == 0 ? 1 : -EINVAL;
	value += 4;
	if (*value == 0)
		return 1;
	size = strchr(value + 1, ':');
	size_t len = size ? (size_t)(size - value - 1) : strlen(value + 1);
	if (*value != ':' || len >= sizeof percent)
		return -EINVAL;
	memcpy(percent, value + 1, len);
	percent[len] = 0;
	if (!parse_number(percent, &options->compact_percent) || options->compact_percent == 0)
		return -EINVAL;
	return !size || parse_size(size + 1, &options->compact_bytes) ? 1 : -EINVAL;
}

/* The value of OPTION if it is "NAME=value", else NULL. */
static const char *value_of(const char *option, const char *name)
{
	size_t len = strlen(name);

	return strncmp(option, name, len) == 0 && option[len] == '=' ? option + len + 1 : NULL;
}

static int set_text(char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
	return *text ? 1 : -ENOMEM;
}

/* Options that are one word, and what they set. */
#define WORD(name) { #name, offsetof(struct srd_mount_options, name) }
static const struct { const char *word; size_t offset; } words[] = {
	WORD(txn), WORD(exclusive), WORD(single_writer), WORD(writeback), WORD(strict),
	WORD(no_keeper), WORD(no_sandbox), WORD(allow_core),
};

/* An option of srdfs's own: 1 if OPTION is one, 0 if not, -EINVAL: a bad value. */
static int parse_own(struct srd_mount_options *options, const char *option)
{
	const char *value;

	for (size_t i = 0; i < SRD_LEN(words); i++) {
		if (strcmp(option, words[i].word) == 0) {
			*(bool *)((char *)options + words[i].offset) = true;
			return 1;
		}
	}
	if ((value = value_of(option, "uid"))) {
		options->set_uid = true;
		return parse_number(value, &options->uid) ? 1 : -EINVAL;
	} else if ((value = value_of(option, "gid"))) {
		options->set_gid = true;
		return parse_number(value, &options->gid) ? 1 : -EINVAL;
	} else if ((value = value_of(option, "commit"))) {
		return parse_number(value, &options->commit_seconds) ? 1 : -EINVAL;
	} else if ((value = value_of(option, "max_size"))) {
		return parse_size(value, &options->max_bytes) ? 1 : -EINVAL;
	} else if ((value = value_of(option, "compact"))) {
		return parse_compact(options, value);
	} else if ((value = value_of(option, "timeout"))) {
		return parse_seconds(value, &options->timeout) ? 1 : -EINVAL;
	} else if ((value = value_of(option, "at"))) {
		options->at_ns = srd_wall_ns();
		return set_text(&options->at, value);
	} else if ((value = value_of(option, "history"))) {
		options->no_history = strcmp(value, "off") == 0;
		return options->no_history || strcmp(value, "on") == 0 ? 1 : -EINVAL;
	} else if ((value = value_of(option, "fsname"))) {
		return set_text(&options->fsname, value);
	} else {
		return 0;
	}
	return 1;
}

/* Words about access times: true if OPTION is one.  Not to keep them for directories
 * says that they are kept for files, unless it is said that they are not. */
static bool parse_access(struct srd_mount_options *options, const char *option)
{
	static const struct { const char *word; enum srd_access access; } said[] = {
		{ "noatime", SRD_ACCESS_NEVER }, { "atime", SRD_ACCESS_RELATIVE },
		{ "relatime", SRD_ACCESS_RELATIVE }, { "strictatime", SRD_ACCESS_STRICT },
	};

	for (size_t i = 0; i < SRD_LEN(said); i++) {
		if (strcmp(option, said[i].word) != 0)
			continue;
		options->access = said[i].access;
		options->access_said = true;
		return true;
	}
	if (strcmp(option, "nodiratime") != 0)
		return false;
	options->access_dirs = false;
	if (!options->access_said)
		options->access = SRD_ACCESS_RELATIVE;
	return true;
}

static int parse_one(struct srd_mount_options *options, const char *option, char *problem, size_t size)
{
	int own = parse_own(options, option);

	if (own == -EINVAL)
		snprintf(problem, size, "bad value in mount option '%s'", option);
	if (own != 0)
		return own < 0 ? own : 0;
	if (strcmp(option, "ro") == 0 || strcmp(option, "rw") == 0) {
		options->read_only = option[1] == 'o';
		return 0;
	}
	if (parse_access(options, option))
		return 0;
	if (is_among(passed, SRD_LEN(passed), option))
		return pass(options, option);
	if (is_among(ignored, SRD_LEN(ignored), option))
		return 0;
	snprintf(problem, size, "unknown mount option '%s'", option);
	return -EINVAL;
}

int srd_mount_options_parse(struct srd_mount_options *options, const char *list, char *problem, size_t size)
{
	SRD_AUTO_FREE char *option = malloc(strlen(list) + 1);

	if (!option)
		return -ENOMEM;
	while (*list) {
		size_t len = 0;
		for (; *list && *list != ','; list++) {
			if (*list == '\\' && list[1])
				list++;
			option[len++] = *list;
		}
		option[len] = 0;
		if (*list == ',')
			list++;
		int error = len > 0 ? parse_one(options, option, problem, size) : 0;
		if (error)
			return error;
	}
	/* Nobody writes to the past. */
	options->read_only |= options->at != NULL;
	return 0;
}
