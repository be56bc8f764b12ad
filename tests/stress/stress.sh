#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many at one store, by the library and on two mounts, killed and stopped, and the store
# compacted all the while; then what all of them left is the same everywhere.  STRESS_SECONDS: for how long, 60.
. "${srcdir:-.}/tests/mount/common.sh"

stress=$top/tests/stress/stress
export STRESS_TOOL="$srd"
new_store alone
new_store s
ln -s s.srd "$work/t.srd"
mkdir "$work/t"

section "the library alone"
STRESS_SECONDS=$((${STRESS_SECONDS:-60} / 3)) expect "$stress" "$work/alone.srd"

section "two strict mounts and the library"
mount_store s -o strict
mount_store t -o strict
STRESS_SECONDS=$((${STRESS_SECONDS:-60} * 2 / 3)) expect "$stress" "$work/s.srd" "$work/s" "$work/t"

section "what they left"
expect diff -r "$work/s" "$work/t"
expect "$srd" verify "$work/s.srd" >"$work/verified"
unmount s
unmount t
