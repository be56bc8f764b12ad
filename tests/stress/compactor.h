/* SPDX-License-Identifier: Apache-2.0 */
/* compactor.h - who writes the store anew, again and again, while clients use it. */
#ifndef STRESS_COMPACTOR_H
#define STRESS_COMPACTOR_H

#include <stdatomic.h>
#include <stdbool.h>

#include "srd.h"

/* One compaction of what is open, or of PATH by the tool at TOOL.  Others may be at it. */
int compact_open(srd_store *store, atomic_ulong *compacted);
int compact_by_tool(const char *tool, const char *path, atomic_ulong *compacted);
/* A process of its own: until *DONE, by the library and by TOOL (may be NULL) in turns. */
int run_compactor(const char *tool, const char *path, const atomic_bool *done, atomic_ulong *compacted);

#endif
