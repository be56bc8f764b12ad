#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A worker is locked in, and what it has is its own.
. "${srcdir:-.}/tests/mount/common.sh"

section "what can be done from inside"
mkdir "$work/inside"
"$top/tests/mount/locked" "$work/inside" >"$work/tap" || { cat "$work/tap"; fail "not locked in"; }

new_store s
mount_store s
worker=$(worker_of s)
status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$worker/status"
}

if grep -q SKIP "$work/tap"; then
	echo "skipped: $(cat "$work/tap")"
else
	section "the worker of a mount is"
	expect_same "$(status Seccomp)" 2
	expect_same "$(status NoNewPrivs)" 1
	[ "$(id -u)" != 0 ] || expect_same "$(status CapEff)" 0000000000000000

	section "so is who tells the kernel what others changed: it reads and writes"
	until herald=$(process_of s srdfs-herald) && grep -q "^Seccomp:[[:space:]]*1" "/proc/$herald/status"; do
		is_running "$(cat "$work/s.pid")" || fail "the daemon has ended"
		tries=$((${tries:-0} + 1))
		[ $tries -le 500 ] || fail "$(cat "/proc/$herald/status")"
		sleep 0.02
	done
	expect_same "$(ls "/proc/$herald/fd")" "0
1"
fi

section "it can name the folder, and do nothing to it"
flags=$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$worker/fdinfo/5")
expect_same "$(readlink "/proc/$worker/fd/5")" "$work"
[ $((0$flags & 010000000)) != 0 ] || fail "the folder is open"
for fd in "/proc/$worker/fd"/*; do
	[ "$(readlink "$fd")" != "$work" ] ||
		[ $((0$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$worker/fdinfo/${fd##*/}") & 010000000)) != 0 ] ||
		fail "the folder is open as ${fd##*/}"
done

section "also in the foreground it has nothing of whoever started it"
unmount s
"$srdfs" -f "$work/s.srd" "$work/s" 2>"$work/said" &
daemon=$!
until is_mounted s && worker=$(process_of s srdfs-worker); do
	is_running $daemon || fail "$(cat "$work/said")"
	sleep 0.02
done
: >"$work/s/served"
for fd in 0 1 2; do
	expect_same "$(readlink "/proc/$worker/fd/$fd")" /dev/null
done
kill -s TERM $daemon
wait $daemon || fail "status $? after SIGTERM"
mount_store s
worker=$(worker_of s)

section "nothing is left open for programs that are run"
for pid in "$worker" "$(cat "$work/s.pid")"; do
	for info in "/proc/$pid/fdinfo"/*; do
		[ "${info##*/}" -gt 2 ] || continue
		# Inherited from whoever started us, and not ours to close.
		[ "$(readlink "/proc/$pid/fd/${info##*/}")" != "$(readlink "/proc/$$/fd/${info##*/}")" ] || continue
		flags=$(sed -n 's/^flags:[[:space:]]*//p' "$info" 2>/dev/null) || continue
		[ $((0$flags & 02000000)) != 0 ] ||
			fail "descriptor ${info##*/} of $pid ($(readlink "/proc/$pid/fd/${info##*/}")) stays open"
	done
done

section "what it goes without is told"
without=$(realpath "$builddir/tests/mount/without")
unmount s
said=$("$without" landlock "$srdfs" "$work/s.srd" "$work/s" 2>&1) || fail "$said"
if ! grep -q sanitizers "$work/tap"; then
	case $said in
	*"locked in only in part: no Landlock"*) ;;
	*) fail "said '$said'" ;;
	esac
fi
unmount s
mount_store s

section "without"
remount s -o no_sandbox
worker=$(worker_of s)
expect_same "$(status NoNewPrivs)" 0
unmount s

section "the shm is as the store is"
chmod 660 "$work/s.srd"
mount_store s
echo x >"$work/s/x"
expect_same "$(stat -c '%a %u %g' "$work/s.srd.shm")" "$(stat -c '%a %u %g' "$work/s.srd")"
unmount s
if [ "$(id -u)" = 0 ]; then
	section "also where the store is another's"
	chown 65534:65534 "$work/s.srd"
	mount_store s
	echo x >"$work/s/x"
	expect_same "$(stat -c '%a %u %g' "$work/s.srd.shm")" "660 65534 65534"
	(cd "$work/s" && seq 2600 | xargs touch)
	unmount s
	expect_same "$(stat -c '%a %u %g' "$work/s.srd.idx")" "660 65534 65534"
fi

section "a link in the place of the shm is not followed"
echo precious >"$work/precious"
ln -s precious "$work/s.srd.shm"
mount_store s
echo y >"$work/s/y"
unmount s
expect_same "$(cat "$work/precious")" precious
rm -f "$work/s.srd.shm"

if [ "$(id -u)" = 0 ]; then
	section "others read what modes let them"
	chmod 755 "$work"
	mount_store s -o allow_other
	m=$work/s
	chmod 755 "$m"
	echo secret >"$m/secret"
	chmod 600 "$m/secret"
	echo public >"$m/public"
	as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
	expect_same "$($as_nobody cat "$m/public")" public
	expect_failure "Permission denied" $as_nobody cat "$m/secret"
	expect_failure "Permission denied" $as_nobody touch "$m/mine"
	expect_failure "Permission denied" $as_nobody sh -c "echo more >>'$m/public'"
	chgrp 65534 "$m/secret"
	chmod 640 "$m/secret"
	expect_same "$($as_nobody cat "$m/secret")" secret
	unmount s
fi

if [ "$(id -u)" = 0 ] && unshare -m --propagation private true 2>/dev/null; then
	section "what cannot be kept for want of /proc is not left mounted"
	# shellcheck disable=SC2016
	expect unshare -m --propagation private sh -c '
		umount -l /proc || exit 1
		if "$1" "$2.srd" "$2" 2>/dev/null; then echo "mounted without /proc" >&2; exit 1; fi
		stat "$2" >/dev/null' sh "$srdfs" "$work/s"
fi
