#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A directory with a million files: made, listed, looked at, renamed, listed while others
# come and go (each file seen exactly once), removed.  For "make check-slow".
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
section "made and removed"
expect "$top/tools/bench/entries" --counts 10000,1000000 "$work/s"
expect_same "$(ls -A "$work/s")" ""

section "found after a remount"
mkdir "$work/s/d"
(cd "$work/s/d" && seq 1000000 | xargs touch)
remount s
expect_same "$(find "$work/s/d" -type f | wc -l)" 1000000
expect test -e "$work/s/d/999999"
rm -r "$work/s/d"
unmount s
