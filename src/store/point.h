/* SPDX-License-Identifier: Apache-2.0 */
/*
 * point.h - what people write for a point in the past: a sequence number, or a time.
 *
 *     4711    now    @1795341600.25    90 minutes ago
 *     2026-11-22    2026-11-22T10:00    2026-11-22 10:00:00.5Z    2026-11-22T10:00:00+01:00
 */
#ifndef SRD_STORE_POINT_H
#define SRD_STORE_POINT_H

#include "log/log.h"

/* False if TEXT is none of these.  NOW_NS: the time, for those that are relative. */
bool srd_point_parse(const char *text, int64_t now_ns, struct srd_log_point *point);

#endif
