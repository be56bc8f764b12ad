/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - a second file that holds what the store does, sent in the steps in which
 * the scan has checked it.
 */
#include "config.h"

#include "kv/kv.h"

#include "log/backup.h"

struct backup {
	struct srd_log *log;      /* held */
	const struct srd_era *era;   /* of the log */
	struct srd_backup_file *file;
	int (*call)(void *user, const struct srd_event *event);
	void *user;
};

/* Whether it may be done, and if all has to be written, why. */
struct verdict {
	int error;
	const char *why;
};

static struct verdict judge(enum srd_match match)
{
	switch (match) {
	case SRD_MATCH_PREFIX: return (struct verdict){ 0, NULL };
	case SRD_MATCH_NOTHING: return (struct verdict){ 0, "there was none" };
	case SRD_MATCH_NO_STORE: return (struct verdict){ -EEXIST, "what was there was no store" };
	case SRD_MATCH_OTHER: return (struct verdict){ -EEXIST, "what was there was another store" };
	case SRD_MATCH_OLDER: return (struct verdict){ 0, "the store was compacted since" };
	case SRD_MATCH_NEWER: return (struct verdict){ -ESTALE, "what was there was of a later generation" };
	case SRD_MATCH_AHEAD: return (struct verdict){ -ESTALE, "what was there had later commits" };
	case SRD_MATCH_PARTED: break;
	}
	return (struct verdict){ 0, "what was there had another history" };
}

static const char *reason(const struct srd_backup_file *file, int flags, const char *why)
{
	if (!file->whole)
		return NULL;
	return why ? why : flags & SRD_BACKUP_WHOLE ? "as asked for" : "somebody reads what was torn";
}

static int pass_on(void *user, const struct srd_event *event)
{
	struct backup *backup = user;

	return backup->call && event->type != SRD_EVENT_RECORD ? backup->call(backup->user, event) : 0;
}

/* Every stretch of the log that was found right is sent; what was not, too, and told. */
static int on_event(void *user, const struct srd_event *event)
{
	struct backup *backup = user;
	int error = 0;

	if (event->type == SRD_EVENT_PROGRESS)
		error = srd_backup_file_copy(backup->file, event->offset);
	return error ? error : pass_on(user, event);
}

static int send(int flags, uint64_t end, struct backup *backup)
{
	struct srd_backup_file *file = backup->file;
	int error = srd_backup_file_begin(file, flags & SRD_BACKUP_WHOLE);
	uint64_t from = file->whole ? SRD_FIRST_RECORD : file->common;

	if (!error)
		error = srd_scan_part(backup->era, backup->log, from, end, SRD_SCAN_PAYLOAD, on_event, backup);
	/* An empty log has no record to be told of. */
	if (!error)
		error = srd_backup_file_copy(file, end);
	return error ? error : srd_backup_file_finish(file);
}

/* All of LOG, the past too, stays there as long as it is held: a hole that came to be there, with
 * no word of it in what is copied, would be damage. */
static int keep_past(struct srd_store *store, struct srd_log *log)
{
	int error = srd_log_use_all(log);

	/* What was given up before is known then. */
	return error ? error : srd_store_follow(store);
}

/* ---- Check ---- */

/* Where LOG, which STORE has or had, ends now. */
static struct srd_log_place place_of(struct srd_store *store, const struct srd_log *log)
{
	srd_mutex_lock(&store->commit_mutex);
	struct srd_log_place place = srd_log_here(log);
	srd_mutex_unlock(&store->commit_mutex);
	return place;
}

/* All of what is at PATH, read as the store it is to be; *PLACE: its end. */
static int check(const char *path, const struct verdict *verdict, struct backup *backup, struct srd_log_place *place)
{
	struct srd_store *store;

	if (backup->file->match == SRD_MATCH_NOTHING)
		return -ENOENT;
	if (verdict->error || verdict->why)
		return verdict->error ? verdict->error : SRD_EREPLACED;
	int error = srd_store_open(path, SRD_RDONLY, NULL, &store);
	if (error)
		return error;
	*place = place_of(store, store->log);
	error = srd_scan(store, SRD_SCAN_PAYLOAD, pass_on, backup);
	srd_store_close(store);
	return error;
}

static int back_up(struct srd_store *store, const char *path, int flags, struct backup *backup, struct srd_backup *out)
{
	struct srd_backup_file *file = backup->file;
	bool only_check = flags & SRD_BACKUP_CHECK;
	int error = srd_backup_file_open(file, path, only_check);

	if (error)
		return error;
	struct srd_log_place place = place_of(store, backup->log);
	struct verdict verdict = judge(file->match);
	uint64_t end = place.end;
	if (only_check)
		error = check(path, &verdict, backup, &place);
	else if (verdict.error && !(flags & SRD_BACKUP_FORCE))
		error = verdict.error;
	else
		error = send(flags, end, backup);
	if (error)
		return error;
	*out = (struct srd_backup){ .bytes = place.end, .kept = file->whole ? 0 : file->common, .sent = file->sent,
	                            .end = end, .sequence = place.sequence, .last_commit_ns = place.last_time_ns,
	                            .why = reason(file, flags, verdict.why) };
	return 0;
}

int srd_backup(struct srd_store *store, const char *path, int flags,
               int (*call)(void *user, const struct srd_event *event), void *user, struct srd_backup *out)
{
	struct srd_backup_file file;
	int error = srd_store_follow(store);

	if (error)
		return error;
	struct srd_hold hold;
	struct srd_era *era = srd_era_begin(store, &hold);
	struct backup backup = { .file = &file, .log = hold.log, .era = era, .call = call, .user = user };
	srd_backup_file_init(&file, hold.log);
	error = keep_past(store, hold.log);
	if (!error)
		error = back_up(store, path, flags, &backup, out);
	srd_backup_file_release(&file);
	srd_hold_drop(&hold);
	srd_era_leave(era);
	return error;
}
