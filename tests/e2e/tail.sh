#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A store with something behind its end, or torn, loses no commit that is whole, says so, and goes on.
. "$srcdir/tests/e2e/functions.sh"

store=$work/store.srd
head -c 10000 /dev/urandom >"$work/value"
ok 'create' srd create "$store"
for i in {1..20}; do
	{ echo "$i" && cat "$work/value"; } | put "$store" "dir/$i"
done

# The first $2 of the values are in store $1.
holds_first() {
	local i

	for ((i = 1; i <= $2; i++)); do
		{ echo "$i" && cat "$work/value"; } >"$work/expected"
		holds "$1" "dir/$i" "$work/expected" || return
	done
	[ "$(srd ls "$1" dir | wc -l)" -eq "$2" ]
}

# A copy of the store with standard input behind: all there, before and after writing on.
survives() {
	cp "$store" "$work/copy.srd"
	cat >>"$work/copy.srd"
	ok "$1: nothing lost" holds_first "$work/copy.srd" 20
	echo more | put "$work/copy.srd" more
	ok "$1: writing goes on" test "$(srd get "$work/copy.srd" more)" = more
	ok "$1: nothing lost after it" holds_first "$work/copy.srd" 20
	ok "$1: verify" srd verify "$work/copy.srd"
}

survives '4096 zero bytes' < <(head -c 4096 /dev/zero)
survives '8 zero bytes' < <(head -c 8 /dev/zero)
survives '4096 random bytes' < <(head -c 4096 /dev/urandom)
survives '100001 random bytes' < <(head -c 100001 /dev/urandom)
survives 'its own records again' < <(tail -c +4097 "$store")
survives 'a store' <"$store"

# Torn in the last value.
head -c -1000 "$store" >"$work/torn.srd"
ok 'torn: all but the last' holds_first "$work/torn.srd" 19
{ echo 20 && cat "$work/value"; } | put "$work/torn.srd" dir/20
ok 'torn: put again' holds_first "$work/torn.srd" 20
ok 'torn: verify' srd verify "$work/torn.srd"

# Reading needs no permission to write and changes nothing.
head -c -1000 "$store" >"$work/torn.srd"
before=$(sha256sum <"$work/torn.srd")
ok 'reading a torn store' holds_first "$work/torn.srd" 19
ok 'changes nothing' test "$before" = "$(sha256sum <"$work/torn.srd")"
finish
