#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Transactions: what is done in the mount is seen there at once, by nobody else before
# the commit, and by all, all of it, after; or it never was.
. "${srcdir:-.}/tests/mount/common.sh"
. "${srcdir:-.}/tests/mount/hard.sh"

PATH=$top/tools:$PATH
HOME=$work GIT_CONFIG_NOSYSTEM=1
export PATH HOME GIT_CONFIG_NOSYSTEM

# begin NAME [OPTION...]: a transaction on s at $work/NAME.
begin() {
	[ -d "$work/$1" ] || mkdir "$work/$1"
	case " $mounts " in
	*" $work/$1 "*) ;;
	*) mounts="$mounts $work/$1" ;;
	esac
	place=$work/$1
	shift
	expect "$srd" txn "$@" "$work/s.srd" "$place"
}

# commit NAME: and gone is the mount.
commit() {
	expect "$srd" commit "$work/$1"
	! is_mounted "$1" || fail "$1 is mounted still"
}

# conflicts NAME KEY
conflicts() {
	before=$(commits)
	expect_failure ": $2: was changed by others meanwhile, nothing is committed" "$srd" commit "$work/$1"
	is_mounted "$1" || fail "$1 is gone"
	expect "$srd" abort "$work/$1"
	! is_mounted "$1" || fail "$1 is mounted still"
	expect_same "$(commits)" "$before" "commits"
}

commits() {
	"$srd" info --json "$work/s.srd" | sed -n 's/.*"commits": *\([0-9]*\).*/\1/p'
}

new_store s
mount_store s
s=$work/s
t=$work/t
make_tree "$work/tree"
# rsync takes times within one second for the same.
find "$work/tree" -depth -newermt '2025-01-01' ! -newermt '2050-01-01' -exec touch -h -d '2012-12-12 12:12:12.5' {} +

section "a hard tree, in one commit"
mkdir "$s/before"
echo old >"$s/before/file"
before=$(commits)
begin t
cp -a "$work/tree" "$t/cp"
(cd "$work/tree" && tar -cf - --acls --xattrs --xattrs-include="*" --sparse . 2>/dev/null) >"$work/tar"
mkdir "$t/untarred"
tar -C "$t/untarred" -xpf "$work/tar" --acls --xattrs --xattrs-include='*' 2>/dev/null || :
! have rsync || expect rsync -aHAXS --specials --devices "$work/tree/" "$t/rsync/"
same_tree "$work/tree" "$t/cp"
! have rsync || same_tree "$work/tree" "$t/rsync"
expect_same "$(ls -A "$s")" before "what others see"
expect_same "$(commits)" "$before" "commits before"
commit t
expect_same "$(commits)" $((before + 1)) "commits after"
same_tree "$work/tree" "$s/cp"
! have rsync || same_tree "$work/tree" "$s/rsync"
contents "$s/untarred" | diff "$work/contents-1" - || fail "untarred"
remount s
same_tree "$work/tree" "$s/cp"
expect_same "$("$srd" info --json "$work/s.srd" | sed -n 's/.*"misfits": *\([0-9]*\).*/\1/p')" 0 "misfits"

