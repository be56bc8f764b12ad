#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Appending to one file through two mounts: nothing is lost or overwritten, whatever
# each kernel thinks where the end is.
. "${srcdir:-.}/tests/mount/common.sh"

append=$top/tests/share/append
lines=300

# await_all PID...
await_all() {
	for pid; do
		wait "$pid" || fail "a program failed"
	done
}

new_store s
ln -s s.srd "$work/t.srd"
mkdir "$work/t"

section "who was alone when it opened the file, and then was not"
mount_store s
# What is appended here is not committed yet when others come.
exec 5>>"$work/s/first"
echo "from s" >&5
mount_store t
echo "from t" >>"$work/t/first"
echo "from s again" >&5
exec 5>&-
expect_same "$(sort "$work/t/first")" "from s
from s again
from t"
expect_same "$(cat "$work/s/first")" "$(cat "$work/t/first")"

section "four programs on two mounts"
pids=
for id in 1 2 3 4; do
	place=s
	[ $((id % 2)) = 0 ] || place=t
	"$append" "$work/$place/log" $lines $id &
	pids="$pids $!"
done
# shellcheck disable=SC2086
await_all $pids
expect "$append" "$work/s/log" $lines
expect "$append" "$work/t/log" $lines

section "appending to what others make shorter"
echo "long enough to be cut" >"$work/s/cut"
exec 5>>"$work/s/cut"
: >"$work/t/cut"
echo "end" >&5
exec 5>&-
expect_same "$(cat "$work/t/cut")" "end"

section "mapping what is open for appending elsewhere"
printf 'mapped' >"$work/s/mapped"
exec 5>>"$work/s/mapped"
expect cmp "$work/s/mapped" "$work/t/mapped"
exec 5>&-
unmount t

section "alone again"
"$append" "$work/s/alone" $lines 7
expect "$append" "$work/s/alone" $lines
unmount s
