#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# -o compact=auto: of two mounts one compacts the store by itself when much of it is dead, and nobody
# notices.  Who is killed over compaction leaves a file that the next who opens the store sweeps.
. "${srcdir:-.}/tests/mount/common.sh"

s=$work/s.srd

# Until some mount has said so, or anything else about it; a test that hangs is ended by who runs it.
await_generation() {
	until "$srd" info "$s" | grep -q "generation $1"; do
		sleep 0.1
	done
}

new_store s
mount_store s -o compact=auto:100:1M
mkdir "$work/other"
mounts="$mounts $work/other"
expect "$srdfs" -o compact=auto:100:1M "$s" "$work/other"

section "not before it is worth it"
head -c 200000 /dev/urandom >"$work/wanted"
cp "$work/wanted" "$work/s/kept"
exec 5<>"$work/s/open"
echo "of no name" >&5
rm "$work/s/open"
inode=$(stat -c %i "$work/s/kept")
"$srd" info "$s" | grep -q 'generation 1' || fail "compacted for nothing"

section "by itself, and nobody notices"
for ((i = 0; i < 30; i++)); do
	cp "$work/wanted" "$work/s/again"
done
await_generation 2
[ "$(stat -c %s "$s")" -lt 1500000 ] || fail "$(stat -c %s "$s") bytes are left"
expect cmp "$work/wanted" "$work/s/kept"
expect cmp "$work/wanted" "$work/other/again"
expect_same "$(stat -c %i "$work/other/kept")" "$inode"
expect_same "$(head -c 10 /dev/fd/5)" "of no name"
exec 5<&-
[ ! -e "$s.new" ] || fail "a leftover"

section "a leftover is swept by who opens the store next, but for somebody's own"
expect fusermount3 -u "$work/other"
unmount s
head -c 4096 "$s" >"$s.new"
expect "$srd" ls "$s" >/dev/null
[ -e "$s.new" ] || fail "a file that is no successor was removed"
rm "$s.new"
# So slow that it is at it still when it is killed.
"$srd" compact -q -r 1K "$s" &
compactor=$!
until [ -s "$s.new" ]; do
	is_running $compactor || fail "compaction ended"
	sleep 0.01
done
expect "$srd" ls "$s" >/dev/null
expect "$srd" put "$s" meanwhile <"$work/wanted"
[ -e "$s.new" ] || fail "swept from under who writes it"
kill -s KILL $compactor
wait $compactor 2>/dev/null || :
mount_store s
[ ! -e "$s.new" ] || fail "a leftover was not swept"
expect "$srd" verify -q "$s"
unmount s

section "options"
expect_failure "bad value" "$srdfs" -o compact=soon "$s" "$work/s"
expect_failure "bad value" "$srdfs" -o compact=auto:0 "$s" "$work/s"
expect_failure "do not go together" "$srdfs" -o ro,compact=auto "$s" "$work/s"
