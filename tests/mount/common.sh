# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# common.sh - what the tests of real mounts share; sourced, not run.
#
#     $work      a scratch directory, gone at the end
#     new_store  mount_store  unmount  remount  expect  expect_failure  fail
#     goes_on    needs_another_worker
#
# A test ends at the first thing that goes wrong, says what, and leaves nothing
# mounted behind.  It is skipped only where there is no /dev/fuse to be opened.
set -eu
LC_ALL=C
export LC_ALL

srcdir=${srcdir:-.}
builddir=${builddir:-.}
top=$(cd "$builddir" && pwd)
srd=$top/srd
srdfs=$top/tools/srdfs

if ! (: <>/dev/fuse) 2>/dev/null; then
	echo "skipped: /dev/fuse cannot be opened"
	exit 77
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/srd-mount-XXXXXX")
mounts=

# What a sanitizer finds, in a daemon too, is kept there, and fails the test.  A worker that is
# cancelled leaves marks on its stack over which AddressSanitizer trips when it takes its signal
# stack away: so it is to have none.
kept="log_path=$work/report"
ASAN_OPTIONS="$kept:use_sigaltstack=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
UBSAN_OPTIONS="$kept:print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
TSAN_OPTIONS="$kept${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
LSAN_OPTIONS="suppressions=$(cd "$srcdir" && pwd)/tests/mount/leaks.supp:print_suppressions=0"
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

clean_up() {
	status=$?
	trap - EXIT INT TERM
	cd /
	for place in $mounts; do
		fusermount3 -u -z -q -- "$place" 2>/dev/null || umount -l "$place" 2>/dev/null || :
	done
	# Leaks are told at the very end.
	for daemon in "$work"/*.pid; do
		[ $status -ne 0 ] || [ ! -e "$daemon" ] || (await_end "$(basename "$daemon" .pid)") || status=1
	done
	! cat "$work"/report.* 2>/dev/null || status=1
	rm -rf -- "$work"
	exit $status
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# Says what is being tested.
section() {
	echo "-- $*"
}

# The command must succeed.
expect() {
	"$@" || fail "status $?: $*"
}

# The command must fail, and say something that matches the pattern.
expect_failure() {
	pattern=$1
	shift
	if said=$("$@" 2>&1); then
		fail "succeeded: $*"
	fi
	case $said in
	*$pattern*) ;;
	*) fail "said '$said' instead of '$pattern': $*" ;;
	esac
}

# Both strings must be the same.
expect_same() {
	[ "$1" = "$2" ] || fail "'$1' is not '$2'${3:+: $3}"
}

# new_store NAME: makes $work/NAME.srd and the mount point $work/NAME.
new_store() {
	expect "$srd" create "$work/$1.srd"
	mkdir "$work/$1"
}

# mount_store NAME [OPTION...]: mounts it there, with the daemon's pid in $work/NAME.pid:
# its keeper's.
mount_store() {
	name=$1
	shift
	mounts="$mounts $work/$name"
	expect "$srdfs" "$@" "$work/$name.srd" "$work/$name"
	daemon_of "$name" >"$work/$name.pid"
}

# process_of NAME COMMAND: who serves NAME's store; its parent is gone, so it is looked for.
process_of() {
	for process in /proc/[0-9]*; do
		# Processes come and go meanwhile.
		if { tr '\0' '\n' <"$process/cmdline" | grep -qxF "$work/$1.srd" &&
			grep -qx "$2" "$process/comm"; } 2>/dev/null; then
			echo "${process#/proc/}"
			return
		fi
	done
	return 1
}

# The daemon that serves NAME's store, and the process in which it does.
daemon_of() {
	process_of "$1" '\(lt-\)\?srdfs' || fail "no daemon serves $work/$1.srd"
}
worker_of() {
	process_of "$1" srdfs-worker || fail "no worker serves $work/$1.srd"
}

# kill_daemon NAME: both of it, at once.
kill_daemon() {
	# shellcheck disable=SC2046
	kill -s KILL "$(cat "$work/$1.pid")" $(process_of "$1" srdfs-worker || :)
	await_end "$1"
}

# True while the process runs; one that nobody waits for does not.
is_running() {
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "$state" != Z ]
}

# await_end NAME: until its daemon has ended; a minute at most, for it syncs.
await_end() {
	pid=$(cat "$work/$1.pid")
	worker=$(process_of "$1" srdfs-worker || echo "$pid")
	tries=0
	while is_running "$pid" || is_running "$worker"; do
		tries=$((tries + 1))
		[ $tries -le 1200 ] || fail "the daemon of $1 does not end"
		sleep 0.05
	done
}

# True if another worker goes on for one that dies: that takes a kernel that asks again what was
# under way, and only a daemon knows whether its own is one, and says so when it is not.
goes_on() {
	new_store probe
	mounts="$mounts $work/probe"
	"$srdfs" -f "$work/probe.srd" "$work/probe" 2>"$work/probe.said" &
	probe=$!
	until is_mounted probe && worker=$(process_of probe srdfs-worker); do
		is_running $probe || fail "$(cat "$work/probe.said")"
		sleep 0.02
	done
	# Has been asked, and so has come to serve.
	: >"$work/probe/f"
	kill -s KILL "$worker"
	until grep -q "worker died" "$work/probe.said"; do sleep 0.02; done
	if grep -q "this kernel .* cannot go on with another" "$work/probe.said"; then
		! wait $probe || fail "a mount that ends with its worker counts as a success"
		! is_mounted probe || fail "still mounted"
		rm -r "$work"/probe*
		return 1
	fi
	[ -e "$work/probe/f" ] || fail "$(cat "$work/probe.said")"
	kill -s TERM $probe
	wait $probe || fail "status $? after SIGTERM: $(cat "$work/probe.said")"
	rm -r "$work"/probe*
}

needs_another_worker() {
	goes_on || {
		echo "skipped: this kernel (before 6.9) cannot go on with another worker"
		exit 77
	}
}

# Anybody who looks around (another test, say) may keep it busy for a moment.
unmount() {
	tries=0
	until said=$(fusermount3 -u -- "$work/$1" 2>&1); do
		tries=$((tries + 1))
		[ $tries -le 100 ] || fail "$said"
		sleep 0.05
	done
	await_end "$1"
}

remount() {
	name=$1
	shift
	unmount "$name"
	mount_store "$name" "$@"
}

is_mounted() {
	grep -qF " $work/$1 fuse.srdfs " /proc/mounts
}

# is_before 6.6: of the kernel.  For what it cannot do and cannot be asked for.
is_before() {
	[ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" != "$1" ]
}

have() {
	command -v "$1" >/dev/null 2>&1
}
