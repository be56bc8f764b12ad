#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The worker is killed, and another goes on: the mount, its open files and whoever is in
# it stay.
. "${srcdir:-.}/tests/mount/common.sh"
needs_another_worker

new_store s
mount_store s
m=$work/s
keeper=$(cat "$work/s.pid")
without=$(realpath "$builddir/tests/mount/without") swap=$(realpath "$builddir/tests/mount/swap")

# Kills the worker, and waits until it is gone; another is on its way.
kill_worker() {
	worker=$(worker_of s)
	kill -s KILL "$worker"
	while is_running "$worker"; do sleep 0.02; done
}

# A keeper that has seen no worker die.
begin_anew() {
	remount s
	keeper=$(cat "$work/s.pid")
}

section "what was there, and where somebody is"
mkdir "$m/d"
echo one >"$m/d/f"
ln "$m/d/f" "$m/d/g"
cd "$m/d"
before=$(stat -c '%i %h %Y' f)
kill_worker
expect_same "$(stat -c '%i %h %Y' f)" "$before"
expect_same "$(cat g)" one
expect_same "$(ls)" "f
g"
echo two >>f
expect_same "$(cat g)" "one
two"
cd "$work"
# Every bash that is started looks whether that is a directory, be it of a mount that does not answer.
unset OLDPWD || :
is_running "$keeper" || fail "the keeper is gone, too"
if ! is_running "$(worker_of s)"; then
	fail "no worker"
fi

section "open files, saved ones"
exec 5<>"$m/open" 6<"$m/d/f"
echo "before" >&5
sync "$m/open"
kill_worker
echo "after" >&5
expect_same "$(cat /proc/self/fd/5)" "before
after"
read -r line <&6
expect_same "$line" one
exec 5>&- 6<&-
expect_same "$(cat "$m/open")" "before
after"

section "an open file without a name"
echo "kept" >"$m/gone"
exec 5<>"$m/gone"
rm "$m/gone"
kill_worker
expect_same "$(stat -L -c '%h %s' /proc/self/fd/5)" "0 5"
expect_same "$(cat <&5)" kept
echo more >&5
kill_worker
exec 5>&-
expect_same "$(ls "$m")" "d
open"
begin_anew

section "with an image, and what it does not know of"
mkdir "$work/many"
(cd "$work/many" && seq 2600 | xargs touch)
echo "kept" >"$m/gone"
exec 5<>"$m/gone"
rm "$m/gone"
rm -f "$work/s.srd.idx"
expect "$srd" import "$work/s.srd" "$work/many" many
[ -e "$work/s.srd.idx" ] || fail "no image"
echo "kept, too" >"$m/later"
exec 6<>"$m/later"
sync "$m/later"
kill_worker
expect_same "$(cat <&5)" kept
expect_same "$(find "$m/many" -type f | wc -l)" 2600
rm "$m/later" "$m/many/1"
kill_worker
expect_same "$(cat <&6)" "kept, too"
exec 5>&- 6>&-
expect_same "$(cat "$m/d/g")" "one
two"
# Nothing is in use that has no name: the image will do.
kill_worker
expect_same "$(find "$m/many" -type f | wc -l)" 2599
rm -r "$m/many"
expect_same "$(ls "$m")" "d
open"
begin_anew

section "whoever lost something is told, others are not"
exec 5>"$m/lossy"
exec 6<"$m/d/f"
echo "not saved" >&5
kill_worker
# What was committed in time is all there; else every use of the handle fails.
if sync /proc/self/fd/5 2>/dev/null; then
	expect_same "$(cat "$m/lossy")" "not saved"
else
	if { echo again >&5; } 2>/dev/null; then
		fail "a file that lost something takes more"
	fi
fi
expect_same "$(cat <&6)" "one
two"
{ exec 5>&-; } 2>/dev/null || :
exec 6<&-
echo new >"$m/lossy"
expect_same "$(cat "$m/lossy")" new

section "what others committed while no worker was there"
echo old >"$m/d/seen"
expect_same "$(cat "$m/d/seen")" old
expect_failure "No such file" cat "$m/d/unseen"
worker=$(worker_of s)
kill -s STOP "$keeper"
kill -s KILL "$worker"
while is_running "$worker"; do sleep 0.02; done
echo new | "$srd" put "$work/s.srd" d/seen
echo made | "$srd" put "$work/s.srd" d/unseen
kill -s CONT "$keeper"
# The kernel is told when the new worker serves; that it asks again comes a moment later.
tries=0
until [ "$(cat "$m/d/seen")" = new ] && [ -e "$m/d/unseen" ]; do
	tries=$((tries + 1))
	[ $tries -le 500 ] || fail "the kernel believes what is not true any more"
	sleep 0.02
