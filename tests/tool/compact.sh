#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# srd compact: nothing that can be seen of the files changes, and the rest is given back.
. "${srcdir:-.}/tests/tool/lib.sh"

# What anybody can see of all files: attributes and content.
seen() {
	"$srd" ls -l -d "$1" | sort
	"$srd" ls -d -0 "$1" | while IFS= read -r -d '' key; do
		"$srd" stat --json "$1" "$key" | grep -v '"offset"\|last_change\|extents\|checksum'
	done
	rm -rf tree
	"$srd" export -q "$1" tree
	(cd tree && find . -type f -exec sha256sum {} + | sort)
}

size() {
	stat -c %s "$1"
}

mkdir -p in/dir/deep in/empty
head -c 300000 /dev/urandom >in/dir/large
truncate -s 5M in/sparse && printf x | dd of=in/sparse bs=1 seek=3000000 conv=notrunc status=none
for i in 1 2 3 4 5 6 7 8 9; do echo "small $i" >"in/dir/deep/small-$i"; done
ln in/dir/large in/hard
ln -s dir/large in/link
mkfifo in/fifo
touch -d '2001-02-03 04:05:06.789' in/dir/deep/small-1
works create s.srd
for i in 1 2 3 4 5 6 7 8 9 10; do works import -q s.srd in; done
works cp s.srd:dir/large s.srd:clone
works rm s.srd hard
seen s.srd >before
old=$(size s.srd)

works compact -n s.srd
grep -q 'would go from' out || fail "dry run: $(cat out)"
same 'dry run changes nothing' "$old" "$(size s.srd)"
works compact s.srd
grep -q 'compacted from' out || fail "compact: $(cat out)"
seen s.srd >after
diff before after >&2 || fail 'something changed'
[ "$(size s.srd)" -lt 400000 ] || fail "still $(size s.srd) bytes"
[ ! -e s.srd.new ] || fail 'leaves a file behind'
works verify s.srd
"$srd" info s.srd | grep -q 'generation 2' || fail 'generation'

# Once more, without the image, and it goes on being a store like any.
rm -f s.srd.idx
works compact -q s.srd
[ ! -s out ] || fail 'quiet is not'
seen s.srd >after
diff before after >&2 || fail 'something changed the second time'
"$srd" put s.srd more <in/dir/large
works verify s.srd

# What is damaged stays damaged, and is said.
"$srd" stat --json s.srd dir/large | grep -o '"offset": *[0-9]*' | grep -o '[0-9]*$' >offset
printf XXXX | dd of=s.srd bs=1 seek=$(($(cat offset) + 5000)) conv=notrunc status=none
works compact s.srd
grep -q 'damaged: .* dir/large: payload' out || fail "damage is not told: $(cat out)"
"$srd" verify s.srd >out
same 'verify of damage carried over' 1 $?
"$srd" get s.srd dir/large >got 2>err
same 'get of damage carried over' 1 $?
works put s.srd dir/large in/dir/large
works rm s.srd clone
works compact s.srd
works verify s.srd

# What was done since some point can still be asked for.
head -c 5000 /dev/urandom >one && head -c 5000 /dev/urandom >two
works put s.srd kept one
at=$("$srd" info s.srd | sed -n 's/^commits *\([0-9]*\).*/\1/p')
works put s.srd other two
works put s.srd kept two
works compact -k "$at" s.srd
"$srd" get --at "$at" s.srd kept | cmp - one || fail 'what was kept is not there'
"$srd" get s.srd kept | cmp - two || fail 'what is now is not there'
works verify s.srd
refuses 1 'srd compact: s.srd: no such point to keep all since; give a time, or the number of a commit' \
	compact -k nonsense s.srd

# Snapshots are kept, each as it was, under the name that it has now.
works create snaps.srd
works import -q snaps.srd in
works snapshot create snaps.srd first
works mv snaps.srd dir moved
works rm snaps.srd moved/deep/small-3
works put snaps.srd sparse one
works snapshot create snaps.srd second
works snapshot rename snaps.srd second 2nd
works put snaps.srd dir one
works snapshot create snaps.srd gone
works rm snaps.srd moved/large
works snapshot delete snaps.srd gone
works put snaps.srd last two
for at in first 2nd now; do "$srd" export -q --at "$at" snaps.srd "before-$at" || fail "export --at $at"; done
"$srd" snapshot list snaps.srd >list-before
works compact snaps.srd
works compact snaps.srd
"$srd" snapshot list snaps.srd >list-after
diff list-before list-after >&2 || fail 'snapshots are others'
for at in first 2nd now; do
	"$srd" export -q --at "$at" snaps.srd "after-$at"
	diff -r --no-dereference -x fifo "before-$at" "after-$at" >&2 || fail "snapshot $at is another"
	(cd "before-$at" && find . -mindepth 1 -printf '%p %m %T@ %s %l\n' | sort) >times-before
	(cd "after-$at" && find . -mindepth 1 -printf '%p %m %T@ %s %l\n' | sort) >times-after
	diff times-before times-after >&2 || fail "times of snapshot $at"
done
works verify snaps.srd

# What lies between them is not.
works create between.srd
for i in 1 2 3 4 5 6; do
	head -c 300000 /dev/urandom >value
	works put between.srd key value
	[ "$i" -ne 2 ] || works snapshot create between.srd second
done
"$srd" get --at second between.srd key >second-before
works compact between.srd
[ "$(stat -c %s between.srd)" -lt 700000 ] || fail 'what was between a snapshot and now is there still'
"$srd" get --at second between.srd key | cmp - second-before || fail 'the snapshot is another'
"$srd" get between.srd key | cmp - value || fail 'the last value is another'

# Leftovers are nobody's business; a second name is.
echo garbage >s.srd.new
works compact s.srd
[ ! -e s.srd.new ] || fail 'leaves the leftover'
ln s.srd second
refuses 1 'srd compact: s.srd: the store file has several hard links; the others would not follow; remove them first' \
	compact s.srd
rm second

works create empty.srd
works compact empty.srd
works verify empty.srd
works put empty.srd key in/dir/large
works compact empty.srd
"$srd" get empty.srd key | cmp - in/dir/large || fail 'value in a store that was compacted empty'

exit $((failures > 0))
