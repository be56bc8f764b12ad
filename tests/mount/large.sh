#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Large things: files beyond 2 and 4 GiB, terabytes of nothing, many extents,
# directories of ten thousand.
#
# What ls prints is what is tested.
# shellcheck disable=SC2010,SC2012
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
m=$work/s

# put FILE POS TEXT, get FILE POS LEN
put() {
	printf %s "$3" | dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc status=none
}
get() {
	dd if="$1" bs=64k skip="$2" count="$3" iflag=skip_bytes,count_bytes status=none
}

section "far positions"
for pos in 0 2147483646 4294967294 3298534883328; do
	put "$m/far" $pos "here"
done
remount s
for pos in 0 2147483646 4294967294 3298534883328; do
	expect_same "$(get "$m/far" $pos 4)" here
done
expect_same "$(get "$m/far" 1000000 5 | od -An -c | tr -d ' ')" '\0\0\0\0\0'
expect_same "$(stat -c %s "$m/far")" 3298534883332
truncate -s 2147483648 "$m/far"
expect_same "$(get "$m/far" 2147483640 100 | wc -c)" 8
truncate -s 3G "$m/far"
expect_same "$(get "$m/far" 2147483646 4 | od -An -c | tr -d ' ')" 'he\0\0'

section "a stream"
head -c 200000000 /dev/urandom | tee "$m/stream" | cksum >"$work/sum"
cksum <"$m/stream" | diff "$work/sum" - || fail "what is read is not what was written"
remount s
cksum <"$m/stream" | diff "$work/sum" - || fail "what is read after a remount is not what was written"

# The kernel has the file's pages: the daemon's mapping is not to keep as much again.
if worker=$(process_of s srdfs-worker) && grep -q RssFile "/proc/$worker/status"; then
	mapped=$(awk '/^RssFile/ { print $2 }' "/proc/$worker/status")
	[ "$mapped" -lt 50000 ] || fail "$mapped kB stay mapped of a stream that was read"
fi

section "writing here and there"
cp "$m/stream" "$work/stream"
i=0
while [ $i -lt 300 ]; do
	pos=$((i * 7919 * 4801 % 199000000))
	put "$m/stream" $pos "$i $i $i"
	put "$work/stream" $pos "$i $i $i"
	i=$((i + 1))
done
cmp "$m/stream" "$work/stream" || fail "many extents"
remount s
cmp "$m/stream" "$work/stream" || fail "many extents after a remount"

section "a large directory"
mkdir "$m/d"
(cd "$m/d" && seq 10000 | xargs touch)
expect_same "$(ls "$m/d" | wc -l)" 10000
expect_same "$(ls -l "$m/d" | wc -l)" 10001
remount s
expect_same "$(find "$m/d" -type f | wc -l)" 10000
rm -r "$m/d"
unmount s
