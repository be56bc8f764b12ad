#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Backups by srd, and by rsync: a second file that is the store's beginning, whatever
# happened to either, and never the half of one.
. "${srcdir:-.}/tests/tool/lib.sh"

# backs_up WHAT PATTERN [OPTION...] STORE DEST: says PATTERN, and DEST is STORE to the byte.
backs_up() {
	local what=$1 pattern=$2
	shift 2
	works backup "$@"
	grep -qx "$pattern" out || fail "$what: $(cat out)"
	cmp -s "${@: -2:1}" "${@: -1}" || fail "$what: not what the store is"
}

head -c 300000 /dev/urandom >random
works create s.srd
works put s.srd one random
works sync s.srd
size1=$(stat -c %s s.srd)
backs_up 'the first time' 'd.srd: written anew, as there was none: .* sent; it ends with commit 1 of .*' s.srd d.srd
backs_up 'nothing new' 'd.srd: 0 B sent, .* were there; it ends with commit 1 of .*' s.srd d.srd
same 'nobody but the owner may read what nobody but the owner may read' 600 \
	"$(chmod 600 s.srd && "$srd" backup s.srd private.srd >out && stat -c %a private.srd)"
works put s.srd two random
works put s.srd three random
works backup --check s.srd d.srd
grep -qx 'd.srd: sound, .* behind; it ends with commit 1 of .*' out || fail "check of an older one: $(cat out)"
backs_up 'the tail' 'd.srd: 59[0-9].* KiB sent, 30[0-9].* KiB were there; it ends with commit 3 of .*' s.srd d.srd
works backup --check s.srd d.srd
grep -qx 'd.srd: sound; it ends with commit 3 of .*' out || fail "check: $(cat out)"
works get d.srd three
cmp -s out random || fail 'a value of the copy'

# An interrupted one: cut anywhere, with something torn behind, with a hole where a crash
# let a later page be written and an earlier one not.
size=$(stat -c %s s.srd)
for at in 0 100 4096 4097 4352 $((size1 - 64)) $((size1 - 1)) "$size1" $((size1 + 64)) $((size1 + 100000)) $((size - 1)); do
	head -c "$at" s.srd >d.srd
	[ "$at" -ge 4096 ] && force= || force=--force
	backs_up "cut at $at" 'd.srd: .*' $force s.srd d.srd
	{ head -c $((at > 4096 ? at : 4096)) s.srd; head -c 70000 random; } >d.srd
	backs_up "torn at $at" 'd.srd: .*' s.srd d.srd
done
cp s.srd unsynced.srd
for key in four five six seven; do
	works put --no-sync unsynced.srd $key random
done
for at in $((size / 4096 + 1)) $((size / 4096 + 50)) $((size / 4096 + 200)); do
	cp unsynced.srd d.srd
	dd if=/dev/zero of=d.srd bs=4096 seek="$at" count=1 conv=notrunc status=none
	backs_up "a hole at page $at" 'd.srd: [0-9.]* .iB sent, .* were there; .*' unsynced.srd d.srd
done
cp s.srd d.srd

# Histories that part, from either side.
works put d.srd only-here random
works put s.srd only-there random
backs_up 'written to' 'd.srd: written anew, as what was there had another history: .*' s.srd d.srd
cp s.srd older.srd
works put d.srd only-here random
works put s.srd four random
works backup --whole s.srd whole.srd
refuses 1 'srd backup: d.srd: has another history than the store, or the store was compacted since; srd backup writes it anew' \
	backup --check s.srd d.srd
refuses 1 'srd backup: s.srd: has later commits than the store: is it the backup?; --force puts the store'\''s older state in its place' \
	backup older.srd s.srd