section "all kinds of changes to what was there"
expect rm -r "$s/untarred" "$s/cp/many" "$s/before"
cp -a "$s/cp" "$work/copy"
begin t
change() {
	cd "$1/cp"
	mv deep moved
	mv random moved/er/
	mv -T nothing old
	rm nul
	ln eve moved/eve
	chmod 600 zeros
	truncate -s 100000 zeros
	printf tail >>zeros
	printf middle | dd of=moved/er/random bs=1 seek=1000000 conv=notrunc status=none
	! have fallocate || fallocate -p -o 8192 -l 40960 moved/er/random
	perl -e 'open F, "+<", "future" or die; sysseek F, 100, 0; syswrite F, "x"; truncate F, 50'
	touch -d '2010-10-10 10:10:10.5' future
	[ -z "$attributes" ] || setfattr -n user.new -v value zeros
	! have setfattr || setfattr -x user.one zeros 2>/dev/null || :
	mkdir -p new/directory
	mv new/directory -T empty
	rmdir new
	ln -sf elsewhere dangling
	touch -h -d '2001-01-01 01:01:01.5' dangling
	touch -d '2011-11-11 11:11:11.5' moved zeros moved/er moved/er/random empty .
	cd "$work"
}
chmod 700 "$work/copy" "$t/cp"
mkdir "$work/outside"
mv "$work/copy" "$work/outside/cp"
# Before Linux 6.6 not every file system of $work has them.
attributes=$(! have setfattr || { setfattr -n user.probe "$work/outside" 2>/dev/null && echo yes; } || :)
[ -z "$attributes" ] || setfattr -x user.probe "$work/outside"
change "$work/outside"
change "$t"
same_tree "$work/outside/cp" "$t/cp"
expect test -f "$s/cp/nul"
expect test -d "$s/cp/deep"
commit t
same_tree "$work/outside/cp" "$s/cp"
expect rm -r "$s/cp"
! [ -d "$s/rsync" ] || expect rm -r "$s/rsync"

section "what system calls promise"
options=
! is_root || options="-o allow_other,suid,dev"
chmod 755 "$work"
# shellcheck disable=SC2086
begin t $options
chmod 755 "$t"
if [ -n "${SRD_SLOW:-}" ]; then
	mkdir "$work/native" "$t/suite"
	(cd "$work/native" && "$top/tests/posix/posix" >"$work/native.out") || :
	(cd "$t/suite" && "$top/tests/posix/posix" >"$work/t.out") || :
	diff "$work/native.out" "$work/t.out" || fail "a transaction is not as $(stat -f -c %T "$work")"
	! have rsync || expect rsync -a /usr/include/ "$t/include/"
	! have rsync || expect diff -r --no-dereference /usr/include "$t/include"
fi
expect "$top/tests/posix/fsx" -t "${FSX_SECONDS:-1}" "$t/fsx"
cksum <"$t/fsx" >"$work/sum"
commit t
! [ -d "$s/include" ] || expect diff -r --no-dereference /usr/include "$s/include"
cksum <"$s/fsx" | diff "$work/sum" - || fail "random operations"

section "large files, mapped files, files without a name"
begin t
head -c 40000000 /dev/urandom | tee "$t/large" | cksum >"$work/sum"
cksum <"$t/large" | diff "$work/sum" - || fail "what is read is not what was written"
cp "$t/large" "$t/shared"
dd if="$t/large" of="$t/direct" bs=1M count=3 oflag=direct conv=fsync status=none
truncate -s 3T "$t/far"
printf end >>"$t/far"
have python3 && python3 - "$t" <<'END'
import mmap, os, sys
with open(sys.argv[1] + "/mapped", "w+b") as f:
    f.truncate(1 << 20)
    m = mmap.mmap(f.fileno(), 0)
    m[5000:5005] = b"hello"
    m.flush()
    m[900000:900005] = b"there"
    m.close()
fd = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(fd, b"named later")
os.link("/proc/self/fd/%d" % fd, sys.argv[1] + "/named", src_dir_fd=os.open("/", 0), follow_symlinks=True)
gone = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(gone, b"never named")
os.fsync(gone)
END
commit t
for file in large shared; do
	cksum <"$s/$file" | diff "$work/sum" - || fail "$file"
done
cmp -n 3145728 "$s/direct" "$s/large" || fail "written around the cache"
expect_same "$(stat -c %s "$s/far")" 3298534883331
if have python3; then
	expect_same "$(cat "$s/named")" "named later"
	expect_same "$(tr -d '\0' <"$s/mapped")" hellothere
fi
expect rm "$s/large" "$s/shared" "$s/direct" "$s/far"

