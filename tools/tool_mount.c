/* SPDX-License-Identifier: Apache-2.0 */
/* Words to a mount that is a transaction. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void complain(struct tool *tool, const char *path, int error)
{
	switch (error) {
	case -EINVAL:
		tool_complain(tool, path, NULL, 0, "is mounted, but not as a transaction", "srd txn makes one");
		break;
	case -ENOTTY:
	case -ENOSYS:
	case -EOPNOTSUPP:
	case -ENOTDIR:
		tool_complain(tool, path, NULL, 0, "is no mount of a store", "srd txn makes one");
		break;
	default:
		tool_complain_file(tool, path, error);
	}
}

bool tool_mount_tell(struct tool *tool, const char *path, unsigned long what, void *answer)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		complain(tool, path, -errno);
		return false;
	}
	/* What programs have written into mapped files, too. */
	syncfs(fd);
	int error = ioctl(fd, what, answer) < 0 ? -errno : 0;
	close(fd);
	if (error)
		complain(tool, path, error);
	return !error;
}
