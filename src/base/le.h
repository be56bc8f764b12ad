/* SPDX-License-Identifier: Apache-2.0 */
/*
 * le.h - little-endian numbers at any address.  Compilers turn each of these
 * into one move on little-endian machines.
 */
#ifndef SRD_BASE_LE_H
#define SRD_BASE_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t srd_get16(const void *p) { uint16_t v; memcpy(&v, p, sizeof v); return le16toh(v); }
static inline uint32_t srd_get32(const void *p) { uint32_t v; memcpy(&v, p, sizeof v); return le32toh(v); }
static inline uint64_t srd_get64(const void *p) { uint64_t v; memcpy(&v, p, sizeof v); return le64toh(v); }
static inline void srd_put16(void *p, uint16_t v) { v = htole16(v); memcpy(p, &v, sizeof v); }
static inline void srd_put32(void *p, uint32_t v) { v = htole32(v); memcpy(p, &v, sizeof v); }
static inline void srd_put64(void *p, uint64_t v) { v = htole64(v); memcpy(p, &v, sizeof v); }

#endif
