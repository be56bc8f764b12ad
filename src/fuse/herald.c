/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/herald.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "fuse/wire.h"

enum { NOTICE_BYTES_MAX = 512 };

struct herald {
	int device, notices;      /* its own */
};

static void end(struct herald *herald)
{
	if (herald->device >= 0)
		close(herald->device);
	close(herald->notices);
	free(herald);
}

static void *work(void *user)
{
	_Alignas(struct fuse_out_header) char notice[NOTICE_BYTES_MAX];
	struct herald *herald = user;
	ssize_t len;

	while ((len = recv(herald->notices, notice, sizeof notice, 0)) >= (ssize_t)sizeof(struct fuse_out_header))
		if (write(herald->device, notice, (size_t)len) < 0)
			continue;   /* What the kernel does not know is no error. */
	end(herald);
	return NULL;
}

int srd_herald_start(int device, int *notices)
{
	struct herald *herald = malloc(sizeof *herald);
	pthread_t thread;
	int ends[2];

	if (!herald)
		return -ENOMEM;
	int error = srd_wire_pair(ends);
	if (error) {
		free(herald);
		return error;
	}
	*herald = (struct herald){ .device = fcntl(device, F_DUPFD_CLOEXEC, 0), .notices = ends[0] };
	error = herald->device < 0 ? srd_errno() : srd_thread_start(&thread, work, herald, -1);
	if (error) {
		end(herald);
		close(ends[1]);
		return error;
	}
	pthread_detach(thread);
	*notices = ends[1];
	return 0;
}
