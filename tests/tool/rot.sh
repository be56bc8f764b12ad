#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A damaged store by srd: what is damaged is told, what is lost is accepted, what is
# sound is saved.
. "${srcdir:-.}/tests/tool/lib.sh"

# flip FILE OFFSET: one bit of that byte is the other one.
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\0$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# member NAME ARGUMENT...: a number out of srd's JSON.
member() {
	local name=$1
	shift
	"$srd" "$@" | sed -n "s/.*\"$name\": \([0-9]*\).*/\1/p" | head -1
}

head -c 20000 /dev/urandom >random
works create s.srd
for key in dir/one dir/two three; do
	works put s.srd $key random
done
echo old | "$srd" put s.srd version
"$srd" put s.srd version random
works put s.srd last random
works sync s.srd
works verify s.srd
cp s.srd sound.srd

# Content.
at=$(($(member offset stat --json s.srd version) + 5000))
flip s.srd $at
"$srd" verify s.srd >out 2>err
same 'verify: status' 1 $?
grep -q '^damaged: offset [0-9]*, 4096 bytes: version: payload: from byte 4096 of the file: reads of this block fail; written by commit [0-9]* of .*; an older version, of commit [0-9]* of .*, is sound$' out ||
	fail "verify: $(cat out)"
"$srd" repair s.srd >out 2>err
same 'repair of content: status' 1 $?
grep -q ': nothing to repair; content of files stays damaged in 1 place until' out || fail "repair of content: $(cat out)"
"$srd" salvage s.srd without.srd >out 2>err
same 'salvage: status' 1 $?
grep -qx 'version: left out: its content is damaged: 4096 bytes, the first at 4096' out || fail "salvage: $(cat out)"
works verify without.srd
works get without.srd dir/one
cmp -s out random || fail 'salvage of a sound file'
"$srd" salvage --keep-damaged s.srd with.srd >out 2>err
same 'salvage with zeros: status' 1 $?
works get with.srd version
{ head -c 4096 random; head -c 4096 /dev/zero; tail -c +8193 random; } | cmp -s out - || fail 'zeros where it is damaged'
refuses 1 'srd salvage: with.srd: there is such a file already; remove it first or choose another name' \
	salvage s.srd with.srd

# A commit.
cp sound.srd s.srd
at=$(member last_change stat --json s.srd three)
flip s.srd $((at + 16))
refuses 1 'srd put: s.srd: key: a commit is damaged or gone, the store is read-only until repaired; srd repair accepts what is lost, srd salvage saves the rest' \
	put s.srd key random
"$srd" salvage s.srd rest.srd >out 2>err
same 'salvage of a damaged commit: status' 1 $?
grep -q '^damaged: offset [0-9]*, [0-9]* bytes: record: what was said here is lost$' out ||
	fail "salvage of a damaged commit: $(cat out)"
works verify rest.srd
"$srd" repair --dry-run s.srd >out 2>err
same 'dry run: status' 0 $?
grep -q '^s.srd: would be repaired: 1 place named as lost' out || fail "dry run: $(cat out)"
"$srd" verify s.srd >/dev/null && fail 'a dry run repairs'
works repair s.srd
grep -q '^s.srd: repaired: 1 place named as lost; the store takes writes$' out || fail "repair: $(cat out)"
works put s.srd key random
works get s.srd dir/two
cmp -s out random || fail 'a sound file after a repair'
works verify s.srd
grep -q '^note: 1 damaged place srd repair took account of$' out || fail "verify after repair: $(cat out)"
works repair s.srd
grep -q '^s.srd: nothing to repair$' out || fail "repair once more: $(cat out)"

# A commit, and the store is compacted: what is damaged is so in the new log, and as little is lost.
cp sound.srd s.srd
flip s.srd $((at + 16))
rm -f s.srd.idx
before=$("$srd" verify s.srd | sed -n 's/^damaged: offset [0-9]*, \(.*metadata\).*/\1/p')
[ -n "$before" ] || fail 'verify does not tell'
"$srd" ls -d s.srd | sort >before
works compact s.srd
grep -q '^damaged records at 1 places were carried over' out || fail "compact of a damaged commit: $(cat out)"
same 'verify tells the same' "$before" "$("$srd" verify s.srd | sed -n 's/^damaged: offset [0-9]*, \(.*metadata\).*/\1/p')"
"$srd" ls -d s.srd | sort | diff before - >&2 || fail 'files of a damaged store, compacted'
refuses 1 'srd put: s.srd: key: a commit is damaged or gone, the store is read-only until repaired; srd repair accepts what is lost, srd salvage saves the rest' \
	put s.srd key random
works compact s.srd
works repair s.srd
works put s.srd key random
works verify s.srd
works compact s.srd
works verify s.srd
grep -q 'damaged' out && fail "verify of what was repaired and compacted: $(cat out)"
works get s.srd last
cmp -s out random || fail 'a sound file of a damaged store'

# The same where not even a header is left.
cp sound.srd s.srd
flip s.srd $((at - at % 64 - 64))
flip s.srd $((at - at % 64))
rm -f s.srd.idx
"$srd" verify s.srd >verified && fail 'a damaged header is not told'
"$srd" ls -d s.srd | sort >before
works compact s.srd
"$srd" ls -d s.srd | sort | diff before - >&2 || fail 'files without a header'
"$srd" verify s.srd >out && fail "the damage is gone: $(cat out)"
works repair s.srd
works verify s.srd

# The superblock.
cp sound.srd s.srd
dd if=/dev/zero of=s.srd bs=4096 count=1 conv=notrunc status=none
works get s.srd last
cmp -s out random || fail 'a file without superblock'
works salvage s.srd saved.srd
grep -qx 'damaged: offset 0, 4096 bytes: superblock: the spare serves, and nothing is lost' out || fail "salvage: $(cat out)"
works verify saved.srd
works repair s.srd
cmp -s s.srd sound.srd || fail 'the superblock is not what it was'
finish
