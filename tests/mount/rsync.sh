#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# rsync: whole trees in and out, after which another one finds nothing to do either
# way; and all the ways in which it changes files that are there.
. "${srcdir:-.}/tests/mount/common.sh"
. "${srcdir:-.}/tests/mount/hard.sh"

have rsync || { echo "skipped: no rsync"; exit 77; }

new_store s
mount_store s
m=$work/s
make_tree "$work/tree"

# carry FROM TO: everything that rsync can carry, compared by content
carry() {
	expect rsync -aHAXS --checksum -@-1 "$1/" "$2/"
}

# What rsync would do to TO, were it let.
would_do() {
	rsync -aHAXSn --delete --checksum --itemize-changes "$@"
}

section "a hard tree, in and out"
carry "$work/tree" "$m/rsync"
same_tree "$work/tree" "$m/rsync"
carry "$m/rsync" "$work/back"
same_tree "$work/tree" "$work/back"

section "a second one finds nothing to do, either way"
for pair in "tree s/rsync" "s/rsync tree" "s/rsync back"; do
	from=$work/${pair% *}/
	to=$work/${pair#* }/
	expect_same "$(would_do "$from" "$to")" "" "$pair"
	expect_same "$(would_do -@-1 "$from" "$to")" "" "$pair, nanoseconds"
	expect_same "$(rsync -aHAXSn --itemize-changes -@-1 "$from" "$to")" "" "$pair, by time"
done
remount s
expect_same "$(would_do -@-1 "$work/tree/" "$m/rsync/")" "" "after a remount"

section "changes: --delete, --inplace"
number=$(stat -c %i "$m/rsync/random")
echo changed >>"$work/tree/many/file-5"
rm "$work/tree/many/file-6" "$work/tree/deep/link"
mkdir "$work/tree/many/file-6"
printf XX | dd of="$work/tree/random" bs=1 seek=1500000 conv=notrunc status=none
chmod 600 "$work/tree/many/file-7"
touch -d '1955-01-01 00:00:00.000000001' "$work/tree/many/file-8"
expect rsync -aHAX --delete --inplace --no-whole-file -@-1 "$work/tree/" "$m/rsync/"
same_tree "$work/tree" "$m/rsync"
expect_same "$(stat -c %i "$m/rsync/random")" "$number" "the file changed in place"
expect_same "$(would_do -@-1 "$m/rsync/" "$work/tree/")" ""

section "--append-verify"
head -c 700000 /dev/urandom >"$work/log"
cp "$work/log" "$m/log"
head -c 300000 /dev/urandom >>"$work/log"
expect rsync -a --append-verify "$work/log" "$m/log"
cmp "$work/log" "$m/log" || fail "--append-verify"
printf X | dd of="$m/log" bs=1 seek=1000 conv=notrunc status=none
truncate -s 900000 "$m/log"
expect rsync -a --append-verify "$work/log" "$m/log"
cmp "$work/log" "$m/log" || fail "--append-verify of what differs"

section "--link-dest"
expect rsync -aHAX -@-1 --link-dest="$m/rsync" "$work/tree/" "$m/second/"
expect_same "$(stat -c %i "$m/second/many/file-9")" "$(stat -c %i "$m/rsync/many/file-9")"
expect_same "$(stat -c %h "$m/second/random")" 6
expect_same "$(contents "$m/second" | cksum)" "$(contents "$work/tree" | cksum)"
rm -r "$m/rsync"
same_tree "$work/tree" "$m/second"

section "--partial: killed, and taken up again"
head -c 20000000 /dev/urandom >"$work/big"
rsync --partial-dir="$m/partial" --bwlimit=2000 "$work/big" "$m/big" 2>/dev/null &
pid=$!
until [ "$(find "$m" -name '.big.*' -size +100k | wc -l)" = 1 ]; do
	is_running $pid || fail "rsync is done before it could be killed"
	sleep 0.02
done
kill -s TERM $pid
wait $pid && fail "a killed rsync succeeds"
# The process that receives outlives the one that was killed, to put away what it has.
tries=0
until [ -s "$m/partial/big" ]; do
	tries=$((tries + 1))
	[ $tries -le 1500 ] || fail "nothing partial is kept"
	sleep 0.02
done
expect rsync --partial-dir="$m/partial" "$work/big" "$m/big"
cmp "$work/big" "$m/big" || fail "--partial"
expect_same "$(ls -A "$m/partial")" ""
unmount s
