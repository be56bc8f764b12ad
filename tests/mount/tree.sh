#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real trees and the programs people use on them: what goes in comes out, now
# and after a remount.
. "${srcdir:-.}/tests/mount/common.sh"

# A tree that is hard on copying, and large enough to need several directory reads.
make_tree() {
	mkdir -p "$1/deep/er/and/deeper" "$1/many" "$1/empty"
	i=0
	while [ $i -lt 700 ]; do
		echo "content of $i" >"$1/many/file-$i"
		i=$((i + 1))
	done
	: >"$1/nothing"
	printf '\0' >"$1/nul"
	head -c 70000 /dev/zero >"$1/zeros"
	head -c 3000000 /dev/urandom >"$1/random"
	truncate -s 10M "$1/sparse"
	printf end | dd of="$1/sparse" bs=1 seek=9000000 conv=notrunc status=none
	ln "$1/random" "$1/deep/random-again"
	ln -s ../random "$1/deep/link"
	ln -s nowhere "$1/dangling"
	mkfifo "$1/fifo"
	name=$(printf 'n%.0s' $(seq 255))
	echo long >"$1/$name"
	echo newline >"$1/new
line"
	echo utf8 >"$1/grüße-世界"
	echo space >"$1/ leading and trailing "
	chmod 4751 "$1/nul"
	chmod 1777 "$1/empty"
	touch -d '1960-05-06 07:08:09.123456789' "$1/zeros"
	touch -d '2100-01-02 03:04:05.987654321' "$1/deep/er"
	touch -h -d '2001-01-01 01:01:01.5' "$1/dangling"
}

# Everything but contents: kinds, modes, owners, sizes, times, links.
attributes() {
	(cd "$1" && find . ! -type d -printf '%p %y %m %n %U:%G %s %T@ %l\n' -o -printf '%p %y %m %n %U:%G %T@\n' | sort)
}

same_tree() {
	attributes "$1" >"$work/attributes-1"
	attributes "$2" >"$work/attributes-2"
	diff "$work/attributes-1" "$work/attributes-2" || fail "attributes of $1 and $2 differ"
	# diff does not know that fifos are alike.
	diff -r --no-dereference --exclude=fifo "$1" "$2" || fail "$1 and $2 differ"
}

new_store s
mount_store s
m=$work/s
make_tree "$work/tree"

section "cp -a"
cp -a "$work/tree" "$m/cp"
same_tree "$work/tree" "$m/cp"
expect_same "$(stat -c %h "$m/cp/random")" 2
expect_same "$(stat -c %i "$m/cp/random")" "$(stat -c %i "$m/cp/deep/random-again")"
expect_same "$(cd "$m/cp/many" && du -bc -- * | tail -1)" "$(cd "$work/tree/many" && du -bc -- * | tail -1)"

section "tar"
tar -C "$work" -S --format=posix -cf - tree | tar -C "$m" -xpf -
same_tree "$work/tree" "$m/tree"
tar -C "$m" -S --format=posix -cf "$work/out.tar" tree
tar -C "$work" -df "$work/out.tar" || fail "tar finds differences"

if have rsync; then
	section "rsync: a second one transfers nothing, either way"
	rsync -aHAS --modify-window=-1 "$work/tree/" "$m/rsync/"
	same_tree "$work/tree" "$m/rsync"
	expect_same "$(rsync -aHAS --itemize-changes "$work/tree/" "$m/rsync/")" ""
	expect_same "$(rsync -aHASn --checksum --modify-window=-1 --itemize-changes "$work/tree/" "$m/rsync/")" ""
	expect_same "$(rsync -aHASn --checksum --modify-window=-1 --itemize-changes "$m/rsync/" "$work/tree/")" ""
	echo changed >>"$work/tree/many/file-5"
	rm "$work/tree/many/file-6"
	rsync -a --delete --inplace "$work/tree/" "$m/rsync/"
	diff -r --no-dereference --exclude=fifo "$work/tree" "$m/rsync" || fail "rsync --inplace --delete"
	rm -r "$m/rsync"
fi

section "editing"
sed -i 's/content/other content/' "$m"/cp/many/file-1?
sed -i 's/content/other content/' "$work"/tree/many/file-1?
printf 'second line\n' >>"$m/cp/many/file-2"
printf 'second line\n' >>"$work/tree/many/file-2"
cmp "$m/cp/many/file-12" "$work/tree/many/file-12"
cmp "$m/cp/many/file-2" "$work/tree/many/file-2"
# As editors do: write beside it, keep the old one, put the new one in place.
cp "$m/cp/nul" "$m/cp/nul.new"
echo edited >"$m/cp/nul.new"
ln "$m/cp/nul" "$m/cp/nul~"
mv "$m/cp/nul.new" "$m/cp/nul"
expect_same "$(cat "$m/cp/nul")" edited
expect_same "$(stat -c %s "$m/cp/nul~")" 1

if have git; then
	section "git"
	(
		cd "$m"
		git init -q repository
		cd repository
		git config user.name test
		git config user.email test@example.invalid
		cp -a ../cp/many .
		git add .
		git commit -qm first
		echo more >>many/file-1
		git commit -qam second
		git gc -q
		git fsck --strict
		expect_same "$(git status --short)" ""
		git clone -q . ../clone
		cd ../clone
		expect_same "$(git log --oneline | wc -l)" 2
		git checkout -q HEAD~1
	) 2>"$work/git" || fail "git: $(cat "$work/git")"
fi

section "looking for things"
expect_same "$(grep -rl 'other content' "$m/cp" | wc -l)" 10
expect_same "$(find "$m/cp/many" -type f | wc -l)" 700
expect_same "$(stat -c %s "$m/tree/sparse")" 10485760
[ "$(stat -c %b "$m/tree/sparse")" -lt 4000 ] || fail "holes take space"

section "moving and removing"
mkdir "$m/into"
mv "$m/cp" "$m/into/moved"
mv "$m/into/moved/many" "$m/into/many"
# shellcheck disable=SC2016
expect_failure "Invalid argument" perl -e 'rename($ARGV[0], "$ARGV[0]/below") or die "$!\n"' "$m/into"
expect_failure "Directory not empty" rmdir "$m/into"
rm -r "$m/into"
expect_failure "No such file" stat "$m/into"

section "the same after a remount"
(cd "$m" && find . -printf '%p %i\n' | sort) >"$work/numbers"
remount s
(cd "$m" && find . -printf '%p %i\n' | sort) | diff "$work/numbers" - || fail "inode numbers changed"
rm -r "$m/repository" "$m/clone" 2>/dev/null || :
tar -C "$m" -df "$work/out.tar" || fail "tar finds differences after a remount"
rm -r "$m/tree"
expect_same "$(ls -A "$m")" ""
unmount s
