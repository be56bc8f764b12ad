#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mounts that are strict, or have the store alone; and what becomes of a mount whose
# store is taken away from under it.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s

section "strict: what was put is read by whoever reads afterwards"
mount_store s -o strict
i=0
while [ $i -lt 40 ]; do
	echo "$i" | "$srd" put "$work/s.srd" "key-$((i % 3))"
	expect_same "$(cat "$work/s/key-$((i % 3))")" "$i"
	"$srd" mv "$work/s.srd" "key-$((i % 3))" "moved-$i"
	[ ! -e "$work/s/key-$((i % 3))" ] || fail "a key that was renamed is still there"
	expect_same "$(cat "$work/s/moved-$i")" "$i"
	i=$((i + 1))
done
# It maps its files.
is_before 6.6 || expect "$top/tests/posix/fsx" -s 1 -n 1000 "$work/s/fsx"
unmount s

section "exclusive: others are refused, and told by whom"
mount_store s -o exclusive
expect_failure "$(cat "$work/s.pid") on $(uname -n)" "$srd" ls "$work/s.srd"
expect_failure "$(cat "$work/s.pid") on $(uname -n)" "$srd" put "$work/s.srd" key /dev/null
mkdir "$work/second"
expect_failure "$(cat "$work/s.pid") on $(uname -n)" "$srdfs" -o ro "$work/s.srd" "$work/second"
unmount s
expect "$srd" ls "$work/s.srd" >"$work/list"

section "exclusive: who is killed leaves no lock behind"
mount_store s -o exclusive
kill_daemon s
expect "$srd" put "$work/s.srd" after /dev/null
mount_store s
expect_same "$(ls "$work/s/after")" "$work/s/after"
unmount s

section "single_writer: others may read"
mount_store s -o single_writer
echo content >"$work/s/file"
expect_same "$("$srd" get "$work/s.srd" file)" content
expect_failure "$(cat "$work/s.pid") on $(uname -n)" "$srd" put "$work/s.srd" key /dev/null
expect_failure "$(cat "$work/s.pid") on $(uname -n)" "$srdfs" "$work/s.srd" "$work/second"
unmount s
mount_store s
expect_failure "open" "$srdfs" -o single_writer "$work/s.srd" "$work/second"
expect_failure "open" "$srdfs" -o writeback "$work/s.srd" "$work/second"
unmount s

section "writeback"
mount_store s -o writeback
expect_failure "$(cat "$work/s.pid") on $(uname -n)" "$srd" ls "$work/s.srd"
seq 1 20000 >"$work/numbers"
cp "$work/numbers" "$work/s/numbers"
i=0
while [ $i -lt 200 ]; do echo $i >>"$work/s/log"; i=$((i + 1)); done
expect_same "$(cat "$work/s/log")" "$(seq 0 199)"
expect "$top/tests/posix/fsx" -s 2 -n 1000 "$work/s/fsx"
remount s
expect cmp "$work/numbers" "$work/s/numbers"
expect_same "$(cat "$work/s/log")" "$(seq 0 199)"
unmount s

# gone: everything asked of the mount fails, though the kernel remembers.
section "another store under its name"
expect "$srd" create "$work/other.srd"
mount_store s
exec 5>>"$work/s/log"
mv "$work/other.srd" "$work/s.srd"
tries=0
while ls "$work/s" >"$work/list" 2>&1; do
	tries=$((tries + 1))
	[ $tries -le 2000 ] || fail "a mount whose store was replaced goes on"
	sleep 0.01
done
expect_failure "Input/output error" ls "$work/s"
expect_failure "Input/output error" touch "$work/s/new"
if echo lost 2>"$work/said" >&5; then fail "wrote to a store that was replaced"; fi
exec 5>&-
unmount s || :
mount_store s
expect_same "$(ls "$work/s")" ""
unmount s

section "an older copy written over it"
mount_store s
echo old >"$work/s/file"
unmount s
cp "$work/s.srd" "$work/older.srd"
mount_store s
seq 1 5000 >"$work/s/file"
sync "$work/s/file"
cat "$work/older.srd" >"$work/s.srd"
tries=0
while ls "$work/s" >"$work/list" 2>&1; do
	tries=$((tries + 1))
	[ $tries -le 2000 ] || fail "a mount whose store was rolled back goes on"
	sleep 0.01
done
expect_failure "Input/output error" touch "$work/s/new"
unmount s
expect_same "$("$srd" get "$work/s.srd" file)" old
