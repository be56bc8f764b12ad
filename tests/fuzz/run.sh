#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh - looks for inputs that break something, for FUZZ_SECONDS in all.
#
# What is found is left in the working folder as crash-* (or timeout-*, oom-*): once
# mended it belongs into tests/fuzz/corpus.  New inputs that reach new code go to
# FUZZ_CORPUS, if that is set, else nowhere.
set -eu
srcdir=${srcdir:-.}
builddir=${builddir:-.}
seconds=${FUZZ_SECONDS:-60}
corpus=$srcdir/tests/fuzz/corpus
kept=${FUZZ_CORPUS:-$(mktemp -d "${TMPDIR:-/tmp}/srd-fuzz-XXXXXX")}

# What an input may take: a small store must not take minutes, or gigabytes.
limits="-timeout=20 -rss_limit_mb=2048 -max_len=16384"

# fuzz NAME SHARE: that many per cent of the time.
fuzz() {
	share=$((seconds * $2 / 100 + 1))
	fuzzer=$builddir/tests/fuzz/fuzz_$1
	mkdir -p "$kept/$1"
	echo "fuzz_$1: $share s"
	if "$fuzzer" -help=1 2>&1 | grep -q rss_limit_mb; then
		# shellcheck disable=SC2086
		"$fuzzer" $limits -max_total_time=$share -print_final_stats=1 "$kept/$1" "$corpus/$1" >"fuzz_$1.log" 2>&1 || {
			tail -60 "fuzz_$1.log"
			exit 1
		}
		grep -E 'DONE|stat::(number_of|peak)' "fuzz_$1.log"
	else
		"$fuzzer" -s $share "$corpus/$1"
	fi
}

fuzz format 5
fuzz log 20
fuzz forge 45
fuzz image 30
[ -n "${FUZZ_CORPUS:-}" ] || rm -rf "$kept"
