/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/transaction.h"

#include <string.h>
#include <unistd.h>

#include "fuse/errands.h"
#include "fuse/loop.h"
#include "fuse/place.h"
#include "fuse/reply.h"
#include "store/private.h"

int srd_mount_begin_transaction(struct srd_mount *mount)
{
	struct srd_store *view;
	int error = srd_private_open(mount->store, &view);

	if (error) {
		srd_mount_say(mount, "cannot begin a transaction: %s", srd_strerror(error));
		return error;
	}
	mount->live = mount->store;
	mount->store = view;
	return 0;
}

static void end_mount(struct srd_mount *mount)
{
	int error = mount->errands ? srd_errand_end(mount->errands)
	                           : srd_place_detach(mount->mountpoint, mount->device.dev);

	if (error)
		srd_mount_say(mount, "cannot unmount %s: %s", mount->mountpoint, srd_strerror(error));
}

static void commit(struct srd_mount *mount, struct srd_ioc_commit *answer)
{
	struct srd_conflict conflict;

	/* What files hold that are open still, too. */
	int error = srd_fs_sync_all(mount->fs);
	if (!error)
		error = srd_private_commit(mount->store, &conflict);
	if (error == -EBUSY)
		memcpy(answer->conflict, conflict.key, sizeof answer->conflict);
	answer->error = error;
}

static void answer_commit(fuse_req_t req, size_t size)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct srd_ioc_commit answer = { 0 };

	if (size < sizeof answer) {
		srd_reply_status(req, -EINVAL);
		return;
	}
	srd_loop_hold_up();
	commit(mount, &answer);
	if (!answer.error)
		end_mount(mount);
	srd_loop_go_on();
	fuse_reply_ioctl(req, 0, &answer, sizeof answer);
}

static int check(fuse_req_t req, unsigned cmd)
{
	uid_t caller = fuse_req_ctx(req)->uid;

	if (cmd != SRD_IOC_COMMIT && cmd != SRD_IOC_ABORT)
		return -ENOTTY;
	if (!srd_mount_of(req)->live)
		return -EINVAL;
	return caller == 0 || caller == getuid() ? 0 : -EPERM;
}

void srd_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
                  unsigned flags, const void *in, size_t in_size, size_t out_size)
{
	(void)ino, (void)arg, (void)fi, (void)flags, (void)in, (void)in_size;
	int error = check(req, cmd);

	if (error) {
		srd_reply_status(req, error);
	} else if (cmd == SRD_IOC_COMMIT) {
		answer_commit(req, out_size);
	} else {
		srd_loop_hold_up();
		end_mount(srd_mount_of(req));
		srd_loop_go_on();
		fuse_reply_ioctl(req, 0, NULL, 0);
	}
}
