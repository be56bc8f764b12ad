#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# killed.sh - the daemon is killed at any moment under four writers, while the store is
# compacted, mounted again, and again: what a writer was told to be done (fsworker) is there and
# whole.  In turn all of it is killed, the keeper alone, and the worker alone, which the mount,
# and the writers, survive.
#
#     CRASH_STATES=N|all   kills: 12, or 200
#     CRASH_SEED=N
. "${srcdir:=.}/tests/e2e/functions.sh"

(: <>/dev/fuse) 2>/dev/null || skip "/dev/fuse cannot be opened"
crash=$(cd "$builddir" && pwd)/tests/crash
kills=12 kills_of_a_store=10 changes=200
[ "${CRASH_STATES-}" != all ] || kills=200
RANDOM=${CRASH_SEED:-$(date +%s)}
echo "# CRASH_SEED=${CRASH_SEED:-$(date +%s)}"
[ ! -w /dev/shm ] || { rm -rf "$work"; work=$(mktemp -d /dev/shm/srd-killed-XXXXXX); }
store=$work/killed.srd
mount=$work/mount
mkdir "$mount"
trap 'kill_daemon; umount -l "$mount" 2>/dev/null; rm -rf "$work"' EXIT

# daemon [NAME]: the processes that serve the store; of that name.
daemon() {
	local pid
	for pid in $(pgrep -f "^[^ ]*srdfs.* $store $mount"); do
		[ -n "${1-}" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
	done
}

# kill_daemon [NAME]: at once, and waits until they are gone.
kill_daemon() {
	local pids pid
	pids=$(daemon "${1-}")
	[ -n "$pids" ] || return 0
	# shellcheck disable=SC2086
	kill -KILL $pids 2>/dev/null
	for pid in $pids; do
		while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
	done
}

# Before 6.9 no kernel goes on with another worker: the mount ends with the one.
ways=3
[ "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9 ] || ways=2

# Who is killed this time.
kill_some() {
	case $(($1 % ways)) in
	0) kill_daemon ;;
	1) kill_daemon srdfs ;;
	2) kill_daemon srdfs-worker ;;
	esac
}

compact() {
	until [ -e "$work/rest" ]; do
		! srd compact -q "$store" >/dev/null 2>&1 || echo >>"$work/compacted"
	done
}

last_note() {
	awk 'END { print $2 + 0 }' "$work/note$1"
}

start_writers() {
	local i
	pids=()
	for i in 1 2 3 4; do
		"$crash/fsworker" work "$mount/$i" "$work/note$i" $(($(last_note $i) + 1)) \
			$(($(last_note $i) + changes)) 2>/dev/null &
		pids+=($!)
	done
}

# Of all writers: kept or not, and how many changes have been done.
look() {
	local i
	for i in 1 2 3 4; do
		"$crash/fsworker" check "$mount/$i" "$(last_note $i)" || return 1
	done
}

new_store() {
	local i
	umount -l "$mount" 2>/dev/null
	rm -f "$store"
	srd create "$store" && srdfs -o compact=auto "$store" "$mount" || return 1
	for i in 1 2 3 4; do
		mkdir "$mount/$i" || return 1
		: >"$work/note$i"
	done
}

# Over the dead mount; one whose worker alone died has lost nothing that lives.
mount_again() {
	[ $(($1 % ways)) -ne 2 ] || look || return 1
	# Who lost its keeper ends by itself.
	[ $(($1 % ways)) -ne 1 ] || while [ -n "$(daemon)" ]; do sleep 0.01; done
	kill_daemon
	srdfs -o compact=auto "$store" "$mount" && look && srd verify -q "$store" >"$work/verify" 2>&1
}

sum_notes() {
	cat "$work"/note? | wc -l
}

lost=0 all=0
for n in $(seq "$kills"); do
	if [ $((n % kills_of_a_store)) -eq 1 ]; then
		[ "$n" -eq 1 ] || { all=$((all + $(sum_notes))); kill_daemon; }
		new_store || { lost=$((lost + 1)); echo "# no new store"; break; }
	fi
	rm -f "$work/rest"
	compact &
	compactor=$!
	start_writers
	sleep "$(printf '0.%03d' $((RANDOM % 250)))"
	kill_some "$n"
	wait "${pids[@]}"
	touch "$work/rest"
	wait "$compactor"
	mount_again "$n" || { lost=$((lost + 1)); echo "# after kill $n"; cat "$work/verify"; }
done
ok "the daemon killed $kills times under four writers and $(wc -l <"$work/compacted") compactions, $((all + $(sum_notes))) changes done: $lost times something was lost" \
	test "$lost" -eq 0
finish
