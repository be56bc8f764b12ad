#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# srd map: every byte is one thing, and what it is.
. "${srcdir:-.}/tests/tool/lib.sh"

total() {
	"$srd" map --json s.srd | sed -n "s/.*\"total\": {.*\"$1\": \([0-9]*\).*/\1/p"
}

head -c 200000 /dev/urandom >one
head -c 100000 /dev/urandom >two
works create s.srd
works put s.srd dir/one one
works put s.srd two two
same 'live' 300000 "$(total live)"
works put s.srd dir/one two
same 'live after it was replaced' 200000 "$(total live)"
[ "$(total dead)" -ge 200000 ] || fail "dead: $(total dead)"
end=$("$srd" map --json s.srd | sed -n 's/^ *"end": \([0-9]*\).*/\1/p')
sum=$(($(total live) + $(total dead) + $(total records) + $(total trimmed) + $(total damaged)))
same 'all bytes are told of' "$end" "$sum"

works map s.srd
grep -q '^# live  *195.3 KiB' out || fail "map: $(cat out)"
grep -q 'written 2 times, 293.0 KiB  dir/one$' out || fail 'the most rewritten key'
grep -q 'compaction would leave about' out || fail 'what would be saved'
grep -q "$(printf '\033')" out && fail 'colours without a terminal'
works map -s map.svg s.srd
[ ! -s out ] || fail 'prints beside the picture'
grep -q '^</svg>$' map.svg || fail 'no whole picture'
works put s.srd "$(printf 'a & b <\377\001>')" one
works map -s map.svg s.srd
grep -q '>a &amp; b &lt;??></text>' map.svg || fail "a name that XML does not take: $(grep 'a &' map.svg)"
! has xmllint || xmllint --noout map.svg || fail 'no XML'
works rm s.srd "$(printf 'a & b <\377\001>')"
works compact s.srd
same 'dead after compaction' 0 "$(($(total dead) / 10000))"

# A record that cannot be read.
printf XXXX | dd of=s.srd bs=1 seek=4300 conv=notrunc status=none
"$srd" map --json s.srd >out 2>err
same 'map of a damaged store: status' 0 $?
[ "$(total damaged)" -gt 0 ] || fail 'damage is not shown'
refuses 1 'srd map: none.srd: no such store; srd create makes one' map none.srd
refuses 1 'srd map: no/where.svg: No such file or directory' map -s no/where.svg s.srd

exit $((failures > 0))
