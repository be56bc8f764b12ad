#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --at: what the store was at a sequence number or a time.
. "${srcdir:-.}/tests/tool/lib.sh"

works create s.srd
for i in 1 2 3 4; do
	echo "version $i" >value
	works put s.srd dir/key value
	date +%Y-%m-%dT%H:%M:%S.%N >"time$i"
done
works rm s.srd dir/key
works put s.srd other value
for i in 1 2 3 4; do
	works get --at="$i" s.srd dir/key
	same "by sequence $i" "version $i" "$(cat out)"
	works get --at="$(cat "time$i")" s.srd dir/key
	same "by time $i" "version $i" "$(cat out)"
	works get --at="$(cat "time$i")Z" s.srd dir/key
	same "by time $i, UTC" "version $i" "$(cat out)"
done
works ls --at=4 s.srd
same 'keys of the past' dir/key "$(cat out)"
works ls s.srd
same 'keys of now' other "$(cat out)"
works stat --at=2 s.srd dir/key
works export -q --at=3 s.srd there
same 'what was exported' 'version 3' "$(cat there/dir/key)"
[ ! -e there/other ] || fail 'the future was exported'
works ls --at=now s.srd
same 'keys of now, as of the past' other "$(cat out)"

refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' get --at=99 s.srd k
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' get --at=frob s.srd k
refuses 1 'srd get: s.srd: no such point in the history of the store; srd log lists what there is' \
	get --at='1 day ago' s.srd k
refuses 2 'srd get: --at and --exclusive do not go together; see srd get --help' get --at=1 --exclusive s.srd k
refuses 1 'srd get: s.srd: k: no such key; srd ls lists them' get --at=1 s.srd k
finish
