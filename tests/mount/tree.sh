#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A hard tree, carried in and out by cp, tar and cpio: what goes in comes out, now
# and after a remount; and what find and du say of it.
. "${srcdir:-.}/tests/mount/common.sh"
. "${srcdir:-.}/tests/mount/hard.sh"

new_store s
mount_store s
m=$work/s
make_tree "$work/tree"

section "cp -a, in and out"
cp -a "$work/tree" "$m/cp"
same_tree "$work/tree" "$m/cp"
expect_same "$(stat -c %h "$m/cp/random")" 3
expect_same "$(stat -c %i "$m/cp/random")" "$(stat -c %i "$m/cp/deep/random-again")"
cp -a "$m/cp" "$work/cp"
same_tree "$work/tree" "$work/cp"
rm -r "$work/cp"

section "cp -a within the store"
cp -a "$m/cp" "$m/again"
same_tree "$m/cp" "$m/again"
rm -r "$m/again"

section "du and find say what they say of the original"
# Of all but directories, whose size is their file system's own business.
apparent() {
	(cd "$1" && find . ! -type d -print0 | du -bc --files0-from=- | tail -n 1)
}
expect_same "$(apparent "$m/cp")" "$(apparent "$work/tree")"
[ "$(stat -c %b "$m/cp/sparse")" -lt 100 ] || fail "holes take space"
expect_same "$(stat -c %b "$m/cp/hole")" 0
looked_for() {
	(cd "$1" && find . \( -size +1M -o -links +1 -o -newermt 2050-01-01 -o -empty -type f -o -perm -4000 \
		-o -type l -lname 'no*' \) | sort)
}
expect_same "$(looked_for "$m/cp")" "$(looked_for "$work/tree")"
expect_same "$(find "$m/cp/many" -type f | wc -l)" 700
expect_same "$(grep -rlx 'content of 1.' "$m/cp/many" | wc -l)" 10

section "tar, in and out"
set -- --warning=no-timestamp --format=posix --numeric-owner -S --acls --xattrs '--xattrs-include=*'
tar -C "$work" "$@" -cf "$work/in.tar" tree 2>"$work/said" || fail "tar: $(cat "$work/said")"
tar -C "$m" "$@" -xpf "$work/in.tar"
# tar carries no sockets.
(cd "$m/tree" && perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die')
touch -r "$work/tree/socket" "$m/tree/socket"
touch -r "$work/tree" "$m/tree"
same_tree "$work/tree" "$m/tree"
tar -C "$m" "$@" -cf "$work/out.tar" tree 2>"$work/said" || fail "tar: $(cat "$work/said")"
tar -C "$work" -df "$work/out.tar" || fail "tar finds differences"

if have cpio; then
	section "cpio"
	mkdir "$m/cpio" "$work/cpio"
	(cd "$work/tree" && find . ! -type s -print0 | cpio -0 --quiet -o -H newc) |
		(cd "$m/cpio" && cpio --quiet -idm)
	(cd "$m/cpio" && find . -print0 | cpio -0 --quiet -pdm "$work/cpio")
	# Without what its format has no room for: times, attributes, links of symlinks.
	kinds() {
		(cd "$1" && find . ! -type d ! -type s -printf '%p %y %m %U:%G %s %l\n' -type f -printf '%p %n\n' | sort)
	}
	for copy in "$m/cpio" "$work/cpio"; do
		expect_same "$(kinds "$copy" | cksum)" "$(kinds "$work/tree" | cksum)" "cpio"
		expect_same "$(contents "$copy" | cksum)" "$(contents "$work/tree" | cksum)" "cpio"
	done
	rm -r "$m/cpio" "$work/cpio"
fi

section "moving and removing"
mkdir "$m/into"
mv "$m/cp" "$m/into/moved"
same_tree "$work/tree" "$m/into/moved"
mv "$m/into/moved/many" "$m/into/many"
# shellcheck disable=SC2016
expect_failure "Invalid argument" perl -e 'rename($ARGV[0], "$ARGV[0]/below") or die "$!\n"' "$m/into"
expect_failure "Directory not empty" rmdir "$m/into"
mv "$m/into/moved" "$work/out"
expect_failure "No such file" stat "$m/into/moved"
rm -r "$work/out" "$m/into"
expect_failure "No such file" stat "$m/into"

section "the same after a remount"
(cd "$m" && find . -printf '%p %i\n' | sort) >"$work/numbers"
remount s
(cd "$m" && find . -printf '%p %i\n' | sort) | diff -a "$work/numbers" - || fail "inode numbers changed"
same_tree "$work/tree" "$m/tree"
rm -r "$m/tree"
expect_same "$(ls -A "$m")" ""
unmount s
expect "$srd" verify "$work/s.srd"
