#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon is killed while several programs write.  Whatever was closed before is
# there and whole, and the store mounts again.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
m=$work/s

# Writes files of growing size for ever, and their names to a list once closed.
write_files() {
	n=0
	while :; do
		n=$((n + 1))
		size=$((n * n * 7 % 200000 + 1))
		{ head -c $size /dev/zero | tr '\0' "$1" >"$m/$1-$n"; } 2>/dev/null || return 0
		echo "$1-$n $size" >>"$work/closed-$1"
	done
}

for round in 1 2 3; do
	section "round $round"
	mount_store s
	writers=
	for letter in a b c; do
		rm -f "$m/$letter"-*
		: >"$work/closed-$letter"
		write_files $letter &
		writers="$writers $!"
	done
	while [ "$(cat "$work"/closed-? | wc -l)" -lt $((60 * round)) ]; do
		sleep 0.02
	done
	kill_daemon s
	# shellcheck disable=SC2086
	wait $writers 2>/dev/null || :
	mount_store s
	for letter in a b c; do
		while read -r file size; do
			expect_same "$(stat -c %s "$m/$file")" "$size" "$file"
			tr -d "$letter" <"$m/$file" | cmp -s - /dev/null || fail "$file is not whole"
		done <"$work/closed-$letter"
	done
	unmount s
done

section "leftovers at the end of the file lose nothing"
mount_store s
find "$m" -type f -exec cksum {} + | sort >"$work/sums"
unmount s
head -c 4096 /dev/zero >>"$work/s.srd"
mount_store s
find "$m" -type f -exec cksum {} + | sort | diff "$work/sums" - || fail "zeros at the end"
unmount s
head -c 5000 /dev/urandom >>"$work/s.srd"
mount_store s
find "$m" -type f -exec cksum {} + | sort | diff "$work/sums" - || fail "noise at the end"
echo "and it goes on" >"$m/on"
remount s
expect_same "$(cat "$m/on")" "and it goes on"
unmount s
