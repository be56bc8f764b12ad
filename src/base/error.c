/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/error.h"

#include <string.h>

static const char *own_text(int error)
{
	switch ((enum srd_error)error) {
	case SRD_ECORRUPT: return "damaged: the bytes do not match their checksum";
	case SRD_ENOTSTORE: return "not a store";
	case SRD_EVERSION: return "made by a newer version: format or feature unknown here";
	case SRD_EPOISONED: return "an earlier sync failed, writing is refused until the store is opened again";
	case SRD_EDAMAGED: return "a commit is damaged or gone, the store is read-only until repaired";
	case SRD_EREPLACED: return "the store file was replaced or rolled back, open it again";
	case SRD_EKEY: return "not a valid key";
	case SRD_ERESERVED: return "keys below .srd are reserved";
	case SRD_ELOST: return "bytes are gone: the store file was cut short, or cannot be read";
	case SRD_ETRIMMED: return "trimmed: the bytes were given up";
	case SRD_ENOPAST: return "no such point in the history of the store";
	case SRD_EDIFFERS: return "written anew it would show something else: it is left as it was";
	case SRD_EFULL: return "a limit of the format or of the mapping is reached";
	}
	return NULL;
}

const char *srd_strerror(int error)
{
	const char *text = own_text(error);

	if (text)
		return text;
	if (error == 0)
		return "success";
	/* strerrordesc_np is static, untranslated and thread-safe. */
	text = error > -4096 && error < 0 ? strerrordesc_np(-error) : NULL;
	return text ? text : "unknown error";
}

int srd_error_errno(int error)
{
	switch (error) {
	case SRD_EPOISONED:
	case SRD_EDAMAGED: return EROFS;
	case SRD_EKEY: return EINVAL;
	case SRD_ERESERVED: return EPERM;
	case SRD_EFULL: return ENOSPC;
	case SRD_ETRIMMED: return ENODATA;
	case SRD_ENOPAST: return ENOENT;
	}
	return error < 0 && error > -4096 ? -error : EIO;
}

const char *srd_version(void)
{
	return PACKAGE_VERSION;
}
