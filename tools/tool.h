/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool.h - what the subcommands of `srd` share.  They know the library by
 * srd.h alone: whatever the tool can do, another program can do too.
 *
 * A subcommand is one file, cmd_NAME.c, that defines one struct tool_command.
 * Its run() parses options, opens stores, works, and returns the exit status:
 * 0, 1 (something failed and was reported in one line each) or, from the
 * option parser, 2 (usage).
 */
#ifndef SRD_TOOLS_TOOL_H
#define SRD_TOOLS_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "srd.h"

#define TOOL_LEN(array) (sizeof(array) / sizeof((array)[0]))

struct tool;

/* ---- Commands and their options (srd.c, tool_option.c) ---- */

struct tool_option {
	int code;                 /* its letter, or TOOL_OWN and above: a long name only */
	const char *name;
	const char *arg;          /* what it takes; NULL: nothing */
	const char *help;
};

enum tool_code {
	TOOL_HELP = 256, TOOL_VERSION, TOOL_EXCLUSIVE, TOOL_NO_SYNC, TOOL_JSON, TOOL_QUIET,
	TOOL_PROGRESS, TOOL_AT, TOOL_OWN,
};

/* Options that several commands have, as bits of tool_command.common. */
enum tool_common {
	TOOL_HAS_STORE = 1,       /* --exclusive */
	TOOL_HAS_SYNC = 2,        /* --no-sync */
	TOOL_HAS_JSON = 4,        /* --json */
	TOOL_HAS_PROGRESS = 8,    /* --quiet, --progress */
	TOOL_HAS_AT = 16,         /* --at */
};

struct tool_command {
	const char *name;
	const char *synopsis;     /* as in the man page, without "srd " */
	const char *summary;      /* one line */
	const char *detail;       /* more for --help, or NULL */
	const struct tool_option *options;   /* own ones; ends with a NULL name; may be NULL */
	unsigned common;
	int (*run)(struct tool *tool);
};

struct tool_progress {
	bool on, shown;
	const char *verb;
	uint64_t total, done;     /* work; total 0: not known */
	uint64_t items;
	int64_t start_ns, drawn_ns;
};

enum { TOOL_OPTIONS_MAX = 24 };

struct tool {
	const struct tool_command *command;
	int argc;                 /* the command's arguments, its name first */
	char **argv;
	char **args;              /* set by tool_arguments(): those that are no options */
	int arg_count;
	bool exclusive, no_sync, json, quiet, force_progress;
	const char *at;           /* the point in the past that is asked for; NULL: now */
	int status;               /* exit status so far; complaints make it 1 */
	struct tool_progress progress;
	struct option long_options[TOOL_OPTIONS_MAX];
	char short_options[2 * TOOL_OPTIONS_MAX + 2];
};

extern const struct tool_command tool_abort, tool_commit, tool_txn;
extern const struct tool_command tool_trim;
extern const struct tool_command tool_compact, tool_map;
extern const struct tool_command tool_backup, tool_cp, tool_create, tool_dump, tool_export, tool_get,
	tool_import, tool_info, tool_ls, tool_mv, tool_put, tool_repair, tool_rm,
	tool_salvage, tool_snapshot, tool_log, tool_restore, tool_undelete, tool_diff, tool_stat, tool_sync, tool_verify;

void tool_option_init(struct tool *tool, const struct tool_command *command, int argc, char **argv);
/* The code of the next option of the command's own, -1 when there are no more;
 * its argument is in optarg.  Common ones are taken care of. */
