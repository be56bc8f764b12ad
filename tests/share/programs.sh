#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real programs on two mounts and a tool at one store: rsync into one, compared through
# the other while and after; git on both in turn.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
ln -s s.srd "$work/t.srd"
mkdir "$work/t"
mount_store s
mount_store t
tree=$work/tree
mkdir "$tree"
cp -R "$(cd "${srcdir:-.}" && pwd)/src" "$tree/src"

# Whatever is at the name DONE ends it.
use_tool() {
	i=0
	while [ ! -e "$work/done" ]; do
		seq 1 $((i % 500)) | "$srd" put "$work/s.srd" "tool/key-$((i % 20))" || exit 1
		"$srd" ls "$work/s.srd" tool >"$work/listed" || exit 1
		i=$((i + 1))
	done
}
# Each look is to see what is there or was, and no error but of a name that went or came.
compare() {
	until diff -r "$tree" "$work/t/copy" >"$work/diff" 2>&1; do
		if grep -v -e '^Only in' -e '^Binary files' -e '^diff -r' -e '^[<>0-9\\-]' -e 'No such file' "$work/diff"; then
			exit 1
		fi
	done
}

if have rsync; then
	section "rsync into one, diff through the other"
	use_tool &
	tool=$!
	rsync -a "$tree/" "$work/s/copy/" &
	syncer=$!
	wait $syncer || fail "rsync"
	compare &
	wait $! || fail "diff said: $(cat "$work/diff")"
	find "$tree/src" -name '*.h' -exec touch {} +
	rm -r "$tree/src/kv"
	expect rsync -a --delete "$tree/" "$work/s/copy/"
	compare &
	wait $! || fail "diff said: $(cat "$work/diff")"
	expect rsync -a --delete --checksum --dry-run --itemize-changes "$tree/" "$work/t/copy/" >"$work/changes"
	expect_same "$(cat "$work/changes")" ""
	: >"$work/done"
	wait $tool || fail "the tool failed"
fi

if have git; then
	section "git on both"
	HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
	GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
	export HOME GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
	expect git init -q "$work/s/repo"
	i=0
	while [ $i -lt 6 ]; do
		place=$work/s
		[ $((i % 2)) = 0 ] || place=$work/t
		# What the other has committed has come.
		tries=0
		until [ $i = 0 ] || [ "$(git -C "$place/repo" log --oneline 2>/dev/null | wc -l)" = $i ]; do
			tries=$((tries + 1))
			[ $tries -le 2000 ] || fail "commit $i does not show"
			sleep 0.01
		done
		seq 1 $((i * 100)) >"$place/repo/file-$i"
		expect git -C "$place/repo" add .
		expect git -C "$place/repo" commit -q -m "$i"
		i=$((i + 1))
	done
	expect git -C "$work/s/repo" fsck --strict
	expect git -C "$work/t/repo" fsck --strict
	expect_same "$(git -C "$work/t/repo" status --porcelain)" ""
fi
expect "$srd" verify "$work/s.srd" >"$work/verified"
unmount t
unmount s
