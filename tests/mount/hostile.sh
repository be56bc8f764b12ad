#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A worker in an attacker's hands does not get the keeper to do harm, nor to hang.
. "${srcdir:-.}/tests/mount/common.sh"

mkdir "$work/folder"
echo store >"$work/folder/store.srd"
echo other >"$work/other"
if ! SRD_OTHER="$work/other" "$top/tests/mount/hostile" "$work/folder" >"$work/tap"; then
	cat "$work/tap"
	fail "a worker had its way"
fi
