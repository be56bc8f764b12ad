#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hostile stores, mounted: whatever is in them, the daemon answers and lives, and the
# mount can be used and taken away.  FUZZ_STORES: how many (the corpus, evenly).
. "${srcdir:-.}/tests/mount/common.sh"

# An hour is a sign of a loop, not of work.
patience="timeout -s KILL 60"
stores=${FUZZ_STORES:-8}
corpus=${FUZZ_CORPUS:-$srcdir/tests/fuzz/corpus}

# All that a user may try.  Each may fail, none may hang.
use() {
	$patience find "$1" -printf '%p %s %m %l\n' >"$work/found" 2>/dev/null || no_hang find $?
	$patience ls -laR "$1" >/dev/null 2>&1 || no_hang ls $?
	$patience find "$1" -type f -size -64M -exec head -c 100000 {} + >/dev/null 2>&1 || no_hang head $?
	$patience du -a "$1" >/dev/null 2>&1 || no_hang du $?
	$patience mkdir "$1/new" 2>/dev/null || no_hang mkdir $?
	$patience cp -r "$1/a" "$1/new/a" 2>/dev/null || no_hang cp $?
	$patience mv "$1/b" "$1/new/b" 2>/dev/null || no_hang mv $?
	$patience ln "$1/c" "$1/new/c" 2>/dev/null || no_hang ln $?
	(echo text >"$1/new/text") 2>/dev/null || :
	$patience chmod -R u+w "$1" 2>/dev/null || no_hang chmod $?
	$patience rm -rf "$1"/* 2>/dev/null || no_hang rm $?
	$patience df "$1" >/dev/null || no_hang df $?
}

no_hang() {
	[ "$2" -ne 137 ] || fail "$1 hangs"
}

# A sanitizer's report is a finding, too.
try() {
	name=$(basename "$1")
	ulimit -f 2097152
	"$builddir/tests/fuzz/forge_store" "$1" "$work/s.srd" ${2:+"$2"} || fail "cannot forge $1"
	"$srdfs" -f "$work/s.srd" "$work/s" >"$work/said" 2>&1 &
	daemon=$!
	tries=0
	until is_mounted s; do
		if ! is_running $daemon; then
			wait $daemon && fail "$name: ended without a word"
			check_said "$name"
			return 0
		fi
		tries=$((tries + 1))
		[ $tries -le 1200 ] || fail "$name: neither mounted nor refused"
		sleep 0.05
	done
	use "$work/s"
	is_running $daemon || fail "$name: the daemon has died: $(cat "$work/said")"
	fusermount3 -u "$work/s" 2>/dev/null || fusermount3 -u -z "$work/s"
	wait $daemon || :
	check_said "$name"
	rm -f "$work"/s.srd*
	count=$((count + 1))
}

check_said() {
	if grep -qE 'Sanitizer|runtime error|SIG' "$work/said"; then
		fail "$1: $(cat "$work/said")"
	fi
}

mkdir "$work/s"
mounts=$work/s
count=0
# Evenly spread over what there is.
pick() {
	total=$(find "$1" -type f | wc -l)
	step=$((total / stores + 1))
	find "$1" -type f | sort | awk -v step=$step 'NR % step == 1 || step == 1'
}
for program in $(pick "$corpus/forge"); do
	try "$program"
done
for program in $(pick "$corpus/log"); do
	try "$program" seal
done
echo "$count hostile stores mounted"
[ $count -gt 0 ] || fail "not one could be mounted"
