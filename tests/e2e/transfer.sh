#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Transactions of programs at once: whoever transfers, and however often they meet, nothing
# is made and nothing is lost.
. "$srcdir/tests/e2e/functions.sh"

transfer=$builddir/tools/examples/transfer
store=$work/store.srd
accounts=(north east south west)
ok 'create' srd create "$store"
for account in "${accounts[@]}"; do
	echo -n 1000 | put "$store" "$account"
done

# Each goes around in its own direction.
carry() {
	local i

	for ((i = 0; i < 25; i++)); do
		"$transfer" "$store" "${accounts[i * $1 % 4]}" "${accounts[(i * $1 + $1) % 4]}" "$((i % 7 + 1))" || return
	done
}

# What NORTH and the others have, all in all.
sum() {
	local account total=0

	for account in "${accounts[@]}"; do
		total=$((total + $(srd get "$store" "$account"))) || return
	done
	echo "# $total"
	[ "$total" -eq 4000 ]
}

pids=()
for step in 1 3 1 3; do
	carry "$step" &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	ok 'transfers' wait "$pid"
done
ok 'nothing is made, nothing is lost' sum
refused 'more than there is' "$transfer" "$store" north south 100000
ok 'nor by what was refused' sum
ok 'verify' srd verify "$store"
finish
