#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The store is compacted again and again, now and then killed at it, while it is mounted,
# written to by the mount and by srd, and read from a file that was opened before: nothing is
# lost, and nobody notices.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
m=$work/s
s=$work/s.srd
rounds=20
cp -a "$srcdir/src" "$m/src"
cp "$srcdir/src/srd.h" "$work/wanted"
exec 5<"$m/src/srd.h"
inode=$(stat -c %i "$m/src/srd.h")

section "writers by the mount and by srd, while it is compacted"
(
	for ((i = 1; i <= rounds; i++)); do
		echo "line $i" >>"$m/log"
		head -c $((i * 997)) /dev/urandom >"$m/new"
		mv "$m/new" "$m/file-$((i % 7))"
	done
) &
mounted=$!
(
	for ((i = 1; i <= rounds; i++)); do
		echo "value $i" | "$srd" put "$s" "keys/$i" || exit 1
	done
) &
tool=$!
while kill -0 $mounted 2>/dev/null || kill -0 $tool 2>/dev/null; do
	if [ $((RANDOM % 3)) -eq 0 ]; then
		timeout -s KILL "0.0$((RANDOM % 9 + 1))" "$srd" compact -q "$s" 2>/dev/null || :
	else
		expect "$srd" compact -q "$s"
	fi
done 2>/dev/null
expect wait $mounted
expect wait $tool
expect "$srd" compact -q "$s"

section "nothing is lost"
cmp - "$work/wanted" <&5 || fail "a file that was open before"
exec 5<&-
expect_same "$(stat -c %i "$m/src/srd.h")" "$inode"
expect_same "$(wc -l <"$m/log")" "$rounds"
expect diff -r "$srcdir/src" "$m/src"
for ((i = 1; i <= rounds; i++)); do
	expect_same "$(cat "$m/keys/$i")" "value $i"
done
expect "$srd" verify -q "$s"
unmount s
mount_store s
expect diff -r "$srcdir/src" "$m/src"
expect_same "$(wc -l <"$m/log")" "$rounds"
expect_same "$(stat -c %i "$m/src/srd.h")" "$inode"
[ ! -e "$s.new" ] || fail "a leftover"

section "a log that is held for its past alone leaves room for others"
# In TiB.  Without that each would take 16, of the 128 that there are.
addresses() {
	echo $(($(sed -n 's/^VmSize:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(worker_of s)/status") >> 30))
}
before=$(addresses)
for i in 20 21 22 23 24 25; do
	mkdir "$m/.srd/snapshots/held$i"
	eval "exec $i<\"\$m/.srd/snapshots/held$i/log\""
	expect "$srd" compact -q "$s"
	echo "held $i" >>"$m/log"
done
[ $(($(addresses) - before)) -lt 32 ] || fail "$(addresses) TiB, after $before"
expect_same "$(wc -l <&20)" "$rounds"
for i in 20 21 22 23 24 25; do eval "exec $i<&-"; done

section "what was moved into the root since a snapshot is listed there"
new_store r
mount_store r
mkdir "$work/r/d"
touch "$work"/r/d/{a,b,c}
mkdir "$work/r/.srd/snapshots/before"
mv "$work"/r/d/* "$work/r"
wanted=$(ls -f "$work/r")
expect "$srd" compact -q "$work/r.srd"
expect_same "$(ls -f "$work/r")" "$wanted"
remount r
expect_same "$(ls -f "$work/r")" "$wanted"
expect_same "$("$srd" ls "$work/r.srd")" "$(printf 'a\nb\nc')"
unmount r
