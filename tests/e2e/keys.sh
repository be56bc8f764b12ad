#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys: every byte that a key may have, the longest names, and refusals that say why.
. "$srcdir/tests/e2e/functions.sh"

store=$work/keys.srd
ok 'create' srd create "$store"

# There and back, and gone.
key_works() {
	echo "value of $2" >"$work/value"
	put "$store" -- "$2" <"$work/value"
	ok "$1: there" holds "$store" "$2" "$work/value"
	srd mv "$store" -- "$2" moved
	ok "$1: moved" holds "$store" moved "$work/value"
	srd mv "$store" -- moved "$2"
	ok "$1: moved back" holds "$store" "$2" "$work/value"
}

all=
for i in {1..46} {48..255}; do
	printf -v hex '\\x%x' "$i"
	all+=$(printf '%b.' "$hex")
	all=${all%.}
done
long=$(printf 'n%.0s' {1..255})
deep=$(printf "${long//n/d}/%.0s" {1..15})$long

key_works 'every byte but NUL and slash, in one name' "$all"
key_works 'a name of 255 bytes' "$long"
key_works 'a key of 4095 bytes' "$deep"
key_works 'UTF-8' 'Größe/日本語/🗄'
key_works 'a newline' $'two\nlines'
key_works 'a dash in front' '-k'
key_works 'dots that are names' '.../..a/.b'
key_works 'a space' ' '

refused 'an empty key' put "$store" ''
refused 'an empty component' put "$store" 'a//b'
refused 'a slash at the end' put "$store" 'a/'
refused 'a dot' put "$store" 'a/./b'
refused 'two dots' put "$store" 'a/../b'
refused 'a name of 256 bytes' put "$store" "${long}n"
refused 'a key of 4096 bytes' put "$store" "n/${deep:0:4094}"
refused 'the reserved component' put "$store" '.srd/x'
refused 'a file as a directory' put "$store" ' /below'
refused 'a key that is not there' srd get "$store" 'nowhere'

ok 'verify' srd verify "$store"
finish
