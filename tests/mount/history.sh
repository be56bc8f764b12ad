#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The directory .srd: what was, seen through the mount by the programs that see what is.
. "${srcdir:-.}/tests/mount/common.sh"
. "${srcdir:-.}/tests/mount/hard.sh"

commits=5
[ "${SRD_SLOW:-}" = "" ] || commits=50

new_store s
mount_store s
m=$work/s

# The number of the last commit.
sequence() {
	"$srd" info --json "$work/s.srd" | sed -n 's/.*"commits": *\([0-9]*\).*/\1/p'
}

# try PYTHON: an expression that calls the system, with the mount as m; says what went wrong.
try() {
	python3 -c "import os, sys; m = sys.argv[1]
try: $1
except OSError as e: print(e.strerror)" "$m"
}

section "nobody falls into it who does not ask for it"
echo one >"$m/f"
mkdir "$m/d" "$work/copy"
echo x >"$m/d/x"
expect_same "$(ls -A "$m")" "d
f"
expect_same "$(find "$m" | sort)" "$m
$m/d
$m/d/x
$m/f"
expect_same "$(cd "$m" && du -a | wc -l)" 4
if have rsync; then
	rsync -a "$m/" "$work/copy/"
	expect_same "$(find "$work/copy" -name .srd)" ""
fi
expect_same "$(ls -A "$m/.srd/at")" ""
[ -d "$m/.srd/snapshots" ] || fail "not there"
expect_failure 'No such file' ls "$m/d/.srd"

section "snapshots are made, shown, renamed and deleted"
mkdir "$m/.srd/snapshots/first"
echo two >"$m/f"
rm -r "$m/d"
before=$(sequence)
sleep 0.01
now=$(date +%Y-%m-%dT%H:%M:%S.%N)
echo three >"$m/f"
expect_same "$(cat "$m/.srd/snapshots/first/f" "$m/.srd/snapshots/first/d/x" "$m/f")" "one
x
three"
expect_same "$("$srd" snapshot list "$work/s.srd" | wc -l)" 1
expect "$srd" snapshot create "$work/s.srd" second
expect_same "$(ls "$m/.srd/snapshots")" "first
second"
expect_same "$(cat "$m/.srd/snapshots/second/f")" three
mv "$m/.srd/snapshots/second" "$m/.srd/snapshots/third"
expect_same "$(cat "$m/.srd/snapshots/third/f")" three
expect_failure 'File exists' mkdir "$m/.srd/snapshots/first"
expect_failure 'Invalid argument' mkdir "$m/.srd/snapshots/2026-11-22"
rmdir "$m/.srd/snapshots/third"
expect_same "$(ls "$m/.srd/snapshots")" first
expect_failure 'No such file' ls "$m/.srd/snapshots/third"

section "points"
expect_same "$(cat "$m/.srd/at/$before/f")" two
expect_same "$(cat "$m/.srd/at/$now/f")" two
expect_same "$(cat "$m/.srd/at/first/f")" one
expect_same "$(cat "$m/.srd/at/now/f")" three
echo four >"$m/f"
expect_same "$(cat "$m/.srd/at/$before/f" "$m/.srd/at/$now/f")" "two
two"
sleep 1.1
expect_same "$(cat "$m/.srd/at/now/f")" four
for point in nothing 99999999 '1 hour ago' 2001-01-01; do
	expect_failure 'No such file' ls "$m/.srd/at/$point"
done

section "numbers of their own, and no way across"
first=$m/.srd/snapshots/first
expect_same "$(stat -c %d "$m/f" "$first/f" "$m/.srd" | sort -u | wc -l)" 1
expect_same "$(stat -c %i "$m/f" "$first/f" "$m/.srd/at/$before/f" "$first" "$m/.srd" "$m" | sort -u | wc -l)" 6
expect_same "$(stat -c %i "$first/f" "$m/.srd/at/first/f" | sort -u | wc -l)" 1
if have python3; then
	expect_same "$(try "os.rename(m + '/.srd/snapshots/first/f', m + '/g')")" "Invalid cross-device link"
	expect_same "$(try "os.rename(m + '/f', m + '/.srd/snapshots/first/g')")" "Invalid cross-device link"
	expect_same "$(try "os.link(m + '/.srd/snapshots/first/f', m + '/g')")" "Invalid cross-device link"
	expect_same "$(try "os.link(m + '/f', m + '/.srd/snapshots/first/g')")" "Invalid cross-device link"
	expect_same "$(try "os.rename(m + '/.srd/snapshots/first', m + '/.srd/at/x')")" "Invalid cross-device link"
