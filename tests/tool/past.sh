#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --at: what the store was at a sequence number or a time.
. "${srcdir:-.}/tests/tool/lib.sh"

works create s.srd
for i in 1 2 3 4; do
	echo "version $i" >value
	works put s.srd dir/key value
	date +%Y-%m-%dT%H:%M:%S.%N >"time$i"
done
works rm s.srd dir/key
works put s.srd other value
for i in 1 2 3 4; do
	works get --at="$i" s.srd dir/key
	same "by sequence $i" "version $i" "$(cat out)"
	works get --at="$(cat "time$i")" s.srd dir/key
	same "by time $i" "version $i" "$(cat out)"
	works get --at="$(cat "time$i")Z" s.srd dir/key
	same "by time $i, UTC" "version $i" "$(cat out)"
done
works ls --at=4 s.srd
same 'keys of the past' dir/key "$(cat out)"
works ls s.srd
same 'keys of now' other "$(cat out)"
works stat --at=2 s.srd dir/key
works export -q --at=3 s.srd there
same 'what was exported' 'version 3' "$(cat there/dir/key)"
[ ! -e there/other ] || fail 'the future was exported'
works ls --at=now s.srd
same 'keys of now, as of the past' other "$(cat out)"

refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' get --at=99 s.srd k
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' get --at=frob s.srd k
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' \
	get --at='1 day ago' s.srd k
refuses 1 'srd get: s.srd: k: no such key; srd ls lists them' get --at=1 s.srd k

# Snapshots.
works put s.srd dir/key value
works snapshot create s.srd first
echo later >value
works put s.srd dir/key value
works snapshot create s.srd 'two words'
works get --at=first s.srd dir/key
same 'by snapshot' 'version 4' "$(cat out)"
works get --at='two words' s.srd dir/key
same 'by another snapshot' later "$(cat out)"
works snapshot list s.srd
same 'snapshots' 'first|two words|' "$(sed 's/.*:[0-9][0-9]  //' out | tr '\n' '|')"
works snapshot rename s.srd first start
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' \
	get --at=first s.srd dir/key
works get --at=start s.srd dir/key
same 'a snapshot with another name' 'version 4' "$(cat out)"
refuses 1 'srd snapshot: s.srd: start: there is such a snapshot already; choose another name' snapshot create s.srd start
refuses 1 'srd snapshot: s.srd: start: there is such a snapshot already; choose another name' \
	snapshot rename s.srd 'two words' start
refuses 1 'srd snapshot: s.srd: none: no such snapshot; srd snapshot list lists them' snapshot delete s.srd none
refuses 1 'srd snapshot: s.srd: 17: no name for a snapshot; one without a slash, that is no number or time' \
	snapshot create s.srd 17
refuses 1 'srd snapshot: s.srd: a/b: no name for a snapshot; one without a slash, that is no number or time' \
	snapshot create s.srd a/b
refuses 2 "srd snapshot: 'frob' is none of create, list, delete, rename; see srd snapshot --help" snapshot frob s.srd
# Compaction keeps what has a name, and all since.
works compact s.srd
works get --at=start s.srd dir/key
same 'a snapshot after compaction' 'version 4' "$(cat out)"
works get --at='two words' s.srd dir/key
same 'another snapshot after compaction' later "$(cat out)"
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' \
	get --at=2 s.srd dir/key
works verify s.srd
works snapshot delete s.srd start
works snapshot list --json s.srd
grep -q '"name": "two words"' out || fail 'no JSON of snapshots'
refuses 2 'srd snapshot: too few arguments; see srd snapshot --help' snapshot create s.srd

# What was done to a key, and to one that is gone.
works create l.srd
works put l.srd a value
works put l.srd b value
works mv l.srd a c
works log l.srd c
same 'history of a key' '1 make|3 rename|' "$(sed 's/^ *\([0-9]*\)  .*:[0-9][0-9]  \([a-z]*\) .*/\1 \2/' out | grep -v xattr | tr '\n' '|')"
works rm l.srd c
refuses 1 'srd log: l.srd: c: no such key; srd ls lists them' log l.srd c
works log --at=3 l.srd c
same 'history of a key that is gone' '1 make|3 rename|4 unlink|' \
	"$(sed 's/^ *\([0-9]*\)  .*:[0-9][0-9]  \([a-z]*\) .*/\1 \2/' out | tr '\n' '|')"
works log --json l.srd
grep -q '"what": "rename"' out || fail 'no JSON of the history'

# What was deleted, or changed, is had again: links, modes, times and all, and nothing is copied.
mkdir -p tree/sub/deeper tree/empty
head -c 3000000 /dev/urandom >tree/large
echo small >tree/sub/small
ln tree/sub/small tree/link
ln -s sub/small tree/symlink
chmod 640 tree/large
chmod 711 tree/sub
touch -d 2001-02-03T04:05:06.789 tree/sub/small tree/sub/deeper tree/sub tree/empty
setfattr -n user.note -v said tree/sub 2>/dev/null
works create t.srd
works import -q t.srd tree t
works snapshot create t.srd before
works put t.srd t/sub/small value
works rm -r t.srd t/sub t/link
works put t.srd t/large value
size=$(stat -c %s t.srd)
works diff t.srd before now
same 'what differs' 'R t/large|D t/link|D t/sub|D t/sub/deeper|D t/sub/small|' "$(tr '\n' '|' <out | sed 's/^M t.large/R t\/large/')"
works restore --at=before t.srd t
[ $(($(stat -c %s t.srd) - size)) -lt 100000 ] || fail 'restoring copies'
works export -q t.srd restored t
diff -r tree restored || fail 'what was restored differs'
(cd tree && find . -printf '%p %y %m %n %T@ %l\n' | sort) >wanted
(cd restored && find . -printf '%p %y %m %n %T@ %l\n' | sort) >got
diff wanted got || fail 'attributes of what was restored differ'
works verify t.srd
refuses 1 'srd restore: t.srd: none: no such key then; srd ls --at lists what there was' restore --at=before t.srd none
refuses 2 'srd restore: --at says as of when; see srd restore --help' restore t.srd t
refuses 1 'srd diff: t.srd: frob: no such point in the history of the store; srd log lists what there is' \
	diff t.srd frob now

refuses 2 'srd get: --at and --exclusive do not go together; see srd get --help' get --at=1 --exclusive s.srd k
finish
