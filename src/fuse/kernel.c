/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/kernel.h"

#define FUSE_USE_VERSION 310
#include <fuse_lowlevel.h>

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "fs/past.h"

enum {
	OPCODE_TMPFILE = 51,               /* in newer headers */
	OPCODE_STATX = 52,
	OPCODE_COPY_FILE_RANGE_64 = 53,
	ANSWER_BYTES_MAX = 4096,
};

#define UNIQUE_RESEND (UINT64_C(1) << 63)   /* in newer headers */

/* ---- INIT ---- */

enum { FLAGS2_DIRECT_IO_ALLOW_MMAP = 1 << 4 };   /* in newer headers */

static void set_bits(char *answer, size_t len, size_t at, uint32_t wanted)
{
	uint32_t bits;

	at += sizeof(struct fuse_out_header);
	if (len < at + sizeof bits)
		return;
	memcpy(&bits, answer + at, sizeof bits);
	bits |= wanted;
	memcpy(answer + at, &bits, sizeof bits);
}

/* Passes the answer on to the kernel with what it lacks: we take set-id bits away, and
 * files opened with FOPEN_DIRECT_IO may be mapped.  INIT is what the kernel said. */
static int forward(const struct fuse_init_in *init, int from, int to)
{
	_Alignas(struct fuse_out_header) char answer[ANSWER_BYTES_MAX];
	ssize_t len = recv(from, answer, sizeof answer, MSG_DONTWAIT);

	if (len < 0)
		return srd_errno();
	set_bits(answer, (size_t)len, offsetof(struct fuse_init_out, flags),
	         init->flags & (FUSE_HANDLE_KILLPRIV_V2 | FUSE_INIT_EXT));
	set_bits(answer, (size_t)len, offsetof(struct fuse_init_out, flags2),
	         init->flags2 & FLAGS2_DIRECT_IO_ALLOW_MMAP);
	return write(to, answer, (size_t)len) == len ? 0 : srd_errno();
}

int srd_kernel_init(struct fuse_session *session, const struct fuse_buf *request, bool answer)
{
	/* libfuse answers into a pair of sockets that takes the place of its device.  dup()
	 * rather than fcntl(): the thread sanitizer follows it, and so knows that an answer
	 * comes before the requests it leads to. */
	int device = fuse_session_fd(session), ends[2];
	SRD_AUTO_CLOSE int kept = dup(device);
	struct fuse_init_in init = { 0 };
	const size_t header = sizeof(struct fuse_in_header);

	if (request->size < header + offsetof(struct fuse_init_in, flags) + sizeof init.flags)
		return -EPROTO;
	memcpy(&init, (char *)request->mem + header, SRD_MIN(request->size - header, sizeof init));
	if (kept < 0 || fcntl(kept, F_SETFD, FD_CLOEXEC) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return srd_errno();
	int error = dup3(ends[0], device, O_CLOEXEC) < 0 ? srd_errno() : 0;
	if (!error) {
		fuse_session_process_buf(session, request);
		if (answer)
			error = forward(&init, ends[1], kept);
		if (dup3(kept, device, O_CLOEXEC) < 0)
			error = srd_errno();
	}
	close(ends[0]);
	close(ends[1]);
	return error;
}

/* ---- Requests ---- */

/* The 32 bits AT bytes behind the header; 0 if the request is too short. */
static uint32_t word(const struct fuse_buf *request, size_t at)
{
	uint32_t bits = 0;

	at += sizeof(struct fuse_in_header);
	if (request->size >= at + sizeof bits)
		memcpy(&bits, (const char *)request->mem + at, sizeof bits);
	return bits;
}

static void set_opcode(struct fuse_buf *request, struct fuse_in_header *header, uint32_t opcode)
{
	header->opcode = opcode;
	memcpy(request->mem, header, sizeof *header);
}

/* Such requests may take long (they sync), and their answers tell nothing. */
static bool is_kept(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_SYNCFS:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_STATFS:
	case FUSE_IOCTL:
		return false;
	default:
		return true;
	}
}

void srd_kernel_look(struct fuse_buf *request, struct srd_hints *hints)
{
	struct fuse_in_header header;

	*hints = (struct srd_hints){ .kept = true };
	if (request->flags & FUSE_BUF_IS_FD || request->size < sizeof header)
		return;
	memcpy(&header, request->mem, sizeof header);
	hints->caller = (int)header.pid;
	hints->kept = is_kept(header.opcode);
	hints->request = header.unique & ~UNIQUE_RESEND;
	hints->resent = header.unique & UNIQUE_RESEND;
	hints->past = srd_past_is(header.nodeid);
	switch (header.opcode) {
	case FUSE_WRITE:
		hints->kills = word(request, offsetof(struct fuse_write_in, write_flags)) & FUSE_WRITE_KILL_SUIDGID;
		break;
	case FUSE_SETATTR:
		hints->kills = word(request, offsetof(struct fuse_setattr_in, valid)) & FATTR_KILL_SUIDGID;
		break;
	case FUSE_OPEN:
		hints->kills = word(request, offsetof(struct fuse_open_in, open_flags)) & FUSE_OPEN_KILL_SUIDGID;
		break;
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
	case OPCODE_COPY_FILE_RANGE_64:
		/* These have no such flag; root has the capability as a rule. */
		hints->kills = header.uid != 0;
		break;
	case OPCODE_TMPFILE:
		/* Its arguments and answer are those of CREATE. */
		hints->unnamed = true;
		set_opcode(request, &header, FUSE_CREATE);
		break;
	case OPCODE_STATX:
		/* Its arguments begin with those of GETATTR. */
		hints->births = true;
		set_opcode(request, &header, FUSE_GETATTR);
		break;
	default:
		break;
	}
}
