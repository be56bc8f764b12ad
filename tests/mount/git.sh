#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git: a repository and its clones, on the mount, found sound by git itself.
. "${srcdir:-.}/tests/mount/common.sh"

have git || { echo "skipped: no git"; exit 77; }

HOME=$work GIT_CONFIG_NOSYSTEM=1
export HOME GIT_CONFIG_NOSYSTEM
git config --global user.name test
git config --global user.email test@example.invalid
git config --global init.defaultBranch main
git config --global core.fsmonitor false
sources=$(cd "$srcdir" && pwd)

new_store s
mount_store s
m=$work/s

# Says nothing of the many files that a change of time alone would make it read again.
is_clean() {
	expect_same "$(git -C "$1" status --porcelain)" "" "git status in $1"
}

section "commits"
git init -q "$m/repository"
cd "$m/repository"
cp -R "$sources/src" "$sources/tests" .
ln -s src/srd.h link
git add .
git commit -qm first
is_clean .
echo more >>src/srd.h
git mv tests/mount tests/mounted
chmod +x src/srd.h
git commit -qam second
for branch in one two three; do
	git checkout -qb $branch main
	echo $branch >$branch
	git add $branch
	git commit -qm $branch
done
git checkout -q main
git merge -q --no-edit one two three >/dev/null
is_clean .
git rebase -q --onto one main~1 two

section "gc and fsck"
git checkout -q main
git repack -qad
git gc -q --prune=now
expect git fsck --strict --no-progress
is_clean .

section "clones"
git clone -q --no-hardlinks . ../clone
git clone -q . ../linked
git clone -q "file://$m/repository" ../packed
for clone in clone linked packed; do
	expect_same "$(git -C "../$clone" rev-parse HEAD)" "$(git rev-parse HEAD)"
	git -C "../$clone" fsck --strict --no-progress
	is_clean "../$clone"
done
git worktree add -q ../tree HEAD~1
is_clean ../tree

section "a clone out of the store, and pushed back"
git clone -q . "$work/outside"
cd "$work/outside"
echo outside >outside
git add outside
git commit -qm outside
git push -q origin HEAD:refs/heads/outside
cd "$m/repository"
expect_same "$(git rev-parse outside)" "$(git -C "$work/outside" rev-parse HEAD)"

section "after a remount"
cd "$work"
remount s
cd "$m/repository"
expect git fsck --strict --no-progress
# As git sees it nothing was touched: not a file is read again.
expect_same "$(git diff-files)" ""
is_clean .
git checkout -q outside
git checkout -q HEAD~2
is_clean .
cd "$work"
unmount s
