/* SPDX-License-Identifier: Apache-2.0 */
/* caller.c - who makes a request. */
#include "config.h"

#include "fuse/ops.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "fuse/loop.h"

bool srd_caller_in_group(fuse_req_t req, gid_t gid)
{
	if (fuse_req_ctx(req)->gid == gid)
		return true;
	int count = fuse_req_getgroups(req, 0, NULL);
	SRD_AUTO_FREE gid_t *groups = count > 0 ? calloc((size_t)count, sizeof *groups) : NULL;
	if (!groups)
		return false;
	int got = fuse_req_getgroups(req, count, groups);
	for (int i = 0; i < got && i < count; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool is_in_group(const struct srd_caller *caller, uint32_t gid)
{
	fuse_req_t req = caller->user;

	/* Root may do as if. */
	return fuse_req_ctx(req)->uid == 0 || srd_caller_in_group(req, gid);
}

const struct srd_caller *srd_caller_of(fuse_req_t req, struct srd_caller *caller)
{
	*caller = (struct srd_caller){ .is_in_group = is_in_group, .user = req };
	return srd_loop_hints()->kills ? caller : NULL;
}
