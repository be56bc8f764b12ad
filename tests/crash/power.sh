#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# power.sh - the power goes while a program works in a mounted store: a real daemon
# on a real file system on a disk that remembers (blocklog), then the disk as any
# cut may have left it (powercut), mounted again, and the store opened.
#
#     CRASH_STATES=N|all   cuts on each file system: 20, or 60
#     CRASH_SEED=N
#
# Needs the right to mount, loop devices and /dev/fuse.
. "${srcdir:=.}/tests/e2e/functions.sh"

[ "$(id -u)" = 0 ] || skip "only root may mount"
[ -e /dev/fuse ] && [ -e /dev/loop-control ] || skip "no /dev/fuse or no loop devices"
crash=$(cd "$builddir" && pwd)/tests/crash
cuts=20
[ "${CRASH_STATES-}" != all ] || cuts=60
seed=${CRASH_SEED:-$(date +%s)}
[ ! -w /dev/shm ] || { rm -rf "$work"; work=$(mktemp -d /dev/shm/srd-power-XXXXXX); }
mkdir "$work/raw" "$work/fs" "$work/mount"
echo "# CRASH_SEED=$seed"

clear() {
	umount "$work/mount" 2>/dev/null
	umount "$work/fs" 2>/dev/null
	[ -z "${loop-}" ] || losetup -d "$loop"
	loop=
	umount "$work/raw" 2>/dev/null
	[ -z "${disk-}" ] || wait "$disk"
	disk=
}
trap 'clear; rm -rf "$work"' EXIT

# A program, a daemon, a file system and the disk, one on the other.
record() {
	"$crash/blocklog" "$work/log" "$bytes" "$work/backing" "$work/raw" -f &
	disk=$!
	for _ in $(seq 100); do
		[ ! -e "$work/raw/disk" ] || break
		sleep 0.05
	done
	loop=$(losetup -f --show "$work/raw/disk") &&
	"mkfs_$1" "$loop" &&
	mount "$loop" "$work/fs" &&
	srd create "$work/fs/power.srd" &&
	srdfs "$work/fs/power.srd" "$work/mount" &&
	"$crash/fsworker" work "$work/mount" "$work/raw/note" 60
}

mkfs_ext4() {
	mkfs.ext4 -q -m 0 -E nodiscard "$1"
}

mkfs_xfs() {
	mkfs.xfs -q -K "$1"
}

# Run by powercut, for each cut.
cat >"$work/look" <<END
#!/bin/sh
mount -o loop '$work/image' '$work/fs' || exit 1
'$crash/fsworker' check '$work/fs/power.srd' "\$1"
status=\$?
umount '$work/fs'
exit \$status
END
chmod +x "$work/look"

on() {
	bytes=$2
	command -v "mkfs.$1" >/dev/null || skip "no mkfs.$1"
	record "$1"
	local recorded=$?
	clear
	rm -f "$work/backing"
	ok "$1: a program works in the mount" test $recorded -eq 0
	[ $recorded -eq 0 ] || return
	"$crash/powercut" "$work/log" "$bytes" "$cuts" "$seed" "$work/image" "$work/look" |
		sed "s/^ok 1 -/ok - $1:/; s/^not ok 1 -/not ok - $1:/; /^1\.\./d"
	[ "${PIPESTATUS[0]}" -eq 0 ] || failed=1
	rm -f "$work/image" "$work/log"
}

on ext4 $((64 << 20))
on xfs $((320 << 20))
finish
