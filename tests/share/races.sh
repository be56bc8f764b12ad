#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two mounts and the library want what only one can have; all three agree on who got it.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
ln -s s.srd "$work/t.srd"
mkdir "$work/t"
mount_store s
mount_store t

section "races"
expect "$top/tests/share/races" "$work/s.srd" "$work/s" "$work/t"

section "what they left"
expect "$srd" export "$work/s.srd" "$work/exported"
expect diff -r "$work/exported" "$work/s"
expect diff -r "$work/exported" "$work/t"
unmount t
unmount s
