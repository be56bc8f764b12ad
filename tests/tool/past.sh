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

works log -r -n 1 s.srd
refuses 1 "srd get: s.srd: no such point in the history of the store; the nearest before is commit 6 of $(cut -c15-33 out)" \
	get --at=99 s.srd k
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' get --at=frob s.srd k
works log -n 6 s.srd
first=$(head -1 out | cut -c15-33)
refuses 1 "srd get: s.srd: no such point in the history of the store; the first is commit 1 of $first" \
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
# What it dropped is told, with the points on either side.
"$srd" get --at=2 s.srd dir/key >out 2>err && fail 'a point that was compacted away'
grep -q 'no such point in the history of the store; the first is commit 7 of ' err || fail "nearest points: $(cat err)"
"$srd" get --at=8 s.srd dir/key >out 2>err || {
	grep -q 'the nearest before is commit 7 of .*, behind it commit 9 of ' err || fail "nearest points: $(cat err)"
}
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
# Commit, size and change.
versions() {
	sed 's/^ *\([0-9]*\)  .*:[0-9][0-9]  [^ ]* [^ ]* *\([0-9]*\)  \(.*\)/\1 \2 \3/' out | tr '\n' '|'
}
bytes=$(stat -c %s value)
same 'history of a key' "1 $bytes made, $bytes B written|3 $bytes name|" "$(versions)"
works rm l.srd c
works log l.srd c
same 'history of a key that is gone' "1 $bytes made, $bytes B written|3 $bytes name|4 $bytes removed|" "$(versions)"
works log --at=3 l.srd c
same 'history of it before' "1 $bytes made, $bytes B written|3 $bytes name|" "$(versions)"
refuses 1 'srd log: l.srd: never: no such key; srd ls lists them' log l.srd never
works log -r -n 2 l.srd c
same 'the newest first' "4 $bytes removed|3 $bytes name|" "$(versions)"
for i in 1 2 3; do
	head -c "$((i * 5000))" /dev/zero | "$srd" put l.srd sizes - || fail put
done
head -c 100 /dev/zero | "$srd" put l.srd sizes - || fail put
works log l.srd sizes
same 'sizes of versions' '5 5000 made, 4.9 KiB written|6 10000 9.8 KiB written|7 15000 14.6 KiB written|8 100 100 B written|' \
	"$(versions)"
works log --json l.srd sizes
grep -q '"size": 15000, "written_bytes": 15000, "mode": 33188, "uid": .*"changes": \["content"\]' out ||
	fail "no JSON of versions: $(cat out)"
works log --json l.srd
grep -q '"what": "rename"' out || fail 'no JSON of the history'
works compact -q l.srd
works log l.srd sizes
same 'a version that compaction restated' '8 100 compacted, with all before, made, 100 B written, attributes|' "$(versions)"

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

# What was deleted is there again: modes, times, links, attributes; nothing is copied.
works create u.srd
works import -q u.srd tree top/tree
works put u.srd top/other value
works rm -r u.srd top/tree/sub
works put u.srd top/between value
works log --deleted u.srd
same 'what was deleted' 'directory top/tree/sub' "$(sed 's/.*:[0-9][0-9]  \([a-z]*\) *[0-9]*  \(.*\)/\1 \2/' out)"
works rm -r u.srd top
works log --deleted u.srd
same 'what was deleted, with what lay in it' 'directory top' "$(sed 's/.*:[0-9][0-9]  \([a-z]*\) *[0-9]*  \(.*\)/\1 \2/' out)"
size=$(stat -c %s u.srd)
works undelete u.srd top/tree/sub
works export -q u.srd undeleted-sub
diff -r tree/sub undeleted-sub/top/tree/sub || fail 'a directory of one that was deleted differs'
refuses 1 'srd undelete: u.srd: top/tree/sub: there is such a key; --force puts what was deleted in its place' \
	undelete u.srd top/tree/sub
refuses 1 'srd undelete: u.srd: never: no such key was deleted, as far as the store knows; srd log --deleted lists what was; compaction forgets it' \
	undelete u.srd never
works rm -r u.srd top
works create v.srd
works import -q v.srd tree t
works put v.srd t2 value
works rm -r v.srd t
works undelete v.srd t
works export -q v.srd undeleted t
diff -r tree undeleted || fail 'what was undeleted differs'
(cd undeleted && find . -printf '%p %y %m %n %T@ %l\n' | sort) >got
diff wanted got || fail 'attributes of what was undeleted differ'
[ $(($(stat -c %s u.srd) - size)) -lt 100000 ] || fail 'undeleting copies'
if getfattr -n user.note tree/sub >/dev/null 2>&1; then
	same 'an extended attribute' said "$(getfattr --only-values -n user.note undeleted/sub 2>/dev/null)"
fi
works log --deleted v.srd
same 'nothing is deleted any more' '' "$(cat out)"
# With something else in its place, on request.
works rm v.srd t2
echo new >value2
works put v.srd t2 value2
works undelete --force v.srd t2
works get v.srd t2
same 'what was deleted, in place of what came' "$(cat value)" "$(cat out)"
# One that went before its directory did.
works rm v.srd t/large
works put v.srd t/new value
works rm -r v.srd t
works undelete v.srd t/large
works get v.srd t/large
cmp -s tree/large out || fail 'a file that went before its directory'
# One at a time, each below a directory that is made anew for the first, and has stood for a file.
works create w.srd
works put w.srd d/one value
works put w.srd d/two value2
works rm -r w.srd d
works put w.srd d value
works rm w.srd d
works undelete w.srd d/one
works undelete w.srd d/two
works get w.srd d/two
same 'the second of a directory that was deleted' "$(cat value2)" "$(cat out)"
# What went, came anew and went with its directory, all within a minute.
works rm w.srd d/two
works put w.srd d/two value
works rm -r w.srd d
works undelete w.srd d
works get w.srd d/two
same 'what had gone before, and came anew' "$(cat value)" "$(cat out)"
refuses 1 'srd undelete: w.srd: d/three: no such key was deleted, as far as the store knows; srd log --deleted lists what was; compaction forgets it' \
	undelete w.srd d/three
# A name whose file cannot be had under the name before keeps nothing from being there.
mkdir linked
cp value linked/a
ln linked/a linked/b
works import -q w.srd linked linked
works snapshot w.srd whole
works rm w.srd linked/a
works put w.srd linked/a/file value
works put w.srd linked/b value2
refuses 1 'srd restore: w.srd: linked/a: is a directory; srd ls lists what is in it' restore --at=whole w.srd linked
works get w.srd linked/b
same 'the other name' "$(cat value)" "$(cat out)"
works verify v.srd
works verify u.srd

# Compaction that keeps two versions of each.
works create c.srd
for i in 1 2 3; do
	head -c 3000 /dev/urandom >"version$i"
	works put c.srd key "version$i"
done
refuses 2 "srd compact: --keep-versions: '0' is not a number of versions; see srd compact --help" \
	compact --keep-versions 0 c.srd
works compact -q --keep-versions 2 c.srd
works get --at=2 c.srd key
cmp -s version2 out || fail 'the version before'
refuses 1 'srd get: c.srd: key: trimmed: the bytes were given up' get --at=1 c.srd key
works log c.srd key
same 'a version without its content' \
	'1 3000 made, 2.9 KiB written, which is trimmed|2 3000 2.9 KiB written|3 3000 2.9 KiB written|' "$(versions)"
works verify c.srd
