#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reading a mounted store in place: by what the mount tells of a file's place, and by
# the library.
. "${srcdir:-.}/tests/mount/common.sh"

if ! have getfattr || ! have setfattr; then
	echo "skipped: no getfattr"
	exit 77
fi
told() {
	getfattr --only-values -n "user.srd.$1" "$work/s/$2" 2>/dev/null
}
new_store s
mount_store s
seq 1 3000 >"$work/numbers"
cp "$work/numbers" "$work/s/numbers"

section "where a file lies"
expect_same "$(told length numbers)" "$(wc -c <"$work/numbers")"
tail -c +$(($(told offset numbers) + 1)) "$work/s.srd" | head -c "$(told length numbers)" >"$work/found"
expect cmp "$work/numbers" "$work/found"
expect_same "$(told checksum numbers | wc -c)" 16
before=$(told sequence numbers)
chmod 600 "$work/s/numbers"
expect test "$(told sequence numbers)" -gt "$before"

section "also while it is being written"
exec 5>"$work/s/open"
printf 'not closed yet, and longer than what lies beside a name in the log' >&5
tail -c +$(($(told offset open) + 1)) "$work/s.srd" | head -c "$(told length open)" >"$work/found"
expect_same "$(cat "$work/found")" "$(cat "$work/s/open")"
exec 5>&-

section "nothing to list, to set or to copy"
expect_same "$(getfattr -d -m - "$work/s/numbers")" ""
expect_failure "not permitted" setfattr -n user.srd.offset -v 1 "$work/s/numbers"
expect_failure "No such attribute" getfattr -n user.srd.other "$work/s/numbers"
mkdir "$work/s/dir"
expect_failure "No such attribute" getfattr -n user.srd.offset "$work/s/dir"

section "a program that reads it in place"
expect "$top/tools/examples/in-place" "$work/s.srd" numbers open >"$work/sums"
sum=$(od -An -v -tu1 "$work/numbers" | awk '{ for (i = 1; i <= NF; i++) s += $i } END { print s }')
expect_same "$(sed -n 's/.*sum \([0-9]*\): numbers/\1/p' "$work/sums")" "$sum"
unmount s
