#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many at once: on one mount, and on two mounts of one store.
#
# What ls prints is what is tested.
# shellcheck disable=SC2010,SC2012
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
m=$work/s

# Waits for all; fails if one failed.
await_all() {
	for pid; do
		wait "$pid" || fail "a program failed"
	done
}

section "appending to one file"
pids=
for letter in a b c d; do
	(i=0; while [ $i -lt 200 ]; do echo "$letter $i"; i=$((i + 1)); done >>"$m/log") &
	pids="$pids $!"
	(i=0; while [ $i -lt 100 ]; do echo "$letter $i" >>"$m/log2"; i=$((i + 1)); done) &
	pids="$pids $!"
done
# shellcheck disable=SC2086
await_all $pids
expect_same "$(sort "$m/log2" | uniq | wc -l)" 400
expect_same "$(sort "$m/log" | uniq | wc -l)" 800

section "making, listing, moving and removing in one directory"
mkdir "$m/d"
i=0
while [ $i -lt 500 ]; do : >"$m/d/stays-$i"; i=$((i + 1)); done
pids=
for letter in a b; do
	(
		i=0
		while [ $i -lt 150 ]; do
			echo $i >"$m/d/$letter-$i"
			mv "$m/d/$letter-$i" "$m/d/moved-$letter-$i"
			rm "$m/d/moved-$letter-$i"
			i=$((i + 1))
		done
	) &
	pids="$pids $!"
done
(
	i=0
	while [ $i -lt 20 ]; do
		[ "$(ls "$m/d" | grep -c '^stays-')" = 500 ] || exit 1
		[ "$(find "$m/d" -name 'stays-*' 2>/dev/null | sort | uniq -d | wc -l)" = 0 ] || exit 1
		i=$((i + 1))
	done
) &
pids="$pids $!"
# shellcheck disable=SC2086
await_all $pids
expect_same "$(ls "$m/d" | wc -l)" 500

section "a file that is replaced over and over is always whole"
printf 'content 0\n' >"$m/r"
(
	i=0
	while [ $i -lt 300 ]; do
		printf 'content %s\n' $i >"$m/r.new"
		mv "$m/r.new" "$m/r"
		i=$((i + 1))
	done
) &
writer=$!
while kill -0 $writer 2>/dev/null; do
	case $(cat "$m/r") in
	"content "*) ;;
	*) fail "a torn file" ;;
	esac
done
wait $writer

section "unlinked files that are open"
exec 5<>"$m/gone"
echo "first" >&5
rm "$m/gone"
echo "second" >&5
expect_same "$(cat "/proc/self/fd/5")" "first
second"
exec 5>&-

section "two mounts of one store"
ln -s s.srd "$work/t.srd"
mkdir "$work/t"
mount_store t -o timeout=0
remount s -o timeout=0
t=$work/t
echo "from s" >"$m/shared"
expect_same "$(cat "$t/shared")" "from s"
echo "from t" >"$t/shared"
expect_same "$(cat "$m/shared")" "from t"
pids=
for place in "$m" "$t"; do
	(
		i=0
		while [ $i -lt 150 ]; do
			echo "${place##*/} $i" >"$place/${place##*/}-$i"
			i=$((i + 1))
		done
	) &
	pids="$pids $!"
done
# shellcheck disable=SC2086
await_all $pids
diff -r "$m" "$t" || fail "two mounts of one store differ"
expect_same "$(ls "$m" | grep -c -e '^[st]-')" 300
unmount t
unmount s
