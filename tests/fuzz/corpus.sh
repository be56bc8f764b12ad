#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every input that once was a finding, and those that reach most of the code.
set -eu
srcdir=${srcdir:-.}
builddir=${builddir:-.}
corpus=$srcdir/tests/fuzz/corpus

for name in format log forge image; do
	# libFuzzer runs files, not folders, once each.
	# The images of one store: no need to put it to all uses for each.
	case $name in
	image) unset FUZZ_ALL ;;
	*) export FUZZ_ALL=1 ;;
	esac
	"$builddir/tests/fuzz/fuzz_$name" "$corpus/$name"/* >"fuzz-$name.log" 2>&1 || {
		cat "fuzz-$name.log"
		exit 1
	}
	rm -f "fuzz-$name.log"
done
