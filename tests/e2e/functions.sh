# SPDX-License-Identifier: Apache-2.0
# functions.sh - what the end-to-end tests share: a folder of their own, the tool,
# and "ok" or "not ok" for each thing that was promised.  Sourced by bash.
# shellcheck shell=bash
set -uo pipefail
export LC_ALL=C

: "${srcdir:?is set by make check}" "${builddir:?is set by make check}"
PATH=$(cd "$builddir" && pwd):$(cd "$builddir/tools" && pwd):$PATH
work=$(mktemp -d)
failed=0
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# Quick: what is tested with it is not the sync.
put() {
	srd put --no-sync "$@"
}

# ok TEXT COMMAND...: the command must succeed.
ok() {
	local text=$1
	shift

	if "$@"; then
		echo "ok - $text"
	else
		echo "not ok - $text"
		failed=1
	fi
}

# refused TEXT COMMAND...: it must fail with status 1 or 2 and one line that says why.
refused() {
	local text=$1 status=0
	shift

	"$@" >"$work/out" 2>"$work/why" </dev/null || status=$?
	sed 's/^/# /' "$work/why" | cut -c 1-200
	ok "$text" test "$status" -ge 1 -a "$status" -le 2 -a "$(wc -l <"$work/why")" -eq 1
}

# The value of key $2 of store $1 is file $3.
holds() {
	srd get "$1" -- "$2" | cmp - "$3"
}

skip() {
	echo "skipped: $*"
	exit 77
}

finish() {
	exit $failed
}
