#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The store is trimmed again and again while it is mounted, written to by the mount and by srd,
# and has files open that lost their names, also when the worker dies: what is live stays, what
# was given up is known to be, and told from damage.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
m=$work/s
s=$work/s.srd

fallocate -l 64K "$work/hole" 2>/dev/null && fallocate -p -l 64K "$work/hole" 2>/dev/null || {
	echo "skipped: no holes here"
	exit 77
}

# KiB that the store takes on disk.
taken() {
	du -k "$s" | cut -f 1
}

mount_store s
cp -a "$srcdir/src" "$m/src"
head -c 3000000 /dev/urandom >"$work/big"
cp "$work/big" "$m/gone"
exec 5<"$m/gone"
rm "$m/gone"
rounds=12
writers=()

section "writers by the mount and by srd, while it is trimmed"
for i in 1 2; do
	(
		for ((n = 1; n <= rounds; n++)); do
			head -c $((n * 40000)) "$work/big" >"$m/new$i"
			mv "$m/new$i" "$m/mounted$i-$((n % 3))"
			cmp -s "$m/mounted$i-$((n % 3))" <(head -c $((n * 40000)) "$work/big") || exit 1
			echo "line $n" >>"$m/log$i"
			dd if="$work/big" of="$m/part$i" bs=4096 seek=$((n % 5 * 3)) count=20 conv=notrunc status=none
		done
	) &
	writers+=($!)
done
for i in 1 2; do
	(
		for ((n = 1; n <= rounds; n++)); do
			head -c $((n * 40000)) "$work/big" | "$srd" put "$s" "tool$i/$((n % 3))" || exit 1
			cmp -s <("$srd" get "$s" "tool$i/$((n % 3))") <(head -c $((n * 40000)) "$work/big") || exit 1
		done
	) &
	writers+=($!)
done
while [ -n "$(jobs -pr)" ]; do
	expect "$srd" trim -q "$s" >>"$work/trims"
done
for writer in "${writers[@]}"; do
	expect wait "$writer"
done
expect cmp "$work/big" - <&5
expect diff -r "$srcdir/src" "$m/src"

cp "$work/big" "$m/gone"
exec 8<"$m/gone"
rm "$m/gone"
if goes_on; then
	section "whose worker dies"
	exec 6<"$m/log1"
	exec 7<"$m/src/srd.h"
	keeper=$(cat "$work/s.pid")
	for _ in 1 2 3; do
		worker=$(worker_of s)
		# Nobody takes its place before it was trimmed.
		kill -s STOP "$keeper"
		kill -s KILL "$worker"
		while is_running "$worker"; do sleep 0.02; done
		expect "$srd" trim "$s" >"$work/trimmed"
		kill -s CONT "$keeper"
		grep -q 'what others who have it open may still use stays' "$work/trimmed" || fail "$(cat "$work/trimmed")"
		expect cmp "$work/big" /proc/self/fd/8
		expect cmp "$srcdir/src/srd.h" /proc/self/fd/7
	done
	exec 6<&- 7<&-
fi

section "what is open without a name is all that stays"
exec 5<&-
expect "$srd" trim -q "$s" >>"$work/trims"
before=$(taken)
[ "$before" -ge 2900 ] || fail "$before KiB"
exec 8<&-
# The mount gives it up when the kernel has told it so.
tries=0
until [ "$(taken)" -le $((before - 2800)) ]; do
	tries=$((tries + 1))
	[ $tries -le 10 ] || fail "before $before KiB, after $(taken): $(cat "$work/trims")"
	expect "$srd" trim -q "$s" >>"$work/trims"
done
# Blocks shared with what lives, and the reserve behind the end.
live=$("$srd" info --json "$s" | sed -n 's/.*"live_bytes": \([0-9]*\).*/\1/p')
[ "$(taken)" -le $((live / 1024 + 10000)) ] || fail "$(taken) KiB for $live live bytes"

section "all is there, and what was given up is known"
expect diff -r "$srcdir/src" "$m/src"
for i in 1 2; do
	expect_same "$(wc -l <"$m/log$i")" $rounds
	for ((n = rounds - 2; n <= rounds; n++)); do
		expect cmp "$m/mounted$i-$((n % 3))" <(head -c $((n * 40000)) "$work/big")
		expect cmp "$m/tool$i/$((n % 3))" <(head -c $((n * 40000)) "$work/big")
	done
done
expect "$srd" verify "$s" >"$work/verified"
grep -q ' of the past were trimmed$' "$work/verified" || fail "$(cat "$work/verified")"
cp -a "$m" "$work/copy"
unmount s
mount_store s
expect diff -r "$work/copy" "$m"

section "the past, by a mount, has its names, and says what it lacks"
"$srd" put "$s" given "$work/big"
point=$("$srd" info --json "$s" | sed -n 's/.*"commits": \([0-9]*\).*/\1/p')
"$srd" rm "$s" given
unmount s
expect "$srd" trim -q "$s" >>"$work/trims"
mount_store s -o "ro,at=$point"
expect_same "$(stat -c %s "$m/given")" 3000000
expect_failure "No data available" sh -c 'exec cat "$1" >/dev/null' - "$m/given"
expect diff -r "$srcdir/src" "$m/src"
unmount s

section "damage beside holes is damage"
at=$("$srd" stat --json "$s" tool1/0 | sed -n 's/.*"offset": \([0-9]*\).*/\1/p' | head -n 1)
printf '\x5a\xa5' | dd of="$s" bs=1 seek=$((at + 5000)) conv=notrunc status=none
if "$srd" verify -q "$s" >"$work/verified"; then
	fail "damage beside holes is not found"
fi
expect_same "$(grep -c ^damaged "$work/verified")" 1
mount_store s
expect_failure "Input/output error" sh -c 'exec cat "$1" >/dev/null' - "$m/tool1/0"
expect diff -r "$srcdir/src" "$m/src"
unmount s
