#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The store is compacted, again and again, under two mounts and programs at work: nothing of
# what is open breaks, nobody sees anything but what was written.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
ln -s s.srd "$work/t.srd"
mkdir "$work/t"
mount_store t

compact() {
	expect "$srd" compact -q "$work/s.srd"
}

section "what is open"
seq 1 100000 >"$work/s/kept"
seq 2 90000 >"$work/s/gone"
seq 3 80000 >"$work/t/theirs"
cp "$work/s/gone" "$work/gone"
cp "$work/t/theirs" "$work/theirs"
mkdir "$work/s/dir" "$work/s/empty"
ino=$(stat -c %i "$work/s/kept")
exec 5<"$work/s/gone" 6<"$work/t/theirs" 7>"$work/s/growing" 8>>"$work/t/appended"
rm "$work/t/gone" "$work/s/theirs"
echo first >&7
echo first >&8
head -c 3000000 /dev/urandom >"$work/large"
cat "$work/large" >&7
compact
echo second >&7
echo second >&8
expect_same "$(stat -c %i "$work/s/kept")" "$ino"
expect cmp - "$work/gone" <&5
compact
expect cmp - "$work/theirs" <&6
{ echo first; cat "$work/large"; echo second; } >"$work/growing"
exec 7>&-
expect cmp "$work/growing" "$work/s/growing"
expect cmp "$work/growing" "$work/t/growing"
expect_same "$(cat "$work/s/appended")" "first
second"
exec 5<&- 6<&- 8>&-
seq 1 100000 >"$work/kept"
expect cmp "$work/kept" "$work/t/kept"

section "each sees what the other writes, in the new log as in the old"
for i in 1 2 3 4 5; do
	echo "one $i" >"$work/s/file"
	compact
	echo "two $i" >"$work/t/other"
	tries=0
	until [ "$(cat "$work/t/file")" = "one $i" ] && [ "$(cat "$work/s/other" 2>/dev/null)" = "two $i" ]; do
		tries=$((tries + 1))
		[ $tries -le 2000 ] || fail "never: round $i"
		sleep 0.01
	done
done

if goes_on; then
	section "a worker that is killed afterwards leaves what is open to the next"
	echo kept >"$work/s/unnamed"
	exec 5<>"$work/s/unnamed"
	rm "$work/s/unnamed"
	compact
	expect_same "$(cat /proc/self/fd/5)" kept
	worker=$(worker_of s)
	kill -s KILL "$worker"
	while is_running "$worker"; do sleep 0.02; done
	expect_same "$(cat /proc/self/fd/5)" kept
	echo more >&5
	compact
	expect_same "$(stat -L -c %h /proc/self/fd/5)" 0
	exec 5>&-
	expect cmp "$work/kept" "$work/s/kept"

	section "compacted while the worker is down"
	kill -s STOP "$(cat "$work/s.pid")"
	worker=$(worker_of s)
	kill -s KILL "$worker"
	compact
	kill -s CONT "$(cat "$work/s.pid")"
	expect cmp "$work/kept" "$work/s/kept"
fi

section "programs at work"
mkdir "$work/tree"
i=0
while [ $i -lt 200 ]; do
	mkdir -p "$work/tree/$((i % 7))"
	seq $i $((i * 13)) >"$work/tree/$((i % 7))/$i"
	i=$((i + 1))
done
{ cp -r "$work/tree" "$work/s/copied" && mv "$work/s/copied" "$work/s/moved"; } &
copier=$!
{ tar cf - -C "$work" tree | tar xf - -C "$work/t/dir"; } &
tarrer=$!
while kill -0 $copier 2>/dev/null || kill -0 $tarrer 2>/dev/null; do
	compact
done
wait $copier || fail "cp"
wait $tarrer || fail "tar"
expect diff -r "$work/tree" "$work/t/moved"
expect diff -r "$work/tree" "$work/s/dir/tree"
unmount s
unmount t
expect "$srd" verify "$work/s.srd"
