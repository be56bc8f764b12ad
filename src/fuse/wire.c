/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/wire.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* Room for one descriptor, aligned as the header wants. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

int srd_wire_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : srd_errno();
}

static void attach(struct msghdr *header, union control *control, int descriptor)
{
	memset(control, 0, sizeof *control);
	header->msg_control = control->bytes;
	header->msg_controllen = sizeof control->bytes;
	struct cmsghdr *part = CMSG_FIRSTHDR(header);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
}

int srd_wire_send(int socket, const struct srd_wire *message, int descriptor, bool patient)
{
	struct iovec iov = { .iov_base = (void *)message, .iov_len = sizeof *message };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t sent;

	if (descriptor >= 0)
		attach(&header, &control, descriptor);
	do {
		sent = sendmsg(socket, &header, MSG_NOSIGNAL | (patient ? 0 : MSG_DONTWAIT));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? srd_errno() : 0;
}

static int detach(struct msghdr *header)
{
	struct cmsghdr *part = CMSG_FIRSTHDR(header);
	int descriptor;

	if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS ||
	    part->cmsg_len != CMSG_LEN(sizeof descriptor))
		return -1;
	memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
	return descriptor;
}

int srd_wire_receive(int socket, struct srd_wire *message, int *descriptor, bool patient)
{
	struct iovec iov = { .iov_base = message, .iov_len = sizeof *message };
	union control control;
	/* Without room for them the kernel drops descriptors: there is room for one, not for what its
	 * alignment leaves, or who sends two has filled a table that nobody empties. */
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = descriptor ? control.bytes : NULL,
	                         .msg_controllen = descriptor ? CMSG_LEN(sizeof *descriptor) : 0 };
	ssize_t got;

	do {
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (patient ? 0 : MSG_DONTWAIT));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ECONNRESET ? -EPIPE : srd_errno();
	int came = descriptor ? detach(&header) : -1;
	int error = got == 0 ? -EPIPE : got != sizeof *message || header.msg_flags & MSG_TRUNC ? -EBADMSG : 0;
	/* What comes with no message of ours is nobody's. */
	if (error && came >= 0)
		close(came);
	else if (descriptor)
		*descriptor = came;
	return error;
}
