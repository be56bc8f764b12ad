#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon's life: options, refusals, readiness, every way to its end.
. "${srcdir:-.}/tests/mount/common.sh"

section "help, version, usage"
"$srdfs" --help | grep -q '^usage: srdfs ' || fail "--help"
"$srdfs" --version | grep -q '^srdfs [0-9]' || fail "--version"
for words in "" "one" "-q a b" "-o bogus a b" "-o uid=x a b" "-o timeout=-1 a b" "a b c"; do
	status=0
	# shellcheck disable=SC2086
	said=$("$srdfs" $words 2>&1) || status=$?
	expect_same $status 2 "srdfs $words"
	expect_same "$(echo "$said" | wc -l)" 1 "lines said by srdfs $words"
done
if "$srdfs" --help >/dev/full 2>&1; then
	fail "--help to a full disk succeeds"
fi

section "the manual page and --help agree"
manual=$srcdir/tools/man/srdfs.1
in_manual=$(sed -n '/^.SH SYNOPSIS/,/^.SH DESCRIPTION/{/^.SH/d;s/^\.[A-Z]* //;p}' "$manual" | tr -d ' \\\n')
in_help=$("$srdfs" --help | sed -n '1s/^usage: //p' | tr -d ' ')
expect_same "$in_manual" "$in_help"
for option in $("$srdfs" --help | sed -n 's/^       \([a-z_]*\)[ =].*/\1/p'); do
	grep -q "^\.BI* ${option}[= ]*" "$manual" || fail "option $option is not in the manual"
done

section "refusals"
new_store s
expect_failure "No such file" "$srdfs" "$work/none.srd" "$work/s"
expect_failure "No such file" "$srdfs" "$work/s.srd" "$work/none"
expect_failure "Not a directory" "$srdfs" "$work/s.srd" "$work/s.srd"
echo "not a store, but long enough to hold the magic of one" >"$work/text"
expect_failure "not a store" "$srdfs" "$work/text" "$work/s"
expect_failure "below its own mount" "$srdfs" "$work/s.srd" "$work"
mkdir "$work/s/below"
expect mv "$work/s.srd" "$work/s/below/s.srd"
expect_failure "below its own mount" "$srdfs" "$work/s/below/s.srd" "$work/s"
expect mv "$work/s/below/s.srd" "$work/s.srd"
expect rmdir "$work/s/below"
is_mounted s && fail "something was mounted"

section "usable on return, and what df and mount say"
mount_store s
expect_same "$(ls -A "$work/s")" ""
expect_same "$(df --output=source "$work/s" | tail -1)" "$work/s.srd"
is_mounted s || fail "not of type fuse.srdfs"
echo hello >"$work/s/f"

section "a second store on top, and busy with this one"
expect_failure "others have it open" "$srdfs" -o exclusive "$work/s.srd" "$work/s"

section "fusermount3 ends it"
unmount s
is_mounted s && fail "still mounted"

section "signals end it"
for signal in TERM INT HUP; do
	mount_store s
	echo "$signal" >>"$work/s/signals"
	kill -s "$signal" "$(cat "$work/s.pid")"
	await_end s
	is_mounted s && fail "still mounted after $signal"
done
mount_store s
expect_same "$(tr '\n' ' ' <"$work/s/signals")" "TERM INT HUP "

section "what is open and not written yet is committed at the end"
exec 5>"$work/s/open"
echo "still open" >&5
kill -s TERM "$(cat "$work/s.pid")"
await_end s
exec 5>&-
is_mounted s && fail "still mounted although busy"
mount_store s
expect_same "$(cat "$work/s/open")" "still open"

section "a dead mount is cleared at the start"
kill_daemon s
if ls "$work/s" >/dev/null 2>&1; then
	fail "a killed daemon answers"
fi
mount_store s
expect_same "$(cat "$work/s/f")" hello
unmount s

section "also one that dies while it is looked at"
mount_store s
worker=$(worker_of s)
kill -s STOP "$worker"
"$srdfs" -f "$work/s.srd" "$work/s" &
next=$!
# Asks, and gets no answer.
tries=0
until grep -q 'fuse\|request_wait' "/proc/$next/wchan"; do
	tries=$((tries + 1))
	[ $tries -le 100 ] || break   # not every kernel says what is waited for
	sleep 0.02
