/* SPDX-License-Identifier: Apache-2.0 */
/* backup - a second file that holds what the store does, kept up by sending what is new. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>

enum { CHECK = TOOL_OWN, WHOLE, FORCE = 'f', ROUNDS = 5 };

struct backup {
	struct tool *tool;
	uint64_t damages;
	uint64_t seen;            /* offset up to which progress was counted */
	uint64_t end;             /* records that begin here or behind are new */
	bool cut;                 /* among them was one that took the place of what was torn */
};

static int on_event(void *user, const struct srd_event *event)
{
	struct backup *backup = user;
	struct tool_progress *progress = &backup->tool->progress;

	if (event->type == SRD_EVENT_DAMAGE) {
		backup->damages++;
		tool_progress_hide(progress);
		tool_damage_print(event);
	} else if (event->type == SRD_EVENT_PROGRESS) {
		/* It may begin anywhere. */
		progress->total = event->end;
		if (event->offset > backup->seen)
			tool_progress_add(progress, event->offset - backup->seen, 0);
		backup->seen = event->offset;
	}
	return 0;
}

static void say_end(uint64_t sequence, int64_t last_commit_ns)
{
	char time[48];

	if (sequence > 0)
		printf("; it ends with commit %" PRIu64 " of %s", sequence, tool_text_time(last_commit_ns, false, time));
	putchar('\n');
}

static void say_sent(const char *dest, const struct srd_backup *done)
{
	char sent[16], kept[16];

	tool_text_put(stdout, dest, strlen(dest));
	if (done->why)
		printf(": written anew, as %s: %s sent", done->why, tool_text_bytes(done->sent, sent));
	else
		printf(": %s sent, %s were there", tool_text_bytes(done->sent, sent), tool_text_bytes(done->kept, kept));
	say_end(done->sequence, done->last_commit_ns);
}

static void say_checked(const char *dest, const struct srd_backup *done, uint64_t damages)
{
	char behind[16];

	tool_text_put(stdout, dest, strlen(dest));
	printf(damages ? ": damaged in %" PRIu64 " place%s" : ": sound", damages, damages == 1 ? "" : "s");
	if (done->bytes < done->end)
		printf(", %s behind", tool_text_bytes(done->end - done->bytes, behind));
	say_end(done->sequence, done->last_commit_ns);
}

static void fail(const struct tool_store *store, const char *dest, int error)
{
	const char *text = srd_strerror(error), *hint = NULL;

	switch (error) {
	case -EEXIST:
		text = "is no backup of this store";
		hint = "choose another file, or --force to write over it";
		break;
	case -ESTALE:
		text = "has later commits than the store: is it the backup?";
		hint = "--force puts the store's older state in its place";
		break;
	case -EINVAL:
		text = "is the store itself";
		hint = "choose another file";
		break;
	case -EBUSY:
		text = "is open for writing, or another backup to it is going on";
		hint = "wait for it";
		break;
	case -ENOENT:
		text = "no such backup, or no such directory";
		break;
	case SRD_EREPLACED:
		text = "has another history than the store, or the store was compacted since";
		hint = "srd backup writes it anew";
		break;
	case -ENOSPC:
		hint = "make room and try again";
		break;
	}
	tool_complain(store->tool, dest, NULL, 0, text, hint);
}

static void back_up(struct tool_store *store, const char *dest, int flags)
{
	struct backup backup = { .tool = store->tool };
	bool check = flags & SRD_BACKUP_CHECK;
	struct srd_backup done;

	tool_progress_start(store->tool, check ? "check" : "backup", 0);
	int error = srd_backup(store->handle, dest, flags, on_event, &backup, &done);
	tool_progress_end(&store->tool->progress);
	if (error)
		fail(store, dest, error);
	else if (check)
		say_checked(dest, &done, backup.damages);
	else
		say_sent(dest, &done);
	if (backup.damages)
		store->tool->status = 1;
}

/* ---- To another host ---- */

