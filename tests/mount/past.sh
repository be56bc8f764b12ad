#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mounts of the past: each snapshot of a repository that is committed to is whole, from two
# mounts at once, while the store is mounted and written to.
. "${srcdir:-.}/tests/mount/common.sh"

command -v git >/dev/null || { echo "skipped: no git"; exit 77; }
GIT_CONFIG_NOSYSTEM=1 HOME=$work
export GIT_CONFIG_NOSYSTEM HOME
git config --global user.email nobody@example.org
git config --global user.name nobody
git config --global safe.directory '*'

new_store repo
mount_store repo
expect git init -q "$work/repo/git"
for i in 1 2 3 4 5; do
	echo "$i" >"$work/repo/git/file$i"
	expect git -C "$work/repo/git" add -A
	expect git -C "$work/repo/git" commit -qm "$i"
	expect "$srd" snapshot create "$work/repo.srd" "commit-$i"
done

section "each snapshot, from two mounts"
mkdir "$work/past" "$work/again"
for i in 1 2 3 4 5; do
	for place in past again; do
		expect "$srdfs" -o "at=commit-$i" "$work/repo.srd" "$work/$place"
		mounts="$mounts $work/$place"
		expect git -C "$work/$place/git" fsck --strict
		expect_same "$(git -C "$work/$place/git" rev-list --count HEAD)" "$i"
	done
	expect diff -r "$work/past" "$work/again"
	[ ! -e "$work/past/git/file$((i + 1))" ] || fail "a file of the future"
	expect_failure 'Read-only' touch "$work/past/new"
	umount "$work/past" && umount "$work/again"
done

section "what is no point"
expect_failure 'no such point' "$srdfs" -o at=nothing "$work/repo.srd" "$work/past"
