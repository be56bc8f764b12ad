/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: bytes made harmless, sizes, times, modes. */
#include "config.h"

#include "tool.h"

static bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t tool_utf8(const uint8_t *text, size_t len, uint32_t *rune)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t head = text[0];
	size_t n = head < 0x80 ? 1 : head >= 0xf0 ? 4 : head >= 0xe0 ? 3 : 2;
	uint32_t value = n == 1 ? head : head & (0x7fu >> n);

	if ((head >= 0x80 && head < 0xc2) || head > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (!is_tail(text[i]))
			return 0;
		value = value << 6 | (text[i] & 0x3f);
	}
	/* Not overlong, no surrogate, within Unicode. */
	if (value < least[n] || (value >= 0xd800 && value < 0xe000) || value > 0x10ffff)
		return 0;
	*rune = value;
	return n;
}

static bool is_control(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0);
}

static void put_escaped(FILE *out, uint8_t byte)
{
	if (byte == '\n')
		fputs("\\n", out);
	else if (byte == '\t')
		fputs("\\t", out);
	else if (byte == '\\')
		fputs("\\\\", out);
	else
		fprintf(out, "\\x%02x", byte);
}

static void put(FILE *out, const uint8_t *bytes, size_t len, bool double_backslash)
{
	for (size_t i = 0; i < len;) {
		uint32_t rune = 0;
		size_t n = tool_utf8(bytes + i, len - i, &rune);
		if (n > 0 && !is_control(rune) && !(rune == '\\' && double_backslash)) {
			fwrite(bytes + i, 1, n, out);
			i += n;
			continue;
		}
		for (size_t end = i + (n ? n : 1); i < end; i++)
			put_escaped(out, bytes[i]);
	}
}

void tool_text_put(FILE *out, const void *text, size_t len)
{
	put(out, text, len, true);
}

void tool_text_say(FILE *out, const char *text)
{
	put(out, (const uint8_t *)text, strlen(text), false);
}

const char *tool_text_bytes(uint64_t bytes, char buffer[16])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buffer, 16, "%u B", (unsigned)bytes);
		return buffer;
	}
	while (value >= 1023.95 && unit + 1 < TOOL_LEN(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, 16, "%.1f %s", value, units[unit]);
	return buffer;
}

const char *tool_text_time(int64_t ns, bool fine, char buffer[48])
{
	time_t seconds = (time_t)(ns / 1000000000);
	int32_t rest = (int32_t)(ns % 1000000000);
	struct tm tm;

	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	if (!localtime_r(&seconds, &tm)) {
		snprintf(buffer, 48, "%lld ns", (long long)ns);
		return buffer;
	}
	size_t len = strftime(buffer, 48, "%Y-%m-%d %H:%M:%S", &tm);
	if (fine) {
		len += (size_t)snprintf(buffer + len, 48 - len, ".%09d ", rest);
		strftime(buffer + len, 48 - len, "%z", &tm);
	}
	return buffer;
}

static char kind_letter(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return '-';
	case S_IFDIR: return 'd';
	case S_IFLNK: return 'l';
	case S_IFIFO: return 'p';
	case S_IFSOCK: return 's';
	case S_IFCHR: return 'c';
	case S_IFBLK: return 'b';
	}
	return '?';
}

const char *tool_text_mode(uint32_t mode, char buffer[12])
{
	static const char letters[] = "rwxrwxrwx";

	buffer[0] = kind_letter(mode);
	for (unsigned i = 0; i < 9; i++)
		buffer[1 + i] = mode >> (8 - i) & 1 ? letters[i] : '-';
	if (mode & S_ISUID)
		buffer[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		buffer[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		buffer[9] = mode & S_IXOTH ? 't' : 'T';
	buffer[10] = '\0';
	return buffer;
}

const char *tool_text_kind(enum srd_kind kind)
{
	static const char *const names[] = {
		[SRD_FILE] = "file", [SRD_DIRECTORY] = "directory", [SRD_SYMLINK] = "symlink",
		[SRD_FIFO] = "fifo", [SRD_SOCKET] = "socket", [SRD_CHARDEV] = "character device",
		[SRD_BLOCKDEV] = "block device",
	};
	return kind < TOOL_LEN(names) && names[kind] ? names[kind] : "unknown";
}