done
kill -s KILL "$(cat "$work/s.pid")" "$worker"
echo $next >"$work/s.pid"
tries=0
until [ "$(cat "$work/s/f" 2>/dev/null)" = hello ]; do
	is_running $next || fail "the next one ends"
	tries=$((tries + 1))
	[ $tries -le 500 ] || fail "not mounted"
	sleep 0.02
done
unmount s
wait $next || fail "status $?"

section "a killed keeper takes the worker with it"
mount_store s
echo "not lost" >"$work/s/kept"
exec 5>"$work/s/open"
echo "open and not lost" >&5
kill -s KILL "$(cat "$work/s.pid")"
await_end s
exec 5>&- || :
mount_store s
expect_same "$(cat "$work/s/kept" "$work/s/open")" "not lost
open and not lost"
unmount s

section "in one process"
mount_store s -o no_keeper
expect_same "$(cat "$work/s/f")" hello
process_of s srdfs-worker && fail "a worker"
kill_daemon s
mount_store s -o no_keeper
expect_same "$(cat "$work/s/f")" hello
kill -s TERM "$(cat "$work/s.pid")"
await_end s

section "in the foreground"
"$srdfs" -f "$work/s.srd" "$work/s" 2>"$work/said" &
daemon=$!
tries=0
until is_mounted s; do
	tries=$((tries + 1))
	[ $tries -le 200 ] || fail "not mounted"
	sleep 0.05
done
expect_same "$(cat "$work/s/f")" hello
kill -s INT $daemon
wait $daemon || fail "status $? after SIGINT"
# Where the kernel or the build lacks something of it, that is told.
expect_same "$(grep -v "locked in only in part" "$work/said" || :)" ""

section "a store file that is removed is served on, and can be saved"
mount_store s
cp "$work/s.srd" "$work/aside.srd"
rm "$work/s.srd"
echo after >"$work/s/after"
sync "$work/s/after"
for held in /proc/"$(cat "$work/s.pid")"/fd/*; do
	[ "$(readlink "$held")" != "$work/s.srd (deleted)" ] || cp "$held" "$work/saved.srd"
done
expect_same "$("$srd" get "$work/saved.srd" after)" after
expect "$srd" verify -q "$work/saved.srd"
unmount s
mv "$work/aside.srd" "$work/s.srd"

section "read only"
chmod 444 "$work/s.srd"
before=$(cksum <"$work/s.srd")
mount_store s -o ro
expect_same "$(cat "$work/s/f")" hello
expect_failure "Read-only file system" touch "$work/s/g"
expect_failure "Read-only file system" rm "$work/s/f"
# The kernel opens files by itself; made writable behind our back it does so still.
if mount -i -o remount,rw "$work/s" 2>/dev/null; then
	expect_failure "Read-only file system" dd if=/dev/zero of="$work/s/f" bs=1 count=1 conv=notrunc
	expect_failure "Read-only file system" dd if=/dev/zero of="$work/s/f" bs=1 count=1
	expect_same "$(cat "$work/s/f")" hello
fi
unmount s
chmod 644 "$work/s.srd"
expect_same "$(cksum <"$work/s.srd")" "$before" "the store, mounted read only"

section "alone"
mount_store s -o exclusive
mkdir "$work/other"
expect_failure "in use: pid $(cat "$work/s.pid") " "$srdfs" "$work/s.srd" "$work/other"
unmount s

section "options"
mount_store s -o defaults,noauto,nofail,user,_netdev,x-systemd.automount,relatime,noatime,nosuid \
	-o uid=12,gid=34,fsname=strange\\,name,timeout=0
expect_same "$(stat -c %u:%g "$work/s/f")" 12:34
expect_same "$(df --output=source "$work/s" | tail -1)" strange,name
grep -F " $work/s " /proc/mounts | grep -q noatime || fail "noatime is not passed on"
unmount s