fi
cp "$m/f" "$work/g"
if cmp -s "$first/f" "$m/f"; then fail "a version is taken for its file"; fi
cp -a "$first/f" "$m/f"
expect_same "$(cat "$m/f")" one

section "nothing is written"
for write in "echo x >'$first/f'" "echo x >>'$first/f'" "touch '$first/new'" "mkdir '$first/new'" "rm '$first/f'" \
	"chmod 600 '$first/f'" "touch '$first/f'" "ln -s x '$first/new'" "mkfifo '$first/new'" "rmdir '$first/d'" \
	"truncate -s 0 '$first/f'" "mkdir '$m/.srd/at/new'" "mkdir '$m/.srd/new'" "mv '$first/f' '$first/g'"; do
	expect_failure 'Read-only' sh -c "$write"
done
expect_failure '' rmdir "$m/.srd"
expect_failure 'File exists' mkdir "$m/.srd"
# Nor has the kernel learnt that the mount cannot do it.
sync "$m/f"
mv "$m/f" "$m/g"
fallocate -l 4096 "$m/g"

section "a tree is as it was: content, times, modes and all"
make_tree "$work/tree"
cp -a "$work/tree" "$m/tree"
same_tree "$work/tree" "$m/tree"
mkdir "$m/.srd/snapshots/tree"
rm -r "$m/tree"
same_tree "$work/tree" "$m/.srd/snapshots/tree/tree"
cp -a "$m/.srd/snapshots/tree/tree" "$m/again"
same_tree "$work/tree" "$m/again"

section "what was deleted is there, and comes back as it was"
rm -r "$m/again"
exec 8<"$m/.srd/deleted/again"   # the kernel may forget what nobody is in
cp -a "$m/.srd/deleted/again" "$m/again"
same_tree "$work/tree" "$m/again"
sleep 1.1   # as long may the kernel believe what it was told
expect_same "$(stat -c %a "$m/.srd/deleted/again")" "$(stat -c %a "$work/tree")"
exec 8<&-
mkdir "$m/e"
echo a >"$m/e/a"
mv "$m/e/a" "$m/e/b"
ln "$m/e/b" "$m/e/c"
rm "$m/e/b"
expect_same "$(ls "$m/.srd/deleted/e")" ""
echo last >"$m/e/c"
rm "$m/e/c"
expect_same "$(ls "$m/.srd/deleted/e")" c
expect_same "$(cat "$m/.srd/deleted/e/c")" last
echo new >"$m/e/c"
expect_same "$(ls "$m/.srd/deleted/e")" ""
rm "$m/e/c"
sleep 1.1
expect_same "$(cat "$m/.srd/deleted/e/c")" new
chmod 751 "$m/e"
rm -r "$m/e"
expect_same "$(cat "$m/.srd/deleted/e/c")" new
# Who restores it in its place does not find himself in what he makes.
expect_same "$(ls "$m/.srd/deleted/e")" c
exec 8<"$m/.srd/deleted/e"
mkdir -m 700 "$m/e"
sleep 1.1
expect_same "$(stat -c %a "$m/.srd/deleted/e")" 751
expect_same "$(ls "$m/.srd/deleted/e")" c
rmdir "$m/e"
exec 8<&-
expect_failure 'Read-only' rm "$m/.srd/deleted/e/c"
[ ! -e "$m/.srd/deleted/e/nothing" ] || fail "never was"

