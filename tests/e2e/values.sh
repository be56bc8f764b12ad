#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Values of every awkward kind and length: put, got back, replaced, deleted.
. "$srcdir/tests/e2e/functions.sh"

store=$work/values.srd
ok 'create' srd create "$store"

# By a pipe, so that the length is not known ahead; then as a file; then replaced.
value_works() {
	cat "$work/value" | put "$store" "$1"
	ok "$1: by a pipe" holds "$store" "$1" "$work/value"
	put "$store" "$1" <"$work/value"
	ok "$1: by a file" holds "$store" "$1" "$work/value"
	echo shorter | put "$store" "$1"
	put "$store" "$1" <"$work/value"
	ok "$1: put over another" holds "$store" "$1" "$work/value"
	cp "$work/value" "$work/$1"
}

: >"$work/value"
value_works empty
printf '\0' >"$work/value"
value_works one-NUL
head -c 1M /dev/zero >"$work/value"
value_works 1-MiB-of-zeros
for len in 1 63 64 65 4095 4096 4097 65535 65536 1048577 16777215 16777216 16777217; do
	head -c $len /dev/urandom >"$work/value"
	value_works "$len"
done

ok 'rm' srd rm "$store" 64
refused 'a removed key' srd get "$store" 64
for name in empty one-NUL 1-MiB-of-zeros 65 1048577 16777217; do
	ok "$name: still there at the end" holds "$store" "$name" "$work/$name"
done
ok 'verify' srd verify "$store"
finish
