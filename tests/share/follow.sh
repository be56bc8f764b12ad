#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mount shows what others commit: to the library's program, and to another mount.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s

section "changes by a program"
expect "$top/tests/share/follow" "$work/s.srd" "$work/s"

section "changes by a program, to a mount that reads only"
new_store r
mount_store r -o ro
expect "$top/tests/share/follow" "$work/r.srd" "$work/r"
unmount r

section "two mounts"
ln -s s.srd "$work/t.srd"
mkdir "$work/t"
mount_store t

# await COMMAND...: until it succeeds; far less than what the kernel was told it may
# believe.
await() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -le 2000 ] || fail "never: $*"
		sleep 0.01
	done
}
holds() {
	[ "$(cat "$1")" = "$2" ]
}
ls "$work/s" "$work/t" >"$work/lists"
echo one >"$work/s/file"
await holds "$work/t/file" one
echo two >"$work/t/file"
await holds "$work/s/file" two
exec 5<"$work/s/file"
rm "$work/t/file"
await test ! -e "$work/s/file"
expect_same "$(cat <&5)" two
exec 5<&-

section "programs at work on both"
mkdir "$work/tree"
i=0
while [ $i -lt 200 ]; do
	mkdir -p "$work/tree/$((i % 7))"
	seq $i $((i * 13)) >"$work/tree/$((i % 7))/$i"
	i=$((i + 1))
done
cp -r "$work/tree" "$work/s/tree" &
copier=$!
while kill -0 $copier 2>/dev/null; do
	diff -r "$work/tree" "$work/t/tree" >"$work/diff" 2>&1 || :
done
wait $copier
same() {
	diff -r "$work/tree" "$work/t/tree" >"$work/diff" 2>&1
}
await same
unmount t
unmount s
