#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# power.sh - the power goes while programs work in a mounted store: a database twice
# over, rsync, and one that syncs each file (fsworker), in a real daemon on a real file
# system on a disk that remembers (blocklog); then the disk as any cut may have left it
# (powercut), mounted again, the store mounted again, and everything held against
# what the programs had been told to be durable.
#
#     CRASH_STATES=N|all   cuts on each file system: 3, or 50
#     CRASH_SEED=N
#
# A daemon that leaves out fdatasync must be found out: that is the test of the test.
# Needs the right to mount, loop devices and /dev/fuse.
if [ "$(id -u)" = 0 ] && [ -z "${unshared:-}" ]; then
	# Where nobody looks around, who would keep busy what is to be unmounted.
	unshared=1 exec unshare --mount bash "$0"
fi
. "${srcdir:=.}/tests/e2e/functions.sh"

[ "$(id -u)" = 0 ] || skip "only root may mount"
[ -e /dev/fuse ] && [ -e /dev/loop-control ] || skip "no /dev/fuse or no loop devices"
crash=$(cd "$builddir" && pwd)/tests/crash
cuts=3 cuts_of_liar=4
[ "${CRASH_STATES-}" != all ] || cuts=50
seed=${CRASH_SEED:-$(date +%s)}
rm -rf "$work"
if [ "${1-}" = look ]; then
	work=$2
	trap - EXIT
else
	work=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/srd-power-XXXXXX")
fi

# A daemon has its file until it has ended.
unmount() {
	local tries=0
	while mountpoint -q "$1" && ! umount "$1" 2>/dev/null && [ $((tries += 1)) -lt 600 ]; do
		sleep 0.1
	done
}

clear() {
	unmount "$work/mount"
	unmount "$work/fs"
	[ -z "${loop-}" ] || losetup -d "$loop"
	loop=
	unmount "$work/raw"
	[ -z "${disk-}" ] || wait "$disk"
	disk=
}

make_tree() {
	local n
	for n in $(seq 24); do
		mkdir -p "$work/tree/$((n % 4))"
		head -c $((n * n * 200)) /dev/urandom >"$work/tree/$((n % 4))/$n"
	done
}

# ---- the programs, each noting what is durable ----

# Every row can be told to be whole.
transactions() {
	local n
	echo "PRAGMA journal_mode=$1; PRAGMA synchronous=EXTRA; CREATE TABLE t(n INTEGER PRIMARY KEY, v BLOB, start TEXT);"
	for n in $(seq 30); do
		echo "BEGIN; INSERT INTO t(n, v) VALUES ($n, randomblob($((n * 331 % 9000 + 20))));"
		echo "UPDATE t SET v = randomblob($((n * 177 % 5000 + 20))) WHERE n = $((n / 2));"
		echo "UPDATE t SET start = hex(substr(v, 1, 16)) WHERE n IN ($n, $((n / 2))); COMMIT;"
		echo ".system echo $1 $n >$work/raw/note"
	done
}

run_database() {
	transactions "$1" | sqlite3 -bail "$work/mount/$1.db" >/dev/null
}

run_rsync() {
	local n
	for n in 1 2 3; do
		rsync -a --fsync "$work/tree/" "$work/mount/tree$n/" && sync "$work/mount/tree$n" || return
		echo "tree $n" >"$work/raw/note"
	done
}

run_programs() {
	local pids=() pid status=0
	mkdir "$work/mount/files" && sync "$work/mount" && echo start >"$work/raw/note" || return
	"$crash/fsworker" work "$work/mount/files" "$work/raw/note" 1 50 sync &
	pids+=($!)
	if command -v sqlite3 >/dev/null; then
		run_database wal & pids+=($!)
		run_database delete & pids+=($!)
	fi
	if command -v rsync >/dev/null; then
		run_rsync & pids+=($!)
	fi
	for pid in "${pids[@]}"; do
		wait "$pid" || status=1
	done
	return $status
}

# ---- what must hold afterwards; run by powercut as `power.sh look WORK` ----

noted() {
	awk -v kind="$1" '$1 == kind { n = $2 } END { print n + 0 }' "$work/image.notes"
}

database_is_kept() {
	local db=$work/mount/$1.db rows
	[ -e "$db" ] || { [ "$(noted "$1")" -eq 0 ]; return; }
	[ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ] || return 1
	[ "$(noted "$1")" -gt 0 ] || return 0
	rows=$(sqlite3 "$db" 'SELECT count(*) FROM t WHERE start = hex(substr(v, 1, 16)) AND n <= (SELECT count(*) FROM t)')
	[ "$rows" -ge "$(noted "$1")" ] && [ "$rows" -le $(($(noted "$1") + 1)) ]
}

