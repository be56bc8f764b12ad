#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several programs write one store at once, one of them is killed again and again, and the file is copied
# meanwhile: every finished put is there, and every copy is a store (P3, P6, P8).
. "$srcdir/tests/e2e/functions.sh"

store=$work/store.srd
writers=4 puts=40
ok 'create' srd create "$store"

value() {
	seq "$1" "$(($1 * $1 + 5))"
}

# Writer $1: puts its values, and notes each one that was acknowledged.
write_all() {
	local i

	for ((i = 1; i <= puts; i++)); do
		value "$i" | srd put "$store" "writer $1/$i" && echo "$i" >>"$work/done.$1"
	done
}

# Is killed in the middle of a value that never ends, and starts again.
be_killed() {
	local pid

	while [ ! -e "$work/stop" ]; do
		srd put "$store" never <"$work/endless" &
		pid=$!
		timeout 20 head -c 3000000 /dev/urandom >"$work/endless"
		kill -9 $pid
		wait $pid
	done
} 2>/dev/null

# The values noted as done in $2 are in store $1.
holds_done() {
	local i

	while read -r i; do
		value "$i" >"$work/expected"
		holds "$1" "writer $2/$i" "$work/expected" || return
	done <"$work/done.$2"
}

mkfifo "$work/endless"
exec 3<>"$work/endless"
be_killed &
killed=$!
pids=()
for ((w = 1; w <= writers; w++)); do
	write_all $w &
	pids+=($!)
done

# Copies of the file while it grows.
copies=0
while [ "$(cat "$work"/done.* 2>/dev/null | wc -l)" -lt $((writers * puts / 2)) ] && kill -0 "${pids[0]}"; do
	cat "$work"/done.* 2>/dev/null | wc -l >"$work/before"
	cp "$store" "$work/copy.srd"
	copies=$((copies + 1))
	srd verify "$work/copy.srd" >/dev/null || { echo "copy $copies is damaged"; failed=1; }
	[ "$(srd ls "$work/copy.srd" writer | wc -l)" -ge "$(cat "$work/before")" ] ||
		{ echo "copy $copies lacks values"; failed=1; }
done
ok "$((copies > 0)) and more copies of the growing store were whole" test $failed -eq 0 -a $copies -gt 0

wait "${pids[@]}"
touch "$work/stop"
wait $killed
for ((w = 1; w <= writers; w++)); do
	ok "writer $w: all acknowledged" test "$(wc -l <"$work/done.$w")" -eq $puts
	ok "writer $w: all there" holds_done "$store" $w
done
refused 'a stream whose writer was killed' srd get "$store" never
ok 'verify' srd verify "$store"
finish
