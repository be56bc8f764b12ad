#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Twenty thousand files open at once, by several processes: the daemon needs no
# descriptor for each.
. "${srcdir:-.}/tests/mount/common.sh"

processes=10
each=2000
# shellcheck disable=SC3045
ulimit -n $((each + 50)) || fail "no $each descriptors to be had"

new_store s
mount_store s
m=$work/s
mkfifo "$work/ready" "$work/go"

# hold NUMBER: opens its files, says so, waits, and looks at what it wrote.
hold() {
	# shellcheck disable=SC2016
	perl -we '
		use strict;
		my ($place, $number, $each, $work) = @ARGV;
		my @open;
		sub name { return "$place/$number/file-" . shift }
		mkdir "$place/$number" or die;
		for my $i (0 .. $each - 1) {
			open $open[$i], "+>", name($i) or die "file $i: $!\n";
			syswrite $open[$i], "content of $i" or die "file $i: $!\n";
		}
		open my $ready, ">", "$work/ready" or die;
		print $ready "ready\n";
		close $ready;
		open my $go, "<", "$work/go" or die;
		sysread $go, my $word, 3 or die;
		for my $i (0 .. $each - 1) {
			if ($i % 2) { unlink name($i) or die "file $i: $!\n" }
			else { rename name($i), name($i) . "-renamed" or die "file $i: $!\n" }
		}
		for my $i (reverse 0 .. $each - 1) {
			seek $open[$i], 0, 0;
			my $got = readline $open[$i];
			$got eq "content of $i" or die "file $i: $got\n";
			(stat $open[$i])[3] == 1 - $i % 2 or die "file $i: links\n";
		}
	' "$m" "$1" $each "$work"
}

section "open and written by $processes processes"
# Kept open, so that the one end's readers and the other's writers never run out.
exec 7<>"$work/ready" 8<>"$work/go"
pids=
i=0
while [ $i -lt $processes ]; do
	hold $i 7>&- 8>&- &
	pids="$pids $!"
	i=$((i + 1))
done
i=0
while [ $i -lt $processes ]; do
	read -r line <&7
	expect_same "$line" ready
	i=$((i + 1))
done
used=$(find "/proc/$(cat "$work/s.pid")/fd" -type l | wc -l)
[ "$used" -lt 100 ] || fail "the daemon has $used descriptors open"

section "renamed, removed, and read while open"
i=0
while [ $i -lt $processes ]; do
	echo go >&8
	i=$((i + 1))
done
for pid in $pids; do
	wait "$pid" || fail "a process failed"
done

section "what had a name is there, what had none is not"
files=$((processes * each))
expect_same "$(find "$m" -type f | wc -l)" $((files / 2))
expect_same "$(find "$m" -name '*-renamed' | wc -l)" $((files / 2))
remount s
expect_same "$(find "$m" -type f -size -20c | wc -l)" $((files / 2))
expect_same "$(cat "$m/7/file-142-renamed")" "content of 142"
unmount s
