#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# This project itself, configured, built and tested on the mount.  For "make check-slow".
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
m=$work/s

section "the sources, as they are distributed"
make -s -C "$top" distdir distdir="$m/sources" >/dev/null || fail "make distdir"
chmod -R u+w "$m/sources"

section "configure and make, out of the tree"
mkdir "$m/build"
cd "$m/build"
../sources/configure -q || fail "configure"
make -s -j2 >"$work/made" 2>&1 || fail "make: $(tail -n 5 "$work/made")"
expect ./srd --version

section "some of make check"
make -s -j2 check check_PROGRAMS= TESTS="tests/tool/values.sh tests/tool/names.sh tests/tool/trees.sh" \
	>"$work/made" 2>&1 || fail "make check: $(grep -E '^(FAIL|#)' "$work/made")"

section "nothing to be made again after a remount, for times stay"
cd "$work"
remount s
cd "$m/build"
touch "$work/before"
make -s >"$work/made" 2>&1 || fail "make: $(tail -n 1 "$work/made")"
expect_same "$(find . -type f -newer "$work/before")" ""
make -s clean
cd "$work"
rm -r "$m/build" "$m/sources"
unmount s