if have git; then
	section "git"
	git config --global user.name test
	git config --global user.email test@example.invalid
	git init -q "$work/repository"
	cp -R "$work/tree/many" "$work/repository"
	git -C "$work/repository" add . && git -C "$work/repository" commit -qm first
	begin t
	expect git clone -q --no-hardlinks "$work/repository" "$t/clone"
	echo more >>"$t/clone/many/file-1"
	expect git -C "$t/clone" commit -qam second
	expect git -C "$t/clone" gc -q
	head=$(git -C "$t/clone" rev-parse HEAD)
	commit t
	expect_same "$(git -C "$s/clone" rev-parse HEAD)" "$head"
	expect git -C "$s/clone" fsck --strict --no-progress
	expect_same "$(git -C "$s/clone" status --porcelain)" ""
	expect rm -r "$s/clone"
fi

if have sqlite3; then
	section "sqlite"
	sqlite3 "$s/db" 'create table t(x); insert into t values(1)'
	begin t
	for mode in delete wal; do
		expect_same "$(sqlite3 "$t/db" "pragma journal_mode=$mode")" $mode
		sqlite3 "$t/db" 'pragma synchronous=full; begin; insert into t values(2); insert into t select randomblob(500) from t; commit'
	done
	expect_same "$(sqlite3 "$t/db" 'pragma journal_mode=delete')" delete
	rows=$(sqlite3 "$t/db" 'select count(*) from t')
	expect_same "$(sqlite3 "$s/db" 'select count(*) from t')" 1
	commit t
	expect_same "$(sqlite3 "$s/db" 'select count(*) from t; pragma integrity_check')" "$rows
ok"
fi