int tool_option_next(struct tool *tool);
/* Sets args and arg_count; fewer than MIN or more than MAX is a usage error. */
void tool_arguments(struct tool *tool, int min, int max);
/* TEXT as a number of bytes, with K, M, G, T for powers of 1024. */
uint64_t tool_option_bytes(struct tool *tool, const char *name, const char *text);
/* One line on standard error, then exit status 2. */
_Noreturn void tool_usage(struct tool *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void tool_help_print(const struct tool_command *command, FILE *out);

/* ---- Complaints: one line on standard error, and status 1 (tool_error.c) ---- */

/* "srd CMD: WHERE: KEY: text; hint".  WHERE and KEY (KEY_LEN bytes) may be NULL. */
void tool_complain(struct tool *tool, const char *where, const char *key, size_t key_len,
                   const char *text, const char *hint);
/* The same for ERROR of the system (a negative errno) about a file. */
void tool_complain_file(struct tool *tool, const char *path, int error);
/* The same for PATH below DIR ("": DIR itself). */
void tool_complain_below(struct tool *tool, const char *dir, const char *path, int error);
_Noreturn void tool_no_memory(void);

/* ---- Stores and keys (tool_store.c) ---- */

enum { TOOL_TARGET_MAX = 4096 };   /* PATH_MAX: no symlink is longer */

struct tool_store {
	struct tool *tool;
	const char *path;
	srd_store *handle;
};

/* tool_rust.c: true if the file at PATH looks like a store of the Rust simd-r-drive. */
bool tool_is_rust_store(const char *path);

/* Opens PATH with FLAGS and those that the options ask for, or complains. */
bool tool_store_open(struct tool *tool, const char *path, int flags, struct tool_store *store);
/* Closes it, complaining if what was written did not become durable. */
void tool_store_close(struct tool_store *store);
/* Complains about ERROR, which the library gave for KEY (NULL: for the store). */
void tool_store_fail(const struct tool_store *store, const char *key, size_t key_len, int error);
/* Complains about ERROR, which the library gave for the point AT. */
void tool_store_fail_at(const struct tool_store *store, const char *at, int error);
/* Complains, and true, if ST is the store file itself: it can be neither what
 * is put into it nor what is written over. */
bool tool_store_is_file(const struct tool_store *store, const struct stat *st);
/* The target of symlink KEY, NUL-terminated: 0 or a negative code. */
int tool_store_read_link(const struct tool_store *store, const char *key, size_t key_len,
                         char target[TOOL_TARGET_MAX]);
/* True if TEXT is a key that may be used, else complains. */
bool tool_key_check(struct tool *tool, const char *path, const char *text);
/* Splits "STORE:KEY" in place: STORE ends at the first colon before which a
 * file of that name exists, else at the first colon.  False: no colon. */
bool tool_key_split(char *text, const char **path, const char **key);

/* ---- Mounts that are transactions (tool_mount.c) ---- */

/* Tells the mount at PATH SRD_IOC_..., with its ANSWER; or complains. */
bool tool_mount_tell(struct tool *tool, const char *path, unsigned long what, void *answer);

/* ---- Text (tool_text.c) ---- */

/* Bytes of the UTF-8 sequence at TEXT, its character in *RUNE; 0: there is none. */
size_t tool_utf8(const uint8_t *text, size_t len, uint32_t *rune);
/* Writes bytes so that no terminal obeys them and no line ends: controls and
 * what is not UTF-8 as \n, \t, \xHH, a backslash doubled. */
void tool_text_put(FILE *out, const void *text, size_t len);
/* The same for a sentence, in which a backslash is none of ours. */
void tool_text_say(FILE *out, const char *text);
const char *tool_text_bytes(uint64_t bytes, char buffer[16]);        /* "1.2 GiB" */
const char *tool_text_time(int64_t ns, bool fine, char buffer[48]);  /* local time */
const char *tool_text_mode(uint32_t mode, char buffer[12]);          /* "-rw-r--r--" */
const char *tool_text_kind(enum srd_kind kind);

/* ---- JSON (tool_json.c) ---- */

struct tool_json {
	FILE *out;
	int depth;
	bool comma;               /* something stands before on this level */
	char closers[8];
};

void tool_json_start(struct tool_json *json, FILE *out);
/* NAME is NULL within arrays.  BRACKET is '{' or '['. */
void tool_json_open(struct tool_json *json, const char *name, char bracket);
void tool_json_close(struct tool_json *json);
void tool_json_number(struct tool_json *json, const char *name, uint64_t value);
void tool_json_signed(struct tool_json *json, const char *name, int64_t value);
void tool_json_bool(struct tool_json *json, const char *name, bool value);
/* Bytes that are not UTF-8 become \u00XX each; if there are any, a second member
 * NAME_hex has them all exactly. */
void tool_json_text(struct tool_json *json, const char *name, const void *text, size_t len);
void tool_json_stat(struct tool_json *json, const struct srd_stat *st);

/* ---- Progress, on standard error (tool_progress.c) ---- */

enum { TOOL_ITEM_WORK = 4096 };   /* work that an item is, beyond its bytes */

/* TOTAL: work to be done, 0 if not known. */
void tool_progress_start(struct tool *tool, const char *verb, uint64_t total);
/* True if a total is worth finding out. */
bool tool_progress_wanted(const struct tool *tool);
void tool_progress_add(struct tool_progress *progress, uint64_t work, uint64_t items);
/* Takes the bar off the screen, until the next draw. */
void tool_progress_hide(struct tool_progress *progress);
void tool_progress_end(struct tool_progress *progress);
int64_t tool_clock_ns(void);

/* ---- Damage (tool_damage.c) ---- */

/* A line on standard output. */
void tool_damage_print(const struct srd_event *event);
void tool_damage_json(struct tool_json *json, const struct srd_event *event);

/* ---- rsync (tool_rsync.c) ---- */

struct tool_rsync {
	uint64_t sent;            /* bytes over the wire */
	uint64_t matched;         /* bytes of the file that were there already */
	bool differs;             /* checking: what is there is something else */
};

/* True if DEST is HOST:PATH. */
bool tool_rsync_is_remote(const char *dest);
/* Makes DEST what the file at PATH is, by content; with CHECK finds out whether it is.
 * False: it could not, complained of. */
bool tool_rsync(struct tool *tool, const char *path, const char *dest, bool check, struct tool_rsync *done);

/* ---- Bytes in and out (tool_stream.c) ---- */

/* All of IOV to FD: 0 or a negative errno.  PROGRESS may be NULL. */
int tool_write_iov(int fd, const struct iovec *iov, int count, struct tool_progress *progress);
/* The same for a new file, leaving holes where pieces are all zero. */
int tool_write_sparse(int fd, const srd_value *value, struct tool_progress *progress);
/* Everything that can be read from FD goes to WRITER, holes as holes.  0, or a
 * negative code; *READING tells whether it was FD's. */
int tool_feed(int fd, srd_writer *writer, struct tool_progress *progress, bool *reading);
/* Flushes and closes standard output; complains if not all of it arrived. */
void tool_output_close(struct tool *tool);
/* Complains that standard output failed with ERROR. */
void tool_output_fail(struct tool *tool, int error);

/* ---- Lists of keys (tool_keys.c) ---- */

struct tool_keys {
	char *bytes;
	size_t len, cap;
	struct tool_keys_item { size_t at; uint32_t len; uint32_t kind; } *items;
	size_t count, item_cap;
};

void tool_keys_add(struct tool_keys *keys, const char *key, size_t len, enum srd_kind kind);
void tool_keys_sort(struct tool_keys *keys);
/* NUL-terminated; valid until the next add. */
const char *tool_keys_at(const struct tool_keys *keys, size_t i);
/* Takes the last one off; its bytes are valid until the next add.  NULL: none. */
const char *tool_keys_pop(struct tool_keys *keys);
void tool_keys_release(struct tool_keys *keys);
/* Adds all that lies below the directory KEY (of any kind, not itself).  0 or a
 * negative code. */
int tool_keys_below(struct tool_keys *keys, srd_store *store, const char *key);

/* ---- Hard links: which inode was seen under which name (tool_links.c) ---- */

struct tool_links {
	void *tree;
};

/* The name under which (DEV, INO) was first seen, or NULL: NAME is it now. */
const char *tool_links_seen(struct tool_links *links, uint64_t dev, uint64_t ino, const char *name);
/* That name came to nothing: the next one is the first. */
void tool_links_forget(struct tool_links *links, uint64_t dev, uint64_t ino);
void tool_links_release(struct tool_links *links);

/* ---- Directory trees on the file system (tool_tree.c) ---- */

/* Directories below ROOT, reached without ever following a symlink.  One stays
 * open: the last. */
struct tool_tree {
	int root, fd;             /* fd -1: none */
	char *path;               /* of fd, below root */
	size_t path_len;
};

void tool_tree_init(struct tool_tree *tree, int root);
void tool_tree_release(struct tool_tree *tree);
/* The descriptor (the tree's own) of directory PATH, "" for the root; with MAKE
 * those that are missing are made, mode 0700.  A negative errno on failure. */
int tool_tree_enter(struct tool_tree *tree, const char *path, size_t len, bool make);
/* The same for the directory that holds PATH; *NAME is its last component. */
int tool_tree_parent(struct tool_tree *tree, const char *path, bool make, const char **name);

struct tool_found {
	int dir;                  /* descriptor of the directory it lies in */
	const char *name;         /* in there */
	const char *path;         /* below the root */
	struct stat st;
	int error;                /* negative errno: it could not be looked at */
};
/* Calls VISIT for all below ROOT, directories before what they hold.  VISIT
 * returns true to have a directory entered. */
void tool_tree_walk(int root, bool (*visit)(void *user, const struct tool_found *found), void *user);

/* ---- Extended attributes (tool_xattr.c) ---- */

enum { TOOL_PLACE_MAX = 32 + SRD_NAME_MAX };

/* Calls TAKE for each attribute of NAME in directory DIR that a store keeps and we may
 * restore; -EOPNOTSUPP from it is no error.  0, TAKE's or a negative errno. */
int tool_xattr_each(int dir, const char *name,
                    int (*take)(void *user, const char *name, const void *data, size_t len), void *user);
/* Gives NAME in directory DIR the attributes of KEY.  0 or a negative code. */
int tool_xattr_restore(const struct tool_store *store, const char *key, int dir, const char *name);

/* ---- What keys were (tool_restore.c) ---- */

struct tool_restore {
	struct tool_store *store;
	srd_store *past;
	struct tool_links links;
	struct tool_keys dirs;    /* whose attributes are still to be set */
};

/* KEY of the past, and all below it, becomes KEY of the store; or complains.  Those before it are
 * the same store's and the same past's. */
void tool_restore_key(struct tool_restore *restore, const char *key);
/* The attributes of directories, and all that RESTORE has, but for the stores. */
void tool_restore_end(struct tool_restore *restore);

#endif
