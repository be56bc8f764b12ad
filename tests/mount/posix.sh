#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What system calls promise, on a native file system as a control and on the mount.
. "${srcdir:-.}/tests/mount/common.sh"

posix=$top/tests/mount/posix
chmod 755 "$work"

section "control: $(stat -f -c %T "$work")"
mkdir "$work/native"
(cd "$work/native" && expect "$posix")

section "mount"
new_store s
options=
# Others than the mount's owner are tried, too, where that can be had.
[ "$(id -u)" != 0 ] || options="-o allow_other"
# shellcheck disable=SC2086
mount_store s $options
chmod 755 "$work/s"
(cd "$work/s" && expect "$posix")
unmount s

section "mount, with a kernel that remembers nothing"
expect "$srd" create "$work/t.srd"
mkdir "$work/t"
# shellcheck disable=SC2086
mount_store t -o timeout=0 $options
chmod 755 "$work/t"
(cd "$work/t" && expect "$posix")
unmount t