section "dropped: by abort, by unmounting, by a kill"
echo kept >"$s/kept"
for end in abort unmount kill; do
	before=$(commits)
	begin t
	echo changed >"$t/kept"
	head -c 300000 /dev/urandom >"$t/dropped"
	case $end in
	abort) expect "$srd" abort "$t" ;;
	unmount) until fusermount3 -u "$t" 2>/dev/null; do sleep 0.05; done ;;
	kill)
		victim=
		for process in /proc/[0-9]*; do
			if { tr '\0' '\n' <"$process/cmdline" | grep -qxF "$t" && grep -qx srdfs-worker "$process/comm"; } 2>/dev/null; then
				victim=${process#/proc/}
			fi
		done
		expect kill -s KILL "$victim"
		tries=0
		while is_mounted t; do
			tries=$((tries + 1))
			[ $tries -le 600 ] || fail "the mount of a dead transaction stays"
			sleep 0.05
		done
		;;
	esac
	! is_mounted t || fail "mounted after $end"
	expect_same "$(cat "$s/kept")" kept "$end"
	! [ -e "$s/dropped" ] || fail "$end dropped nothing"
	expect_same "$(commits)" "$before" "commits"
done
expect "$srd" verify -q "$work/s.srd" >/dev/null

section "two at once"
mkdir "$s/shared"
begin one
begin two
echo 1 >"$work/one/shared/one"
echo 2 >"$work/two/shared/two"
mkdir "$work/one/sub1" "$work/two/sub2"
commit two
commit one
expect_same "$(cd "$s" && cat shared/one shared/two && ls -d sub1 sub2)" "1
2
sub1
sub2"

section "compacted meanwhile"
begin one
head -c 1000000 /dev/urandom | tee "$work/one/data" >"$work/data"
expect "$srd" compact -q "$work/s.srd"
head -c 500000 /dev/urandom | tee "$work/one/more" >"$work/more"
echo short >"$work/one/short"
echo changed >"$work/one/kept"
cmp "$work/data" "$work/one/data" || fail "lost"
cmp "$work/more" "$work/one/more" || fail "lost"
commit one
cmp "$work/data" "$s/data" || fail "lost"
cmp "$work/more" "$s/more" || fail "lost"
expect_same "$(cat "$s/short" "$s/kept")" "short
changed"
echo kept >"$s/kept"
expect rm "$s/data" "$s/more" "$s/short"

section "conflicts"
begin one
begin two
echo 1 >"$work/one/kept"
echo 2 >>"$work/two/kept"
echo 1 >"$work/one/shared/aside"
commit two
conflicts one kept
expect_same "$(cat "$s/kept")" "kept
2"
! [ -e "$s/shared/aside" ] || fail "half a transaction"
begin one
mkdir "$work/one/name"
echo file >"$s/name"
conflicts one name
begin one
echo new >"$work/one/shared/new"
expect rm -r "$s/shared"
conflicts one shared/new
begin one
(: <>"$work/one/kept")
echo more >"$work/one/other"
echo 3 >"$s/kept"
conflicts one kept
begin one
cat "$work/one/kept" >"$work/one/other"
echo 4 >"$s/kept"
commit one
expect_same "$(cat "$s/other")" 3 "what was only read"

section "what is no transaction, what is over, and who may"
expect_failure "is mounted, but not as a transaction" "$srd" commit "$s"
expect_failure "is no mount of a store" "$srd" commit "$work"
expect_failure "is no mount of a store" "$srd" abort "$work"
expect_failure "No such file" "$srd" commit "$work/nowhere"
expect_failure "'txn' and 'ro' do not go together" "$srd" txn -o ro "$work/s.srd" "$t"
expect_failure "'txn' and 'writeback' do not go together" "$srd" txn -o writeback "$work/s.srd" "$t"
begin t
echo x >"$t/x"
commit t
expect_failure "is no mount of a store" "$srd" commit "$t"
if is_root && have setpriv; then
	begin t -o allow_other
	chmod 755 "$work" "$t"
	expect_failure "not permitted" setpriv --reuid 12345 --clear-groups "$srd" commit "$t"
	expect_failure "not permitted" setpriv --reuid 12345 --clear-groups "$srd" abort "$t"
	is_mounted t || fail "anybody may end it"
	commit t
fi
begin t -o no_keeper
echo alone >"$t/alone"
commit t
expect_same "$(cat "$s/alone")" alone
begin t
exec 3>"$t/open"
echo written >&3
commit t
expect_same "$(cat "$s/open")" written "of an open file"
exec 3>&-

if is_root && mkdir "$work/disk" && mount -t tmpfs -o size=6M tmpfs "$work/disk" 2>/dev/null; then
	section "a full disk: nothing is lost, and it can be committed when there is room"
	mounts="$mounts $work/full $work/disk"
	mkdir "$work/full"
	expect "$srd" create "$work/disk/s.srd"
	expect "$srd" txn "$work/disk/s.srd" "$work/full"
	head -c 1000000 /dev/urandom | tee "$work/full/data" >"$work/data"
	i=0
	while [ $i -lt 2000 ]; do
		i=$((i + 1))
		: >"$work/full/a-name-that-takes-some-room-in-the-commit-$i"
	done
	head -c 6000000 /dev/zero >"$work/disk/filler" 2>/dev/null || :
	expect_failure "No space left" "$srd" commit "$work/full"
	cmp "$work/data" "$work/full/data" || fail "lost"
	expect rm "$work/disk/filler"
	expect "$srd" commit "$work/full"
	expect_same "$("$srd" ls "$work/disk/s.srd" | wc -l)" 2001
	"$srd" get "$work/disk/s.srd" data | cmp - "$work/data" || fail "lost"
fi

section "the store replaced under it"
begin t
echo x >"$t/y"
mv "$work/s.srd" "$work/old.srd"
expect "$srd" create "$work/s.srd"
expect_failure "replaced by another meanwhile, nothing is committed" "$srd" commit "$t"
expect_same "$(cat "$t/y")" x
expect "$srd" abort "$t"