# rsync writes to a name with a dot, syncs, and renames: what has its name is whole.
tree_is_kept() {
	local file
	[ "$1" -gt "$(noted tree)" ] || diff -r "$work/tree" "$work/mount/tree$1" || return 1
	[ -d "$work/mount/tree$1" ] || return 0
	find "$work/mount/tree$1" -type f ! -name '.*' | while read -r file; do
		cmp "$file" "$work/tree/${file#"$work/mount/tree$1/"}" || return 1
	done
}

kept() {
	"$@" || { echo "# not kept: $*"; return 1; }
}

all_is_kept() {
	kept "$crash/fsworker" check "$work/mount/files" "$(noted change)" &&
	kept database_is_kept wal && kept database_is_kept delete &&
	kept tree_is_kept 1 && kept tree_is_kept 2 && kept tree_is_kept 3 &&
	kept srd verify -q "$work/fs/power.srd" &&
	kept eval "echo on >'$work/mount/goes'" &&
	kept eval "[ \$(cat '$work/mount/goes') = on ]"
}

look() {
	local status
	kept mount -o loop "$work/image" "$work/fs" || return 1
	kept srdfs "$work/fs/power.srd" "$work/mount" && all_is_kept
	status=$?
	unmount "$work/mount"
	unmount "$work/fs"
	return $status
}

# ---- together ----

mkfs_ext4() {
	mkfs.ext4 -q -m 0 -E nodiscard "$1"
}

mkfs_xfs() {
	mkfs.xfs -q -K "$1"
}

# record FILESYSTEM [VARIABLE=VALUE...], of the daemon.
record() {
	local filesystem=$1
	shift
	"$crash/blocklog" "$work/log" "$bytes" "$work/backing" "$work/raw" -f &
	disk=$!
	for _ in $(seq 200); do
		[ ! -e "$work/raw/disk" ] || break
		sleep 0.05
	done
	loop=$(losetup -f --show "$work/raw/disk") &&
	"mkfs_$filesystem" "$loop" &&
	mount "$loop" "$work/fs" &&
	srd create "$work/fs/power.srd" &&
	env "$@" srdfs "$work/fs/power.srd" "$work/mount" &&
	run_programs
}

# cut FILESYSTEM BYTES CUTS [VARIABLE=VALUE...]: prints what powercut says.
cut() {
	local filesystem=$1 cuts=$3 status
	bytes=$2
	shift 3
	record "$filesystem" "$@"
	status=$?
	clear
	rm -f "$work/backing"
	[ $status -eq 0 ] || { echo "not ok - the programs do not come to their end"; return 1; }
	"$crash/powercut" "$work/log" "$bytes" "$cuts" "$seed" "$work/image" "$0 look $work"
	status=$?
	rm -f "$work/image" "$work/log"
	return $status
}

on() {
	command -v "mkfs.$1" >/dev/null || { echo "# no mkfs.$1"; return; }
	cut "$1" "$2" "$cuts" >"$work/said"
	ok "$1: $(grep -a 'ok 1 -\|not ok' "$work/said" | sed 's/^.*ok [1 ]*- //')" grep -qa '^ok' "$work/said"
	grep -a '^#' "$work/said"
}

# A disk is one thing, a daemon that does not ask for it another.
find_out_liar() {
	echo 'int fdatasync(int fd) { (void)fd; return 0; }' |
		${CC:-cc} -shared -fPIC -o "$work/liar.so" -x c - || return
	cut ext4 $((64 << 20)) "$cuts_of_liar" "LD_PRELOAD=$work/liar.so" ASAN_OPTIONS=verify_asan_link_order=0 >"$work/said"
	ok "a daemon that does not sync is found out: $(grep -a '^# not kept' "$work/said" | head -n 1)" \
		grep -qa '^not ok 1 ' "$work/said"
}

if [ "${1-}" = look ]; then
	look
	exit
fi
trap 'clear; rm -rf "$work"' EXIT
mkdir "$work/raw" "$work/fs" "$work/mount"
make_tree
echo "# CRASH_SEED=$seed"
on ext4 $((64 << 20))
on xfs $((320 << 20))
find_out_liar
finish
