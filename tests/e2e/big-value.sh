#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A value of 3 GiB goes in and out with 64 MiB of memory.  Slow: only with SRD_SLOW=1.
. "$srcdir/tests/e2e/functions.sh"

[ -n "${SRD_SLOW-}" ] || skip 'SRD_SLOW is not set'
[ "$(df -Pk "$work" | awk 'END { print $4 }')" -gt $((4 << 20)) ] || skip 'no 4 GiB of disk'

len=$((3 << 30))
value() {
	yes 'a line of a value that does not fit into memory' | head -c $len
}
# Private memory is bounded; the mapping of the store is not private.
bounded() {
	(ulimit -d 65536 && srd "$@")
}

store=$work/big.srd
ok 'create' srd create "$store"
ok 'put 3 GiB' bounded put "$store" big < <(value)
ok 'get 3 GiB' cmp <(bounded get "$store" big) <(value)
ok 'as long as it was' test "$(srd get "$store" big | wc -c)" -eq $len
ok 'verify' bounded verify "$store"
finish
