#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The store file is cut short under a running daemon: what is gone is EIO, what is
# left is served, nothing can be written, and the daemon lives.
. "${srcdir:-.}/tests/mount/common.sh"

# fill: a store with files 1 to 9 of 300 KB each, mounted, and sums of them.
fill() {
	for n in 1 2 3 4 5 6 7 8 9; do
		head -c 300000 /dev/urandom >"$m/$n"
	done
	sync
	(cd "$m" && cksum 1 2 3 4 5 6 7 8 9) >"$work/sums"
}

# The kernel remembers pages that it has read, and need not ask for them again.
forget() {
	echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || :
}

alive() {
	is_running "$(cat "$work/s.pid")" || fail "the daemon has died"
}

new_store s
m=$work/s
mount_store s
fill
remount s
(cd "$m" && cksum 1 9 >/dev/null)   # some are known to be right

section "cut to half"
truncate -s 1400000 "$work/s.srd"
forget
# Size and time may still be remembered; the bytes are what counts.
failed=0
while read -r sum size name; do
	if cat "$m/$name" 2>"$work/said" >"$work/got"; then
		expect_same "$(cksum <"$work/got")" "$sum $size" "$name"
	else
		grep -q "Input/output error" "$work/said" || fail "$name: $(cat "$work/said")"
		failed=$((failed + 1))
	fi
done <"$work/sums"
[ $failed -ge 3 ] || fail "only $failed files are gone"
expect cmp "$m/1" "$m/1"
alive

section "read-only from now on"
expect_failure "Read-only file system" rm "$m/1"
expect_failure "Read-only file system" chmod 600 "$m/2"
expect_failure "Read-only file system" truncate -s 0 "$m/2"
(echo more >>"$m/1") 2>/dev/null && fail "appended"
# A name that is not found may have been one that cannot be read.
expect_failure "Input/output error" mkdir "$m/dir"
expect_failure "Input/output error" stat "$m/none-such"
expect_same "$(stat -c %s "$work/s.srd")" 1400000 "the store's size"
alive

section "cut to nothing"
truncate -s 0 "$work/s.srd"
forget
expect_failure "Input/output error" cat "$m/9"
expect_failure "Input/output error" ls "$m"
expect_same "$(stat -c %s "$work/s.srd")" 0 "the store's size"
alive
unmount s

section "while it is being read and written"
rm "$work/s.srd"
"$srd" create "$work/s.srd"
mount_store s
fill
forget
readers=
for n in 1 2 3; do
	(while cat "$m"/? >/dev/null 2>&1; do :; done) &
	readers="$readers $!"
done
(while echo x >>"$m/log"; do :; done 2>/dev/null) &
readers="$readers $!"
for size in 2500000 2000000 1500000 500000 5000 100; do
	truncate -s $size "$work/s.srd"
	forget
	cat "$m"/? >/dev/null 2>&1 || :
done
# shellcheck disable=SC2086
wait $readers || :
alive
unmount s

section "the tool says what happened"
expect_failure "not match" "$srd" get "$work/s.srd" 1
