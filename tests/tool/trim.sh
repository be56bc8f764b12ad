#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What trim gives back, what it leaves alone, and that the one is told from damage.
. "${srcdir:-.}/tests/tool/lib.sh"

# taken: KiB that the store takes on disk.
taken() {
	du -k s.srd | cut -f 1
}

# member NAME ARGUMENT...: a number out of srd's JSON.
member() {
	local name=$1
	shift
	"$srd" "$@" | sed -n "s/.*\"$name\": \([0-9]*\).*/\1/p" | head -1
}

# holds KEY FILE
holds() {
	"$srd" get s.srd "$1" >got 2>err && cmp -s got "$2" || fail "$1 is not what was put: $(cat err)"
}

sound() {
	"$srd" verify -q s.srd >out || fail "$1: $(cat out)"
}

fallocate -l 64K hole 2>/dev/null && fallocate -p -l 64K hole 2>/dev/null || { echo 'no holes here' >&2; exit 77; }

head -c 3000000 /dev/urandom >one
head -c 3000000 /dev/urandom >two
head -c 100000 /dev/urandom >small
works create s.srd
works put s.srd a one
works put s.srd b one
works put s.srd c two
works put s.srd small/1 small
works cp s.srd a shared
works trim s.srd
grep -q '^s.srd: 0 B were given back' out || fail "nothing is dead: $(cat out)"

# Removed, and written over; but not what a copy shares.
works rm s.srd a
works put s.srd b two
works put s.srd small/1 two
before=$(taken)
works trim --dry-run s.srd
grep -q '^s.srd: [23]\.[0-9] MiB would be given back' out || fail "dry run: $(cat out)"
same 'a dry run' "$before" "$(taken)"
size=$(stat -c %s s.srd)
works trim s.srd
grep -q '^s.srd: [23]\.[0-9] MiB were given back, it takes ' out || fail "trim: $(cat out)"
[ "$(taken)" -le $((before - 2800)) ] || fail "trim: $before KiB before, $(taken) behind"
[ "$(stat -c %s s.srd)" -ge "$size" ] || fail 'the file became shorter'
holds shared one
holds b two
holds c two
holds small/1 two
works verify s.srd
grep -q '^note: [23]\.[0-9] MiB of the past were trimmed$' out || fail "verify: $(cat out)"
works trim s.srd
grep -q '^s.srd: 0 B were given back' out || fail "once more: $(cat out)"
refuses 1 'srd get: s.srd: b: trimmed: the bytes were given up' get --at 2 s.srd b
"$srd" ls --at 2 s.srd | grep -qx b || fail 'the past has lost its names'
works get --at 1 s.srd a
cmp -s out one || fail 'a version whose bytes a copy shares'
# An image knows, too.
works sync s.srd
works verify s.srd

# What is to be kept is.
point=$(member sequence info --json s.srd)
[ -n "$point" ] || point=$(member commits info --json s.srd)
works rm s.srd c
works rm s.srd shared
works trim --keep-since "$point" s.srd
grep -q '^s.srd: 0 B were given back' out || fail "keeping: $(cat out)"
works get --at "$point" s.srd c
cmp -s out two || fail 'what was to be kept'
works trim s.srd
grep -q '^s.srd: [56]\.[0-9] MiB were given back' out || fail "not keeping: $(cat out)"

# What a snapshot has is kept, until it is deleted.
works put s.srd snapped two
works snapshot create s.srd before
works put s.srd snapped one
works snapshot rename s.srd before later
works trim s.srd
grep -q '^s.srd: 0 B were given back' out || fail "with a snapshot: $(cat out)"
works get --at later s.srd snapped
cmp -s out two || fail 'what a snapshot has'
works snapshot delete s.srd later
works trim s.srd
grep -q '^s.srd: [23]\.[0-9] MiB were given back' out || fail "without the snapshot: $(cat out)"

# It cannot be had again, and what is there now stays.
works put s.srd given two
point=$(member commits info --json s.srd)
works put s.srd given one
works trim s.srd
"$srd" restore --at "$point" s.srd given >out 2>err && fail 'what was given up is restored'
grep -q 'trimmed: the bytes were given up' err || fail "restore of what was given up: $(cat err)"
holds given one

