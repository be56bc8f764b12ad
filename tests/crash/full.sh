#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# full.sh - a store on a file system with no room left: who puts is told so, nothing
# half-done is to be seen, reading goes on, and when there is room all goes on.
# On ext4 in a file, and on memory; needs the right to mount.
. "${srcdir:=.}/tests/e2e/functions.sh"

export SRD_MAP_BYTES=0x10000000
[ "$(id -u)" = 0 ] || skip "only root may mount"
mountpoint=$work/disk
mkdir "$mountpoint"
trap 'umount "$mountpoint" 2>/dev/null; rm -rf "$work"' EXIT
for i in 1 2 3 4 5; do
	head -c $((i * 37000)) /dev/urandom >"$work/value$i"
done
head -c 300000 /dev/urandom >"$work/big"

mount_ext4() {
	command -v mkfs.ext4 >/dev/null || return 1
	truncate -s 16M "$work/image"
	mkfs.ext4 -q -m 0 "$work/image" && mount -o loop "$work/image" "$mountpoint" 2>"$work/why"
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

fill() {
	local n
	for n in $(seq 200); do
		put "$store" "big$n" "$work/big" 2>"$work/why" || { echo "$n"; return; }
	done
}

no_room() {
	[ "$(wc -l <"$work/why")" -eq 1 ] && grep -q 'No space left on device' "$work/why"
}

# Done, or refused for want of room; nothing else.
may_remove() {
	srd rm "$store" "$1" 2>"$work/why" || no_room
}

on() {
	store=$mountpoint/full.srd
	if ! "mount_$1"; then
		skip "$1 cannot be mounted: $(cat "$work/why" 2>/dev/null)"
	fi
	head -c 2M /dev/zero >"$mountpoint/ballast"
	srd create "$store"
	for i in 1 2 3 4 5; do
		put "$store" "dir/value$i" "$work/value$i"
	done
	local refused
	refused=$(fill)
	ok "$1: after $((refused - 1)) values there is no room" test "${refused:-0}" -gt 5
	ok "$1: and it is said so" no_room
	ok "$1: what was refused is not there" test "$(srd ls "$store" | grep -cx "big$refused")" = 0
	ok "$1: what was there is" all_there
	ok "$1: the last that was taken is whole" holds "$store" "big$((refused - 1))" "$work/big"
	ok "$1: all verifies" srd verify "$store"
	ok "$1: removing is done, or refused for the same reason" may_remove big1
	ok "$1: and again" may_remove big2
	ok "$1: small ones too" eval 'printf x | put "$store" small 2>"$work/why" || no_room'
	ok "$1: reading goes on" all_there
	rm "$mountpoint/ballast"
	ok "$1: with room, what was refused is taken" put "$store" "big$refused" "$work/big"
	ok "$1: and kept" holds "$store" "big$refused" "$work/big"
	ok "$1: removing works" srd rm "$store" big3
	ok "$1: all is there" all_there
	ok "$1: all verifies again" srd verify "$store"
	umount "$mountpoint"
}

on tmpfs
on ext4
finish
