# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What the tests of srd share: a folder of their own, checks that say what they wanted.
set -u

srd=${srd:-${builddir:-.}/srd}
case $srd in /*) ;; *) srd=$PWD/$srd ;; esac
top=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/srd-tool-XXXXXX")
failures=0
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 99
export LC_ALL=C.UTF-8 TZ=UTC

fail() {
	echo "FAIL: $*" >&2
	failures=$((failures + 1))
}

# same WHAT WANTED GOT
same() {
	[ "$2" = "$3" ] || fail "$1: wanted '$2', got '$3'"
}

# works ARGUMENT...: srd succeeds and complains of nothing; its output stays in `out`.
works() {
	"$srd" "$@" >out 2>err
	same "srd $*: status" 0 $?
	[ ! -s err ] || fail "srd $*: complains: $(cat err)"
}

# refuses STATUS MESSAGE ARGUMENT...: srd fails with just that one line.
refuses() {
	local status=$1 message=$2
	shift 2
	"$srd" "$@" >out 2>err
	same "srd $*: status" "$status" $?
	same "srd $*: message" "$message" "$(cat err)"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

finish() {
	[ "$failures" -eq 0 ] || echo "$failures checks failed" >&2
	exit $((failures > 0))
}