# Damage is none that was asked for.
works put s.srd d one
at=$(member offset stat --json s.srd d)
cp --sparse=always s.srd rotten.srd
printf '\x5a\xa5' | dd of=rotten.srd bs=1 seek=$((at + 5000)) conv=notrunc status=none
"$srd" verify -q rotten.srd >out && fail 'damage beside holes'
grep -q '^damaged: .* d: payload: from byte 4096' out || fail "damage beside holes: $(cat out)"
grep -c '^damaged' out | grep -qx 1 || fail "holes are no damage: $(cat out)"

# A backup has the holes, too, and the history.
works backup s.srd d.srd
cmp -s s.srd d.srd || fail 'a backup of a trimmed store'
[ "$(du -k d.srd | cut -f 1)" -le $(($(taken) + 64)) ] || fail "a backup of a trimmed store takes $(du -k d.srd), it $(taken)"
"$srd" verify -q d.srd >out || fail "a backup of a trimmed store: $(cat out)"
works put s.srd e two
works rm s.srd d
works trim s.srd
works backup s.srd d.srd
cmp -s s.srd d.srd || fail 'a backup continued behind a trim is another'
[ "$(du -k d.srd | cut -f 1)" -le $(($(taken) + 64)) ] || fail "what was trimmed stays in a backup: $(du -k d.srd), $(taken)"
"$srd" verify -q d.srd >out || fail "a backup continued behind a trim: $(cat out)"
"$srd" backup --check s.srd d.srd >out || fail "check of a backup continued behind a trim: $(cat out)"

# A stream on its way is nobody's garbage; one whose writer was killed is.
mkfifo in
"$srd" put s.srd stream - <in &
writer=$!
exec 9>in
size=$(stat -c %s s.srd)
cat one two >&9
until [ "$(stat -c %s s.srd)" -gt $((size + 4000000)) ]; do :; done
works rm s.srd e
works trim s.srd
works trim s.srd
cat one >&9
exec 9>&-
wait $writer || fail 'the stream'
cat one two one >whole
holds stream whole
"$srd" put s.srd killed - <in &
writer=$!
exec 9>in
size=$(stat -c %s s.srd)
cat one two >&9
until [ "$(stat -c %s s.srd)" -gt $((size + 4000000)) ]; do :; done
kill -9 $writer
wait $writer 2>/dev/null
exec 9>&-
works trim s.srd
grep -q '^s.srd: [4-9]\.[0-9] MiB were given back' out || fail "an aborted stream: $(cat out)"
holds stream whole
sound 'after streams'

# While it is written to.
for i in 1 2 3 4; do
	(n=0; while [ ! -e stop ]; do
		n=$((n + 1))
		head -c $((200000 + n * 1000)) one | "$srd" put s.srd "writer$i/$((n % 3))"
		"$srd" get s.srd "writer$i/$((n % 3))" | cmp -s - <(head -c $((200000 + n * 1000)) one) || echo "writer $i: $n" >>wrong
	done) &
done
(while [ ! -e stop ]; do "$srd" trim s.srd >>trims 2>&1 || echo "trim" >>wrong; done) &
for _ in 1 2 3 4 5 6 7 8; do
	works trim s.srd
	works verify -q s.srd
	works backup s.srd d.srd
	works verify -q d.srd
	works backup --check s.srd d.srd
done
touch stop
wait
[ -e wrong ] && fail "while it is written to: $(cat wrong trims)"
grep -q '[1-9].* were given back' trims || fail 'nothing was trimmed beside the backups'
sound 'while it is written to'
works trim s.srd
# But for the reserve, twice 4 MiB at most, and a block with the head of each record, however many
# were put meanwhile.
live=$(member live_bytes info --json s.srd)
[ "$(taken)" -le $((live / 1024 + 9000 + 4 * $(member commits info --json s.srd))) ] || fail "$(taken) KiB for $live live bytes"
finish
