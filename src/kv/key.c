/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - what a key may be, and how it falls into components.
 *
 * A key without slashes, the usual one, is looked at once, eight bytes at a
 * time; only one that holds a slash or a NUL, or begins with a dot, is looked
 * at again.
 */
#include "config.h"

#include "kv/kv.h"

#include <string.h>

#include "base/check.h"

/* True if KEY is one component without anything to look closer at. */
static bool is_plain(const char *key, size_t len)
{
	return len - 1 < SRD_NAME_MAX && key[0] != '.' && !srd_name_is_special(key, len);
}

/* Why NAME, what lies between two slashes, is no component; NULL if it is one. */
static const char *component_fault(const char *name, size_t len)
{
	if (len == 0)
		return "the key has an empty component: two slashes in a row";
	if (len > SRD_NAME_MAX)
		return "a component of the key is longer than 255 bytes";
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return "a component of the key is \".\" or \"..\"";
	return NULL;
}

/* Why KEY is no key; NULL if it is one. */
static const char *key_fault(const char *key, size_t len)
{
	if (len == 0)
		return "the key is empty";
	if (len > SRD_KEY_MAX)
		return "the key is longer than 4095 bytes";
	if (memchr(key, 0, len))
		return "the key has a NUL byte";
	if (key[0] == '/')
		return "the key begins with a slash";
	if (key[len - 1] == '/')
		return "the key ends with a slash";
	for (const char *end = key + len; key < end;) {
		const char *slash = memchr(key, '/', (size_t)(end - key));
		size_t name_len = (size_t)((slash ? slash : end) - key);
		const char *fault = component_fault(key, name_len);
		if (fault)
			return fault;
		key += name_len + 1;
	}
	return NULL;
}

static bool is_reserved(const char *key, size_t len)
{
	return len >= 4 && memcmp(key, ".srd", 4) == 0 && (len == 4 || key[4] == '/');
}

int srd_key_check(const void *key, size_t len, const char **why)
{
	const char *fault;
	int error = 0;

	if (is_plain(key, len))
		return 0;
	fault = key_fault(key, len);
	if (fault) {
		error = SRD_EKEY;
	} else if (is_reserved(key, len)) {
		error = SRD_ERESERVED;
		fault = "the first component of the key is .srd, which is reserved";
	}
	if (error && why)
		*why = fault;
	return error;
}

/* Stands on the first component of KEY, LEN bytes that were checked. */
static void take_component(struct srd_path *path, const char *key, size_t len)
{
	const char *slash = memchr(key, '/', len);
	size_t name_len = slash ? (size_t)(slash - key) : len;

	path->name = key;
	path->name_len = name_len;
	path->rest = key + name_len + (slash ? 1 : 0);
	path->rest_len = len - name_len - (slash ? 1 : 0);
}

int srd_path_start(struct srd_path *path, const void *key, size_t len)
{
	if (is_plain(key, len)) {
		*path = (struct srd_path){ .name = key, .name_len = len };
		return 0;
	}
	int error = srd_key_check(key, len, NULL);
	if (!error)
		take_component(path, key, len);
	return error;
}

bool srd_path_step(struct srd_path *path)
{
	if (path->rest_len == 0)
		return false;
	take_component(path, path->rest, path->rest_len);
	return true;
}
