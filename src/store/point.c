/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/point.h"

#include <string.h>
#include <time.h>

#include "base/check.h"

enum { SECOND_NS = 1000000000, DIGITS_MAX = 18 };

/* Up to MAX digits at *TEXT as a number: how many there were. */
static unsigned take_number(const char **text, unsigned max, int64_t *number)
{
	unsigned count = 0;

	*number = 0;
	for (; count < max && **text >= '0' && **text <= '9'; count++)
		*number = *number * 10 + *(*text)++ - '0';
	return count;
}

static bool take(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

/* ".25" as nanoseconds; what is finer than those is passed over. */
static bool take_fraction(const char **text, int64_t *ns)
{
	int64_t digits;

	*ns = 0;
	if (!take(text, '.'))
		return true;
	unsigned count = take_number(text, 9, &digits);
	if (count == 0)
		return false;
	for (; count < 9; count++)
		digits *= 10;
	while (**text >= '0' && **text <= '9')
		++*text;
	*ns = digits;
	return true;
}

static bool in_ns(int64_t seconds, int64_t ns, int64_t *time_ns)
{
	return !__builtin_mul_overflow(seconds, (int64_t)SECOND_NS, time_ns) &&
	       !__builtin_add_overflow(*time_ns, ns, time_ns);
}

/* "@SECONDS" */
static bool parse_seconds(const char *text, int64_t *time_ns)
{
	int64_t seconds, ns;

	return take(&text, '@') && take_number(&text, DIGITS_MAX, &seconds) > 0 && take_fraction(&text, &ns) &&
	       !*text && in_ns(seconds, ns, time_ns);
}

/* "N UNIT ago" */
static bool parse_ago(const char *text, int64_t now_ns, int64_t *time_ns)
{
	static const struct { const char *name; int64_t seconds; } units[] = {
		{ "s", 1 }, { "second", 1 }, { "m", 60 }, { "min", 60 }, { "minute", 60 }, { "h", 3600 },
		{ "hour", 3600 }, { "d", 86400 }, { "day", 86400 }, { "w", 604800 }, { "week", 604800 },
	};
	int64_t count, ns;

	if (take_number(&text, 9, &count) == 0)
		return false;
	while (take(&text, ' '))
		;
	size_t len = strcspn(text, " ");
	if (strcmp(text + len, " ago") != 0)
		return false;
	if (len > 1 && text[len - 1] == 's')
		len--;
	for (size_t i = 0; i < SRD_LEN(units); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			return in_ns(count * units[i].seconds, 0, &ns) && !__builtin_sub_overflow(now_ns, ns, time_ns);
	return false;
}

/* Two digits behind SEPARATOR (0: none), from MIN to MAX. */
static bool take_part(const char **text, char separator, int min, int max, int *part)
{
	int64_t number;

	if ((separator && !take(text, separator)) || take_number(text, 2, &number) != 2)
		return false;
	*part = (int)number;
	return number >= min && number <= max;
}

/* What follows a time: nothing (local), Z, or an offset. */
static bool take_zone(const char **text, bool *local, int64_t *offset)
{
	int hours, minutes = 0;
	char sign = **text;

	*local = sign == 0;
	*offset = 0;
	if (*local || take(text, 'Z'))
		return true;
	if (!take(text, '+') && !take(text, '-'))
		return false;
	if (!take_part(text, 0, 0, 23, &hours) || (**text && !take_part(text, **text == ':' ? ':' : 0, 0, 59, &minutes)))
		return false;
	*offset = (sign == '-' ? -60 : 60) * (int64_t)(60 * hours + minutes);
	return true;
}

static bool take_clock(const char **text, struct tm *tm, int64_t *ns)
{
	return take_part(text, 0, 0, 23, &tm->tm_hour) && take_part(text, ':', 0, 59, &tm->tm_min) &&
	       (**text != ':' || (take_part(text, ':', 0, 60, &tm->tm_sec) && take_fraction(text, ns)));
}

/* ISO 8601, as people write it. */
static bool parse_date(const char *text, int64_t *time_ns)
{
	struct tm tm = { .tm_isdst = -1 };
	int64_t year, ns = 0, offset;
	bool local;

	if (take_number(&text, 4, &year) != 4 || !take_part(&text, '-', 1, 12, &tm.tm_mon) ||
	    !take_part(&text, '-', 1, 31, &tm.tm_mday))
		return false;
	if ((take(&text, 'T') || (text[0] == ' ' && text[1] && take(&text, ' '))) && !take_clock(&text, &tm, &ns))
		return false;
	take(&text, ' ');
	if (!take_zone(&text, &local, &offset) || *text)
		return false;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon--;
	int day = tm.tm_mday;
	time_t seconds = local ? mktime(&tm) : timegm(&tm);
	/* The 31st of February is none. */
	return tm.tm_mday == day && in_ns((int64_t)seconds - offset, ns, time_ns);
}

static bool parse_sequence(const char *text, uint64_t *sequence)
{
	int64_t number;

	if (take_number(&text, DIGITS_MAX, &number) == 0 || *text)
		return false;
	*sequence = (uint64_t)number;
	return true;
}

bool srd_point_parse(const char *text, int64_t now_ns, struct srd_log_point *point)
{
	struct srd_log_point parsed = SRD_LOG_POINT_NOW;

	if (strcmp(text, "now") == 0)
		parsed.time_ns = now_ns;
	else if (!parse_sequence(text, &parsed.sequence) &&
	    !parse_seconds(text, &parsed.time_ns) && !parse_ago(text, now_ns, &parsed.time_ns) &&
	    !parse_date(text, &parsed.time_ns))
		return false;
	*point = parsed;
	return true;
}