cp s.srd ahead.srd
backs_up 'the other way around, if you like' 'ahead.srd: written anew, as what was there had later commits: .*' -f older.srd ahead.srd
"$srd" create other.srd
refuses 1 'srd backup: other.srd: is no backup of this store; choose another file, or --force to write over it' backup s.srd other.srd
refuses 1 'srd backup: random: is no backup of this store; choose another file, or --force to write over it' backup s.srd random
refuses 1 'srd backup: s.srd: is the store itself; choose another file' backup ./s.srd s.srd
refuses 1 'srd backup: none.srd: no such backup, or no such directory' backup --check s.srd none.srd
refuses 1 'srd backup: no/such: no such backup, or no such directory' backup s.srd no/such
backs_up 'another store, if you like' 'other.srd: written anew, as what was there was another store: .*' --force s.srd other.srd
ls ./*.part >/dev/null 2>&1 && fail 'temporaries stay behind'

# What a killed backup left beside it is used again.
head -c 100000 random >n.srd.part
backs_up 'over the rest of a killed one' 'n.srd: written anew, as there was none: .*' s.srd n.srd
[ -e n.srd.part ] && fail 'the rest of a killed one stays'
# What has another name, too, is somebody's file.
cp random elsewhere
ln elsewhere l.srd.part
refuses 1 'srd backup: l.srd: Operation not permitted' backup s.srd l.srd
cmp -s random elsewhere || fail 'a file that somebody linked there is written over'
rm l.srd.part

# Damage is told, and goes along.
cp s.srd rotten.srd
at=$(($("$srd" stat --json s.srd one | sed -n 's/.*"offset": \([0-9]*\).*/\1/p' | head -1) + 5000))
printf '\x5a\xa5' | dd of=rotten.srd bs=1 seek="$at" conv=notrunc status=none
"$srd" backup rotten.srd copy.srd >out 2>err
same 'damage: status' 1 $?
grep -q '^damaged: offset .*: one: payload: from byte 4096 of the file: ' out || fail "damage: $(cat out)"
cmp -s rotten.srd copy.srd || fail 'damage: not what the store is'
cp rotten.srd d.srd
"$srd" backup --check s.srd d.srd >out 2>err
same 'check of a damaged one: status' 1 $?
grep -q '^d.srd: damaged in 1 place;' out || fail "check of a damaged one: $(cat out)"

# While it is written to.
cp s.srd busy.srd
for i in 1 2 3 4; do
	(n=0; while [ ! -e stop ]; do n=$((n + 1)); head -c $((n * 1000)) random | "$srd" put busy.srd "writer$i/$((n % 20))"; done) &
done
for round in 1 2 3 4 5 6; do
	works backup busy.srd running.srd
	"$srd" verify -q running.srd >verified || fail "while it is written to, round $round: $(cat verified)"
	works get running.srd one
	cmp -s out random || fail "while it is written to, round $round: a value"
done
touch stop
wait
backs_up 'after the writers' 'running.srd: .*' busy.srd running.srd
works verify -q running.srd

# After a compaction, and at a point of the past of the copy.
works get --at 1 running.srd one
cmp -s out random || fail 'a point of the past, from a backup'
works compact busy.srd
refuses 1 'srd backup: running.srd: has another history than the store, or the store was compacted since; srd backup writes it anew' \
	backup --check busy.srd running.srd
backs_up 'after a compaction' 'running.srd: written anew, as the store was compacted since: .*' busy.srd running.srd
works verify -q running.srd
refuses 1 'srd backup: busy.srd: has later commits than the store: is it the backup?; --force puts the store'\''s older state in its place' \
	backup d.srd busy.srd

has rsync || { echo 'without rsync' >&2; finish; }

# Over the wire: a shell in the place of ssh.
cat >wire <<-'END'
	#!/bin/sh
	shift
	exec sh -c "$*"
END
chmod +x wire
export RSYNC_RSH=$work/wire
works backup s.srd "host:$work/far.srd"
cmp -s s.srd far.srd || fail 'over the wire'
works put s.srd five random
"$srd" backup --check s.srd "host:$work/far.srd" >out 2>err
same 'over the wire, check of an older one: status' 1 $?
works backup s.srd "host:$work/far.srd"
grep -qx "host:$work/far.srd: .* sent, 1.[0-9] MiB were there" out || fail "over the wire, the tail: $(cat out)"
cmp -s s.srd far.srd || fail 'over the wire, the tail'
works backup --check s.srd "host:$work/far.srd"
# Same size, same time, other content: what rsync by itself would leave alone.
cp s.srd far.srd
printf '\x5a\xa5' | dd of=far.srd bs=1 seek="$at" conv=notrunc status=none
touch -r s.srd far.srd
works backup s.srd "host:$work/far.srd"
cmp -s s.srd far.srd || fail 'over the wire, of the same size and time'
"$srd" backup s.srd "host:$work/no/such" >out 2>err
same 'to where nothing can be: status' 1 $?
grep -q "^srd backup: host:$work/no/such: rsync failed with status [0-9]*; it said why" err || fail "to where nothing can be: $(cat err)"

# Plain rsync.  The store lost its last commits (here: an old copy was put back) and went on.
works put s.srd lost random
cp s.srd delta.srd
cp s.srd verify.srd
cp s.srd append.srd
cp older.srd s.srd
for key in new1 new2 new3 new4; do
	works put s.srd $key random
done
rsync --no-whole-file -I s.srd delta.srd
rsync --append-verify s.srd verify.srd
rsync --append s.srd append.srd
for copy in delta verify; do
	cmp -s s.srd $copy.srd || fail "rsync $copy: not what the store is"
	"$srd" verify -q $copy.srd >out || fail "rsync $copy: $(cat out)"
done
# What --append makes of it is two histories glued together.  This is why it is not safe.
cmp -s s.srd append.srd && fail 'rsync --append looks at what is there'
"$srd" get append.srd new4 >out 2>err && fail 'rsync --append brought what was committed last'
finish
