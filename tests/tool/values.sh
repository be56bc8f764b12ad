#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# create, put, get: any value comes back as it was, and every failure is one line.
. "${srcdir:-.}/tests/tool/lib.sh"

works create s.srd
[ ! -s out ] || fail 'create prints something'
refuses 1 'srd create: s.srd: there is such a file already; remove it first or choose another name' \
	create s.srd
refuses 1 'srd create: no/s.srd: no such store; srd create makes one' create no/s.srd

# round_trip KEY FILE: by standard input and by name
round_trip() {
	works put s.srd "$1" <"$2"
	works get s.srd "$1"
	cmp "$2" out || fail "value of $1 by standard input"
	works put s.srd "$1.file" "$2"
	works get s.srd "$1.file" -o copy
	cmp "$2" copy || fail "value of $1 by name"
}
: >empty
printf '\0' >nul
head -c 63 /dev/urandom >inline
head -c 64 /dev/urandom >aligned
head -c 4096 /dev/zero >zeros
head -c 3000001 /dev/urandom >large
head -c 40000000 /dev/zero >manyzeros
truncate -s 50M sparse && printf tail >>sparse && printf head | dd of=sparse conv=notrunc status=none
for value in empty nul inline aligned zeros large manyzeros sparse; do
	round_trip "values/$value" $value
done
works put s.srd large.pipe - < <(cat large)
works get s.srd large.pipe
cmp large out || fail 'a value through a pipe'
stored=$("$srd" stat --json s.srd values/sparse.file | sed -n 's/.*"stored_bytes": \([0-9]*\).*/\1/p')
[ "$stored" -lt 1000000 ] || fail "a sparse file takes $stored bytes"

# A part, at every kind of edge.
part() {
	tail -c "+$(($1 + 1))" large | head -c "$2" >wanted
	works get --offset="$1" --length="$2" s.srd values/large
	cmp wanted out || fail "part $1 +$2"
}
part 0 1
part 4095 2
part 1048576 1048577
part 3000000 5
part 3000001 5
part 9999999 5
works get --offset=1K --length=1K s.srd values/large
same 'K as a unit' "$(tail -c +1025 large | head -c 1024 | cksum)" "$(cksum <out)"
works get --length=0 s.srd values/large
[ ! -s out ] || fail 'length 0 is not empty'

# Replacing, any key that is one, options anywhere.
works put s.srd values/large inline
works get s.srd values/large
cmp inline out || fail 'a replaced value'
long=$(printf 'n%.0s' {1..255})
for key in "$long" "$(printf 'new\nline')" 'päth/ключ' "$(printf 'raw\377\001bytes')" 'a b/"c"\d' -- '...' ; do
	[ "$key" = -- ] && continue
	works put --no-sync -- s.srd "$key" < <(printf %s "$key")
	works get -- s.srd "$key"
	same 'value of a strange key' "$key" "$(cat out)"
done
works put s.srd --no-sync -- -key < <(printf dash)
works get s.srd -- -key

# Refusals.
refuses 1 'srd get: none.srd: no such store; srd create makes one' get none.srd k
refuses 1 'srd get: s.srd: nothing: no such key; srd ls lists them' get s.srd nothing
refuses 1 'srd get: s.srd: values/none: no such key; srd ls lists them' get s.srd values/none
refuses 1 'srd get: s.srd: values: is a directory; srd ls lists what is in it' get s.srd values
refuses 1 'srd get: s.srd: nothing: no such key; srd ls lists them' get --offset=1 s.srd nothing
refuses 1 'srd put: none: No such file or directory' put s.srd k none
refuses 1 "srd put: $work: Is a directory" put s.srd k "$work"
refuses 1 'srd put: s.srd: values: is a directory; srd ls lists what is in it' put s.srd values inline
refuses 1 'srd put: s.srd: values/nul/x: a part of the key is not a directory; srd stat tells what it is' \
	put s.srd values/nul/x inline
refuses 1 'srd get: large: not a store; name a file that srd create made' get large k
refuses 1 'srd get: no/such/out: No such file or directory' get s.srd values/nul -o no/such/out
[ "$("$srd" ls s.srd k | wc -l)" -eq 0 ] || fail 'a failed put left a key'

# The store itself is neither source nor target.
same_store='is the store itself; choose another file'
refuses 1 "srd put: s.srd: $same_store" put s.srd k s.srd
refuses 1 "srd get: s.srd: $same_store" get s.srd values/nul -o ./s.srd
"$srd" get s.srd values/nul >>s.srd 2>err && fail 'get onto the store'
same 'get onto the store' "srd get: s.srd: $same_store" "$(cat err)"
works verify s.srd

# A bad key says why; each kind of badness.
for key in '' /a a/ a//b . .. a/../b "n$long" .srd .srd/x "$(printf 'x/%.0s' {1..2048})y"; do
	"$srd" put s.srd "$key" inline >out 2>err
	same "put to key '$key': status" 1 $?
	same "put to key '$key': lines" 1 "$(wc -l <err)"
	grep -q '^srd put: s.srd: .*: [a-z]' err || fail "key '$key': $(cat err)"
done
same 'escaped in a message' 'srd get: s.srd: a\nb\x1b[m\\: no such key; srd ls lists them' \
	"$("$srd" get s.srd "$(printf 'a\nb\033[m\\')" 2>&1)"

# An existing file is not emptied for a value that cannot be had.
echo precious >precious
refuses 1 'srd get: s.srd: nothing: no such key; srd ls lists them' get -o precious s.srd nothing
same 'output file after a failure' precious "$(cat precious)"

# Output that does not arrive is noticed.
works put s.srd big manyzeros
refuses_output() {
	local status=$1
	same "output to $2: status" 1 "$status"
	same "output to $2" "$3" "$(cat err)"
}
"$srd" get s.srd big >/dev/full 2>err
refuses_output $? 'a full disk' 'srd get: standard output: No space left on device'
"$srd" get --offset=1 s.srd big >/dev/full 2>err
refuses_output $? 'a full disk, part' 'srd get: standard output: No space left on device'
"$srd" get s.srd big >&- 2>err
refuses_output $? 'nowhere' 'srd get: standard output: Bad file descriptor'
(trap '' PIPE; "$srd" get s.srd big 2>err; echo $? >status) | true
refuses_output "$(cat status)" 'a closed pipe' 'srd get: standard output: Broken pipe'
"$srd" get s.srd values/nul >&- 2>err <&-
"$srd" put s.srd closed >&- 2>&- <&- && fail 'put from closed standard input succeeds'
works verify s.srd

# A writer that may not write, a reader that may.
chmod 444 s.srd
if [ "$(id -u)" -ne 0 ]; then
	"$srd" put s.srd k inline 2>err && fail 'put into a file without permission'
	same 'lines of that' 1 "$(wc -l <err)"
fi
works get s.srd values/nul
finish