static int look_for_cut(void *user, const struct srd_event *event)
{
	struct backup *backup = user;

	if (event->type == SRD_EVENT_RECORD && event->offset >= backup->end && strcmp(event->what, "PAD") == 0)
		backup->cut = true;
	return 0;
}

/* Sends the file, which others may append to.  Any beginning of it is a store; but not the
 * torn end of a killed writer followed by what came after the next one had cut it.  So
 * where that may have happened meanwhile it is sent once more, which costs little. */
static int send_file(struct tool_store *store, const char *dest, struct backup *backup, struct tool_rsync *done)
{
	struct srd_info info;
	int error;

	for (int round = 0; round < ROUNDS; round++) {
		struct tool_rsync sent;
		error = srd_info(store->handle, &info);
		if (error)
			return error;
		if (!tool_rsync(store->tool, store->path, dest, false, &sent))
			return -ECANCELED;
		done->sent += sent.sent;
		done->matched = sent.matched;
		backup->end = info.end;
		backup->cut = false;
		error = srd_scan(store->handle, 0, look_for_cut, backup);
		if (error || !backup->cut)
			return error;
	}
	return -EAGAIN;
}

static void send_away(struct tool_store *store, const char *dest)
{
	struct backup backup = { .tool = store->tool };
	struct tool_rsync done = { 0 };
	char sent[16], matched[16];

	/* Every checksum of ours; rsync sees to the rest of the way. */
	tool_progress_start(store->tool, "check", 0);
	int error = srd_scan(store->handle, SRD_SCAN_PAYLOAD, on_event, &backup);
	tool_progress_end(&store->tool->progress);
	if (!error)
		error = send_file(store, dest, &backup, &done);
	if (backup.damages)
		store->tool->status = 1;
	if (error && error != -ECANCELED)
		tool_store_fail(store, NULL, 0, error);
	if (error)
		return;
	tool_text_put(stdout, dest, strlen(dest));
	printf(": %s sent, %s were there\n", tool_text_bytes(done.sent, sent), tool_text_bytes(done.matched, matched));
}

static void check_away(struct tool_store *store, const char *dest)
{
	struct tool_rsync done;

	if (!tool_rsync(store->tool, store->path, dest, true, &done))
		return;
	if (done.differs) {
		tool_complain(store->tool, dest, NULL, 0, "is not what the store is now", "srd backup sends what differs");
		return;
	}
	tool_text_put(stdout, dest, strlen(dest));
	puts(": the same as the store");
}

static int run(struct tool *tool)
{
	struct tool_store store;
	int flags = 0, option;

	while ((option = tool_option_next(tool)) != -1)
		flags |= option == CHECK ? SRD_BACKUP_CHECK : option == WHOLE ? SRD_BACKUP_WHOLE : SRD_BACKUP_FORCE;
	tool_arguments(tool, 2, 2);
	bool remote = tool_rsync_is_remote(tool->args[1]);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY | SRD_KEEP_PAST, &store))
		return tool->status;
	if (!remote)
		back_up(&store, tool->args[1], flags);
	else if (flags & SRD_BACKUP_CHECK)
		check_away(&store, tool->args[1]);
	else
		send_away(&store, tool->args[1]);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ CHECK, "check", NULL, "read all of DEST, say if it is sound and how far behind; change nothing" },
	{ FORCE, "force", NULL, "write over whatever DEST is" },
	{ WHOLE, "whole", NULL, "write all of it anew" },
	{ 0 },
};

const struct tool_command tool_backup = {
	.name = "backup",
	.synopsis = "backup [-fq] [--check] [--whole] STORE DEST",
	.summary = "Make DEST hold what the store does, by sending what is new.",
	.detail = "DEST is a file, or HOST:PATH (by rsync).  The store may be in use.  DEST is a store at any\n"
	          "moment.  Exit status 1 if something is damaged, which is copied as it is.",
	.options = options,
	.common = TOOL_HAS_PROGRESS,
	.run = run,
};
