#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# full.sh - a store on a file system with no room left: who puts is told so, nothing
# half-done is to be seen, reading goes on, and when there is room all goes on.
# What takes away is done all the same.  On ext4 and xfs in a file, and on memory;
# needs the right to mount.
if [ "$(id -u)" = 0 ] && [ -z "${unshared:-}" ]; then
	# Where nobody looks around, who would keep busy what is to be unmounted.
	unshared=1 exec unshare --mount bash "$0"
fi
. "${srcdir:=.}/tests/e2e/functions.sh"

export SRD_MAP_BYTES=0x10000000
[ "$(id -u)" = 0 ] || skip "only root may mount"
mountpoint=$work/disk
mkdir "$mountpoint" "$work/mount"
trap 'umount "$work/mount" 2>/dev/null; umount -l "$mountpoint" 2>/dev/null; rm -rf "$work"' EXIT
for i in 1 2 3 4 5; do
	head -c $((i * 37000)) /dev/urandom >"$work/value$i"
done
head -c 300000 /dev/urandom >"$work/big"

mount_ext4() {
	command -v mkfs.ext4 >/dev/null || return 1
	truncate -s 16M "$work/$1.image"
	mkfs.ext4 -q -m 0 "$work/$1.image" && mount -o loop "$work/$1.image" "$mountpoint" 2>"$work/why"
}

# 300M is the least that mkfs.xfs makes.
mount_xfs() {
	command -v mkfs.xfs >/dev/null || return 1
	truncate -s 300M "$work/$1.image"
	mkfs.xfs -q -f "$work/$1.image" && mount -o loop "$work/$1.image" "$mountpoint" 2>"$work/why" || return 1
	fallocate -l $(($(df --output=avail -B1 "$mountpoint" | tail -1) - (12 << 20))) "$mountpoint/filler"
}

mount_tmpfs() {
	mount -t tmpfs -o size=8M tmpfs "$mountpoint" 2>"$work/why"
}

all_there() {
	local i
	for i in 1 2 3 4 5; do
		holds "$store" "dir/value$i" "$work/value$i" || return 1
	done
}

# To the last block.
fill() {
	local n
	for n in $(seq 200); do
		put "$store" "big$n" "$work/big" 2>"$work/why" || { echo "$n"; return; }
	done
}

no_room() {
	[ "$(wc -l <"$work/why")" -eq 1 ] && grep -q 'No space left on device' "$work/why"
}

# Ever smaller ones until not even those are taken.
fill_up() {
	local len n=0
	for len in 100000 10000 1000 1; do
		while head -c $len "$work/big" | put "$store" "small$((n += 1))" 2>"$work/why"; do
			test $n -lt 3000 || return 1
		done
	done
	no_room
}

# What is left for others.
fill_rest() {
	! cat /dev/zero 2>/dev/null >"$mountpoint/rest"
}

remove_many() {
	local n
	for n in $(seq 30); do
		srd rm --no-sync "$store" "many/$n" || return 1
	done
}

# Renaming, over another as well, attributes, and what makes a file empty.
take_away() {
	srd mv "$store" dir/value1 dir/moved && srd mv "$store" dir/moved dir/value1 &&
		srd mv "$store" many/31 many/32 && put "$store" many/32 /dev/null
}

# The same through a mount.
in_mount() {
	local mount=$work/mount
	srdfs "$store" "$mount" || return 1
	rm "$mount"/many/3[3-6] && mv "$mount/many/37" "$mount/many/38" && : >"$mount/many/39" &&
		truncate -s 1 "$mount/many/40" && chmod 600 "$mount/many/40" && ! echo more 2>/dev/null >"$mount/more"
	local status=$?
	umount "$mount"
	return $status
}

on() {
	store=$mountpoint/full.srd
	if ! "mount_$1" "$1"; then
		skip "$1 cannot be mounted: $(cat "$work/why" 2>/dev/null)"
	fi
	head -c 2M /dev/zero >"$mountpoint/ballast"
	srd create "$store"
	for i in 1 2 3 4 5; do
		put "$store" "dir/value$i" "$work/value$i"
	done
	for i in $(seq 40); do
		echo "$i" | put "$store" "many/$i"
	done
	local refused
	refused=$(fill)
	ok "$1: after $((refused - 1)) values there is no room" test "${refused:-0}" -gt 5
	ok "$1: and it is said so" no_room
	ok "$1: what was refused is not there" test "$(srd ls "$store" | grep -cx "big$refused")" = 0
	ok "$1: what was there is" all_there
	ok "$1: the last that was taken is whole" holds "$store" "big$((refused - 1))" "$work/big"
	ok "$1: all verifies" srd verify "$store"
	ok "$1: small ones find room until the last block" fill_up
	ok "$1: nor is there any room for others" fill_rest
	ok "$1: many are removed all the same" remove_many
	ok "$1: and renamed, and emptied" take_away
	if [ -c /dev/fuse ]; then
		ok "$1: and in a mount" in_mount
	fi
	ok "$1: but nothing is made" eval '! printf x | put "$store" more 2>"$work/why" && no_room'
	ok "$1: reading goes on" all_there
	rm "$mountpoint/ballast" "$mountpoint/rest"
	ok "$1: with room, what was refused is taken" put "$store" "big$refused" "$work/big"
	ok "$1: and kept" holds "$store" "big$refused" "$work/big"
	ok "$1: removing works" srd rm "$store" big3
	ok "$1: all is there" all_there
	ok "$1: all verifies again" srd verify "$store"
	# Lazily, as a daemon may be ending.
	umount -l "$mountpoint"
}

on tmpfs
on ext4
on xfs
finish