section "versions of a file, by whatever way it came to be"
v=$m/.srd/versions/dir/file
# Prints the content of all versions.
all_versions() {
	for number in $(ls "$v" | sort -n); do tr '\n' ' ' <"$v/$number"; done
}
mkdir "$m/dir"
echo 1 >"$m/dir/file"
chmod 640 "$m/dir/file"
touch -d '2001-02-03 04:05:06.789' "$m/dir/file"
first_version=$(ls "$v")
expect_same "$(stat -c '%s %a %y %h' "$v/$first_version")" "$(stat -c '%s %a %y %h' "$m/dir/file")"
expect_same "$first_version" "$(getfattr --only-values -n user.srd.sequence "$m/dir/file" 2>/dev/null || echo "$first_version")"
echo 2 >"$m/dir/file"
echo 3 >>"$m/dir/file"
expect_same "$(all_versions)" "1 2 2 3 "
expect_same "$(stat -c '%a %y' "$v/$first_version" | cut -c1-27)" "640 2001-02-03 04:05:06.789"
echo 4 >"$m/dir/.new"
echo 5 >>"$m/dir/.new"
mv "$m/dir/.new" "$m/dir/file"
expect_same "$(all_versions)" "1 2 2 3 4 5 "
rm "$m/dir/file"
expect_failure 'No such file' ls "$v"
echo 6 >"$m/dir/file"
expect_same "$(all_versions)" "1 2 2 3 4 5 6 "
mv "$m/dir" "$m/dir2"
v=$m/.srd/versions/dir2/file
expect_same "$(all_versions)" "1 2 2 3 4 5 6 "
expect_same "$(cat "$v/$first_version")" 1
expect_same "$(cat "$m/.srd/at/$first_version/dir/file")" 1
expect_same "$(stat -c %i "$v"/* | sort -u | wc -l)" 5
expect_failure 'Read-only' sh -c "echo x >'$v/$first_version'"
expect_failure 'No such file' cat "$v/0$first_version"
expect_failure 'No such file' cat "$v/1"
expect_same "$(find "$m/.srd/versions/dir2" -type f | wc -l)" 5
cp -a "$v/$first_version" "$m/dir2/file"
expect_same "$(cat "$m/dir2/file")" 1
rm -r "$m/dir2"

if have git; then
	section "each commit of a repository is whole, from two mounts ($commits)"
	GIT_CONFIG_NOSYSTEM=1 HOME=$work
	export GIT_CONFIG_NOSYSTEM HOME
	git config --global user.email test@example.invalid
	git config --global user.name test
	git config --global safe.directory '*'
	git init -q "$work/origin"
	(cd "$srcdir" && tar c src/fs src/fuse tests/mount) | tar x -C "$work/origin"
	git -C "$work/origin" add .
	git -C "$work/origin" commit -qm 0
	git clone -q "$work/origin" "$m/git"
	mkdir "$work/other"
	mounts="$mounts $work/other"
	expect "$srdfs" "$work/s.srd" "$work/other"
	i=0
	while [ $((i += 1)) -le $commits ]; do
		echo "$i" >"$m/git/file$i"
		git -C "$m/git" add -A
		git -C "$m/git" commit -qm "$i"
		mkdir "$m/.srd/snapshots/commit-$i"
	done
	i=0
	while [ $((i += 1)) -le $commits ]; do
		for place in "$m" "$work/other"; do
			there=$place/.srd/snapshots/commit-$i/git
			expect git -C "$there" fsck --strict --no-progress
			expect_same "$(git -C "$there" rev-list --count HEAD)" $((i + 1))
			expect_same "$(git -C "$there" status --porcelain)" ""
			[ ! -e "$there/file$((i + 1))" ] || fail "a file of the future"
		done
	done
	umount "$work/other"
fi

if goes_on; then
	section "a worker that is killed is survived, by what is open and by who is there"
	exec 5<"$first/f"
	cd "$m/.srd/at/first"
	mkdir "$work/list"
	numbers=$(stat -c %i . f d/x)
	for _ in 1 2; do
		worker=$(worker_of s)
		kill -s KILL "$worker"
		while is_running "$worker"; do sleep 0.02; done
		expect_same "$(cat f)" one
		expect_same "$(stat -c %i . f d/x)" "$numbers"
		expect_same "$(ls)" "d
f"
	done
	expect_same "$(cat <&5)" one
	exec 5<&-
	cd "$work"
	unset OLDPWD || :
fi

section "many are looked at, few are kept"
i=0
: >"$m/f"
from=$(sequence)
while [ $((i += 1)) -le 100 ]; do echo $i >"$m/f"; done
to=$(sequence)
for point in $(seq "$from" "$to"); do cat "$m/.srd/at/$point/f"; done | sort -n | uniq >"$work/seen"
seq 1 100 | diff "$work/seen" - || fail "other content"
# Each of the two hundred takes some twenty mappings while it is open.
[ "$(grep -c . "/proc/$(worker_of s)/maps")" -lt 2500 ] || fail "views stay: $(grep -c . "/proc/$(worker_of s)/maps") mappings"

section "what is open stays through a compaction, which may drop the rest"
new_store c
mount_store c
for i in 1 2 3; do echo $i >"$work/c/f"; done
exec 5<"$work/c/.srd/at/2/f"
: <"$work/c/.srd/at/4/f"
expect "$srd" compact "$work/c.srd" >/dev/null
expect_same "$(cat <&5)" 1
exec 5<&-
expect_failure 'No such file' ls "$work/c/.srd/at/3"
expect_same "$(cat "$work/c/.srd/at/6/f")" 3
unmount c
expect "$srd" compact "$work/s.srd" >/dev/null
same_tree "$work/tree" "$m/.srd/snapshots/tree/tree"