done
expect_same "$(cat "$m/d/unseen")" made
# And of all that comes then, whatever the kernel knew before.
for text in one two three; do
	echo $text | "$srd" put "$work/s.srd" d/moved
	expect "$srd" mv "$work/s.srd" d/moved d/seen
	tries=0
	until [ "$(cat "$m/d/seen")" = $text ]; do
		tries=$((tries + 1))
		[ $tries -le 500 ] || fail "the kernel is not told of '$text'"
		sleep 0.02
	done
done

section "half way through copying a tree"
mkdir "$work/tree"
i=0
while [ $i -lt 400 ]; do
	mkdir "$work/tree/$i"
	echo "content of $i" >"$work/tree/$i/f"
	i=$((i + 1))
done
for round in 1 2; do
	rm -rf "$m/copy"
	cp -r "$work/tree" "$m/copy" 2>"$work/said" &
	copying=$!
	until [ -d "$m/copy/$((round * 7))" ]; do
		kill -0 $copying 2>/dev/null || break
		sleep 0.01
	done
	kill_worker
	wait $copying || :
	# What cp complained about was being written; all else is whole.
	find "$work/tree" -name f | while read -r file; do
		copy=$m/copy/${file#"$work/tree/"}
		cmp -s "$file" "$copy" || grep -qF "${file#"$work/tree/"}" "$work/said" ||
			fail "round $round: $copy is not whole, and nobody said so"
	done
	cp -r "$work/tree/." "$m/copy"
	diff -r "$work/tree" "$m/copy" || fail "copied again, and it differs"
	begin_anew
done

section "whoever makes and removes names notices nothing"
cat >"$work/names.pl" <<'EOF'
use Fcntl;
my ($d, $stop) = @ARGV;
sub must { die "$_[0]: $!\n" unless $_[1] }
must("mkdir", mkdir $d);
until (-e $stop) {
	must("mkdir", mkdir "$d/a");
	must("rename of a directory", rename "$d/a", "$d/b");
	must("create", sysopen(my $file, "$d/b/f", O_CREAT | O_EXCL | O_WRONLY));
	must("close", close $file);
	must("link", link "$d/b/f", "$d/b/g");
	must("symlink", symlink "x", "$d/b/s");
	must("rename", rename "$d/b/f", "$d/b/h");
	must("unlink", unlink("$d/b/h", "$d/b/g", "$d/b/s") == 3);
	must("rmdir", rmdir "$d/b");
}
EOF
mkdir "$m/names"
pids=
for name in 1 2 3; do
	perl "$work/names.pl" "$m/names/$name" "$work/stop" &
	pids="$pids $!"
done
for name in 1 2 3; do
	# Amid it all.
	until [ -d "$m/names/$name" ]; do sleep 0.02; done
	kill_worker
	ls "$m/names" >/dev/null
done
touch "$work/stop"
for pid in $pids; do
	wait "$pid" || fail "a program noticed"
done
expect_same "$(find "$m/names" -mindepth 2)" ""
begin_anew

section "an exchange that was made is not undone"
echo 0 >"$m/even"
echo 1 >"$m/odd"
rm -f "$work/stop"
"$swap" "$m/even" "$m/odd" "$work/stop" >"$work/swaps" &
swapping=$!
for round in 1 2 3 4 5; do
	before=$(cat "$m/even")
	# Amid it.
	until [ "$(cat "$m/even")" != "$before" ]; do
		kill -0 $swapping || fail "the program has ended"
	done
	kill_worker
done
touch "$work/stop"
wait $swapping || fail "the program noticed"
expect_same "$(cat "$m/even")" $(($(cat "$work/swaps") % 2))
begin_anew

section "a lock that somebody has on another mount is not had twice"
cat >"$work/lock.pl" <<'EOF'
use Fcntl;
my ($lock, $held, $stop) = @ARGV;
until (-e $stop) {
	mkdir $lock or next;
	sysopen(my $mine, $held, O_CREAT | O_EXCL | O_WRONLY) or die "two have it\n";
	unlink $held or die "$held: $!\n";
	rmdir $lock or die "somebody took it away: $!\n";
}
EOF
mkdir "$work/other"
mounts="$mounts $work/other"
expect "$srdfs" "$work/s.srd" "$work/other"
rm -f "$work/stop"
perl "$work/lock.pl" "$m/lock" "$work/held" "$work/stop" &
here=$!
perl "$work/lock.pl" "$work/other/lock" "$work/held" "$work/stop" &
there=$!
for round in 1 2 3 4 5; do
	ls "$m" >/dev/null
	kill_worker
done
ls "$m" >/dev/null
touch "$work/stop"
wait $here || fail "the one here failed"
wait $there || fail "the other failed"
# The other may have been the last to take it away: the kernel is told a moment later.
tries=0
while [ -e "$m/lock" ]; do
	tries=$((tries + 1))
	[ $tries -le 500 ] || fail "it is left"
	sleep 0.02
done
expect fusermount3 -u "$work/other"
begin_anew

section "what is appended is there once"
cat >"$work/append.pl" <<'EOF'
use Fcntl;
my ($file, $who, $stop) = @ARGV;
my ($told, $n) = ("", 0);
until (-e $stop) {
	sysopen(my $log, $file, O_WRONLY | O_APPEND | O_CREAT) or next;
	for (1 .. 20) {
		my $line = sprintf("%s %d\n", $who, ++$n);
		my $done = syswrite($log, $line);
		$told .= $line if defined $done && $done == length $line;
	}
	# What was not committed is lost with the worker, and this says so.
	$told =~ s/(.*\n){0,20}\z// unless close $log;
}
print $told;
EOF
# With another mount of the store each is committed before it is answered.
expect "$srdfs" "$work/s.srd" "$work/other"
rm -f "$work/stop"
for name in a b; do
	perl "$work/append.pl" "$m/log" $name "$work/stop" >"$work/told-$name" &
	eval "appends_$name=$!"
done
for round in 1 2 3; do
	until grep -q "a $((round * 50))\$" "$m/log" 2>/dev/null; do sleep 0.02; done
	kill_worker
done
touch "$work/stop"
wait "$appends_a" "$appends_b" || fail "the appending programs fail"
[ -s "$work/told-a" ] || fail "nothing was appended"
expect_same "$(sort "$work/other/log" | uniq -d)" ""
sort "$work/told-a" "$work/told-b" >"$work/told"
sort "$m/log" | comm -13 - "$work/told" >"$work/lost"
expect_same "$(cat "$work/lost")" ""
expect fusermount3 -u "$work/other"
begin_anew

if command -v rsync >/dev/null; then
	section "rsync"
	rsync -a "$work/tree/" "$m/synced/" 2>"$work/said" &
	copying=$!
	until [ -d "$m/synced/7" ]; do
		kill -0 $copying 2>/dev/null || break
		sleep 0.01
	done
	kill_worker
	# It may have lost what it was writing, and says so; or else all is there.
	if wait $copying; then
		diff -r "$work/tree" "$m/synced" || fail "rsync was content, and it differs"
	fi
	expect rsync -a "$work/tree/" "$m/synced/"
	diff -r "$work/tree" "$m/synced" || fail "synced again, and it differs"
	begin_anew
fi

section "one that dies over and over takes the mount with it"
tries=0
while is_running "$keeper"; do
	tries=$((tries + 1))
	[ $tries -le 100 ] || fail "the mount goes on for ever"
	if worker=$(process_of s srdfs-worker); then
		kill -s KILL "$worker" 2>/dev/null || :
		while is_running "$worker"; do sleep 0.02; done
	fi
	sleep 0.05
done
is_mounted s && fail "still mounted"
mount_store s
diff -r "$work/tree" "$m/copy"
unmount s

section "in the foreground, and nobody reads what is said"
mkfifo "$work/unread"
exec 7<>"$work/unread"
# All that it has room for.
dd if=/dev/zero of="$work/unread" bs=4096 oflag=nonblock 2>/dev/null || :
"$srdfs" -f "$work/s.srd" "$m" 2>&7 7>&- &
daemon=$!
mounts="$mounts $m"
tries=0
until is_mounted s; do
	tries=$((tries + 1))
	[ $tries -le 600 ] || fail "not mounted"
	sleep 0.05
done
echo hello >"$m/heard"
kill_worker
expect_same "$(timeout 60 cat "$m/heard")" hello
kill -s INT $daemon
wait $daemon || fail "status $? after SIGINT"
exec 7>&-

section "a kernel that cannot close descriptors at once"
# Without that call the worker has no other descriptors either.
echo secret >"$work/secret"
exec 7<"$work/secret"
expect "$without" close_range "$srdfs" "$work/s.srd" "$m"
worker=$(worker_of s)
for fd in /proc/"$worker"/fd/*; do
	[ "$(readlink "$fd")" != "$work/secret" ] || fail "the worker has ${fd##*/} of ours"
done
exec 7<&-
expect_same "$(cat "$m/heard")" hello
unmount s

section "another store that has the name by now is not taken for this one"
new_store o
mount_store o
echo mine >"$work/o/f"
expect "$srd" create "$work/other.srd"
mv "$work/other.srd" "$work/o.srd"
kill -s KILL "$(worker_of o)"
await_end o
! is_mounted o || fail "still mounted"
expect_same "$("$srd" ls "$work/o.srd")" ""
