/* SPDX-License-Identifier: Apache-2.0 */
/* ops_init.c - what is agreed upon with the kernel when a mount begins. */
#include "config.h"

#include "fuse/ops.h"

#include "base/check.h"

enum { WRITE_MAX = 1 << 20, BACKGROUND_MAX = 64 };

static void set_want(struct fuse_conn_info *conn, unsigned capability, bool wanted)
{
	if (wanted)
		conn->want |= conn->capable & capability;
	else
		conn->want &= ~capability;
}

/* A kernel that cannot be told to doubt all names at once (see notifier.c) keeps
 * some that went, if ever too many changed at once, for as long. */
static void set_timeout(struct srd_mount *mount, const struct fuse_conn_info *conn, bool told)
{
	bool doubts = conn->proto_major == 7 && conn->proto_minor >= 44;

	mount->timeout = mount->options->strict ? 0 : mount->options->timeout;
	if (mount->timeout < 0)
		mount->timeout = !told ? 1 : doubts ? 86400 : 60;
}

void srd_op_init(void *user, struct fuse_conn_info *conn)
{
	struct srd_mount *mount = user;
	/* The kernel is told what others change, unless that is heard of late. */
	struct srd_hold hold = srd_store_hold(mount->store);
	bool told = !hold.log->remote;

	srd_hold_drop(&hold);

	set_timeout(mount, conn, told);
	mount->no_open = mount->options->read_only && !mount->options->strict && told &&
	                 (conn->capable & FUSE_CAP_NO_OPEN_SUPPORT);
	/* Reading that is to be noted must come by. */
	mount->keeps_listings = told && !mount->options->strict && mount->options->access == SRD_ACCESS_NEVER;
	set_want(conn, told ? FUSE_CAP_EXPLICIT_INVAL_DATA : FUSE_CAP_AUTO_INVAL_DATA, true);
	set_want(conn, told ? FUSE_CAP_AUTO_INVAL_DATA : FUSE_CAP_EXPLICIT_INVAL_DATA, false);
	set_want(conn, FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_ASYNC_READ |
	               FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_IOCTL_DIR | FUSE_CAP_EXPORT_SUPPORT |
	               FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
	               FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK, true);
	/* Splicing was measured: no faster than a copy.  Of direct writes that end later, the
	 * kernel does not forget the pages that somebody read meanwhile. */
	set_want(conn, FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
	               FUSE_CAP_ASYNC_DIO | FUSE_CAP_HANDLE_KILLPRIV |
	               FUSE_CAP_CACHE_SYMLINKS, false);
	set_want(conn, FUSE_CAP_WRITEBACK_CACHE, mount->options->writeback && !mount->options->read_only);
	conn->max_write = SRD_MIN(conn->max_write, (unsigned)WRITE_MAX);
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = BACKGROUND_MAX * 3 / 4;
	conn->time_gran = 1;
}