section "other kinds of mounts"
echo gone >"$m/gone"
rm "$m/gone"
remount s -o history=off
expect_failure 'No such file' ls "$m/.srd"
expect_failure 'not permitted' mkdir "$m/.srd"
remount s -o ro
expect_same "$(cat "$first/f")" one
expect_failure 'Read-only' mkdir "$m/.srd/snapshots/new"
expect_failure 'Read-only' rmdir "$first"
expect_same "$(cat "$m/.srd/versions/f/$(ls "$m/.srd/versions/f" | sort -n | tail -n 1)")" 100
expect_same "$(cat "$m/.srd/deleted/gone")" gone
remount s -o at=tree
expect_same "$(ls "$m/.srd/snapshots")" first
expect_same "$(cat "$first/f")" one
[ ! -e "$m/.srd/snapshots/tree" ] || fail "what was made later"
remount s -o txn
echo private >"$m/private"
expect_same "$(cat "$first/f")" one
[ ! -e "$m/.srd/at/now/private" ] || fail "what is not committed is no history"
expect_failure 'Read-only' mkdir "$m/.srd/snapshots/new"
expect_same "$(cat "$m/.srd/versions/f/$(ls "$m/.srd/versions/f" | sort -n | tail -n 1)")" 100
[ ! -e "$m/.srd/versions/private" ] || fail "what is not committed has no versions"
remount s -o no_keeper
expect_same "$(cat "$first/f")" one

if [ "$(id -u)" = 0 ]; then
	section "who could read it then can now, and others cannot"
	remount s -o allow_other
	chmod 755 "$work" "$m"
	as() {
		setpriv --reuid 1001 --regid 1001 --clear-groups "$@"
	}
	echo open >"$m/secret"
	mkdir "$m/.srd/snapshots/open"
	chmod 600 "$m/secret"
	echo closed >"$m/secret"
	mkdir "$m/.srd/snapshots/closed"
	chmod 644 "$m/secret"
	expect_same "$(as cat "$m/.srd/snapshots/open/secret")" open
	expect_failure 'Permission denied' as cat "$m/.srd/snapshots/closed/secret"
	expect_failure 'Permission denied' as mkdir "$m/.srd/snapshots/his"
	expect_failure 'Permission denied' as rmdir "$m/.srd/snapshots/open"
	expect_failure 'Permission denied' as mv "$m/.srd/snapshots/open" "$m/.srd/snapshots/his"
	mkdir -m 700 "$m/private"
	echo secret >"$m/private/a"
	echo secret >"$m/private/b"
	rm "$m/private/a"
	echo public >"$m/private/b"
	chmod 755 "$m/private"
	expect_same "$(as cat "$m/private/b")" public
	expect_failure 'Permission denied' as cat "$m/.srd/deleted/private/a"
	expect_failure 'Permission denied' as ls "$m/.srd/versions/private/b"
	expect_same "$(cat "$m/.srd/deleted/private/a" "$m/.srd/versions/private/b/"* | sort -u)" "public
secret"
	chown 1001 "$m"
	as mkdir "$m/.srd/snapshots/his"
	as rmdir "$m/.srd/snapshots/his"
	if have setfacl; then
		setfacl -m u:1001:r "$m/f"
		chmod 640 "$m/f"
		mkdir "$m/.srd/snapshots/list"
		setfacl -b "$m/f"
		chmod 600 "$m/f"
		expect_failure 'Permission denied' as cat "$m/f"
		expect_same "$(as cat "$m/.srd/snapshots/list/f")" 100
	fi
fi
unmount s

section "versions that a compaction keeps, of a file that is emptied each time it is written anew"
new_store w
mount_store w
for i in 1 2 3 4; do
	head -c 3000 /dev/urandom >"$work/written$i"
	cat "$work/written$i" >"$work/w/f"
done
expect "$srd" compact -q --keep-versions 2 "$work/w.srd"
# shellcheck disable=SC2046
set -- $(ls "$work/w/.srd/versions/f" | sort -n)
expect_same $# 4
expect cmp "$work/w/.srd/versions/f/$4" "$work/written4"
expect cmp "$work/w/.srd/versions/f/$3" "$work/written3"
expect_failure 'No data' cat "$work/w/.srd/versions/f/$2"
unmount w
