#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mount of a rotten store: EIO for the damaged block, and a line that says where;
# everything else is served, and written to; a lost commit makes it read-only.
. "${srcdir:-.}/tests/mount/common.sh"

# flip OFFSET: one bit of that byte of the store is the other one.
flip() {
	byte=$(od -An -tu1 -j "$1" -N 1 "$work/s.srd")
	printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$work/s.srd" bs=1 seek="$1" conv=notrunc status=none
}

# member NAME KEY: a number that srd stat tells.
member() {
	"$srd" stat --json "$work/s.srd" "$2" | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p"
}

new_store s
head -c 300000 /dev/urandom >"$work/random"
for key in dir/rotten dir/sound lost; do
	expect "$srd" put "$work/s.srd" $key "$work/random"
done
for key in last end; do
	expect "$srd" put "$work/s.srd" $key "$work/random"
	expect "$srd" sync "$work/s.srd"
done
rm -f "$work/s.srd.idx"

section "content"
flip $(($(member offset dir/rotten) + 100000))
mounts="$mounts $work/s"
"$srdfs" -f "$work/s.srd" "$work/s" 2>"$work/said" &
echo $! >"$work/s.pid"
tries=0
until is_mounted s; do
	tries=$((tries + 1))
	[ $tries -le 1200 ] || fail "no mount: $(cat "$work/said")"
	sleep 0.05
done
expect_failure "Input/output error" cat "$work/s/dir/rotten"
expect cmp -n 98304 "$work/s/dir/rotten" "$work/random"
expect_same "$(tail -c +102401 "$work/s/dir/rotten" | cksum)" "$(tail -c +102401 "$work/random" | cksum)" "behind the damage"
expect cmp "$work/s/dir/sound" "$work/random"
expect cp "$work/random" "$work/s/dir/rotten"
expect cmp "$work/s/dir/rotten" "$work/random"
unmount s
# Another process writes it, in its own time.
grep -q 'dir/rotten: damaged: bytes at [0-9]*' "$work/said" || fail "said: $(cat "$work/said")"

section "a commit"
flip $(($(member last_change lost) + 16))
rm -f "$work/s.srd.idx"
mount_store s
expect cmp "$work/s/dir/sound" "$work/random"
expect cmp "$work/s/last" "$work/random"
expect_failure "" cp "$work/random" "$work/s/new"
expect_failure "" rm "$work/s/last"
unmount s
expect "$srd" repair "$work/s.srd"
mount_store s
expect cp "$work/random" "$work/s/lost"
expect cmp "$work/s/dir/rotten" "$work/random"
unmount s
expect "$srd" verify "$work/s.srd"
