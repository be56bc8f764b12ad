#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mount shows what others commit: to the library's program, and to another mount.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s

section "changes by a program"
expect "$top/tests/share/follow" "$work/s.srd" "$work/s"

section "changes by a program, to a mount that reads only"
new_store r
mount_store r -o ro
expect "$top/tests/share/follow" "$work/r.srd" "$work/r"
unmount r

section "two mounts"
ln -s s.srd "$work/t.srd"
mkdir "$work/t"
mount_store t

# await COMMAND...: until it succeeds; far less than what the kernel was told it may
# believe.
await() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -le 2000 ] || fail "never: $*"
		sleep 0.01
	done
}
holds() {
	[ "$(cat "$1")" = "$2" ]
}
ls "$work/s" "$work/t" >"$work/lists"
echo one >"$work/s/file"
await holds "$work/t/file" one
echo two >"$work/t/file"
await holds "$work/s/file" two
exec 5<"$work/s/file"
rm "$work/t/file"
await test ! -e "$work/s/file"
expect_same "$(cat <&5)" two
exec 5<&-

section "when who tells the kernel of them was killed"
herald=$(process_of t srdfs-herald)
kill -s KILL "$herald"
# Another is there, and what the last one had not told is told.
has_another() {
	another=$(process_of t srdfs-herald) && [ "$another" != "$herald" ]
}
echo three >"$work/s/file"
await has_another
await holds "$work/t/file" three
echo four >"$work/s/file"
await holds "$work/t/file" four
rm "$work/s/file"
await test ! -e "$work/t/file"

section "listings, which the kernel keeps"
# shows DIR NAMES: a listing is of these alone.
shows() {
	[ "$(ls "$1")" = "$2" ]
}
mkdir "$work/s/d" "$work/s/e"
await test -d "$work/t/d"
expect shows "$work/t/d" ""
touch "$work/s/d/a"
await shows "$work/t/d" a
expect shows "$work/t/d" a
# Nothing asked for the name before, so nothing but the listing can be old.
"$srd" put "$work/s.srd" d/b </dev/null
await shows "$work/t/d" "$(printf 'a\nb')"
rm "$work/s/d/a"
await shows "$work/t/d" b
mv "$work/s/d/b" "$work/s/e/c"
await shows "$work/t/d" ""
await shows "$work/t/e" c

section "a directory that stays open, and is read again and again, while others change it"
perl -we '
	use strict;
	my ($here, $there) = @ARGV;
	opendir my $dir, $here or die;
	for my $i (1 .. 300) {
		open(my $file, ">", "$there/f$i") or die "$there/f$i: $!";
		close $file;
		unlink "$there/f" . ($i - 1);
		my %seen;
		for (my $tries = 0; !$seen{"f$i"} || $seen{"f" . ($i - 1)}; $tries++) {
			die "f$i is never seen, or the one before stays\n" if $tries == 2000;
			select undef, undef, undef, 0.005 if $tries;
			rewinddir $dir;
			%seen = map { $_ => 1 } readdir $dir;
		}
	}
' "$work/t/e" "$work/s/e" || fail "reading again"

section "the parent of a directory that moves"
# parent DIR: the number that its listing has for ".."
parent() {
	ls -ai "$1" | awk '$2 == ".." { print $1 }'
}
is_below() {
	[ "$(parent "$1")" = "$(stat -c %i "$2")" ]
}
mkdir "$work/s/d/moves" "$work/s/d/swaps" "$work/s/e/swaps"
await test -d "$work/t/e/swaps"
for dir in "$work/s/d/moves" "$work/t/d/moves"; do
	expect is_below "$dir" "${dir%/*}"
	expect is_below "$dir" "${dir%/*}"
done
mv "$work/s/d/moves" "$work/s/e/moved"
await is_below "$work/s/e/moved" "$work/s/e"
await test -d "$work/t/e/moved"
await is_below "$work/t/e/moved" "$work/t/e"
rm -r "$work/s/d" "$work/s/e"

section "programs at work on both"
mkdir "$work/tree"
i=0
while [ $i -lt 200 ]; do
	mkdir -p "$work/tree/$((i % 7))"
	seq $i $((i * 13)) >"$work/tree/$((i % 7))/$i"
	i=$((i + 1))
done
cp -r "$work/tree" "$work/s/tree" &
copier=$!
while kill -0 $copier 2>/dev/null; do
	diff -r "$work/tree" "$work/t/tree" >"$work/diff" 2>&1 || :
done
wait $copier
same() {
	diff -r "$work/tree" "$work/t/tree" >"$work/diff" 2>&1
}
await same
unmount t
unmount s
