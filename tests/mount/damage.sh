#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Damaged payload is an error of reading it, for that block alone.  It never makes a
# file shorter: the kernel takes a short answer to READ for the end of the file.
. "${srcdir:-.}/tests/mount/common.sh"

size=1000000
bad=$((400 * 1024 + 100))      # lies in block 100

new_store s
mount_store s
m=$work/s
head -c $size /dev/urandom >"$work/whole"
cp "$work/whole" "$m/f"
printf 'small and damaged as well' >"$m/small"
unmount s

# damage TEXT-FILE LEN: turns over one byte of the log, where these bytes lie.
damage() {
	# shellcheck disable=SC2016
	perl -we '
		use strict;
		my ($store, $needle_file) = @ARGV;
		local $/;
		open my $in, "<", $needle_file or die; my $needle = <$in>;
		open my $log, "+<", $store or die; my $text = <$log>;
		my $at = index $text, $needle;
		$at >= 0 or die "not found\n";
		seek $log, $at, 0;
		print $log chr(ord(substr $needle, 0, 1) ^ 1);
	' "$work/s.srd" "$1" || fail "cannot damage the store"
}
dd if="$work/whole" of="$work/needle" bs=1 skip=$bad count=64 status=none
damage "$work/needle"
printf 'damaged as well' >"$work/needle"
damage "$work/needle"
mount_store s

# The block numbered $1 of 4 KiB.
block() {
	dd if="$m/f" bs=4096 skip="$1" count=1 status=none
}

is_whole_but_block_100() {
	expect_same "$(stat -c %s "$m/f")" $size
	expect_failure "Input/output error" block 100
	expect_same "$(block 99 | cksum)" "$(dd if="$work/whole" bs=4096 skip=99 count=1 status=none | cksum)"
	tail -c +$((101 * 4096 + 1)) "$m/f" | cmp - "$work/rest" || fail "what lies behind is not served"
	expect_same "$(stat -c %s "$m/f")" $size
}
tail -c +$((101 * 4096 + 1)) "$work/whole" >"$work/rest"

section "read(), in one go and in blocks"
if cat "$m/f" >"$work/got" 2>"$work/said"; then
	fail "a damaged file is read without an error"
fi
cmp -n "$(stat -c %s "$work/got")" "$work/got" "$work/whole" || fail "wrong bytes"
[ "$(stat -c %s "$work/got")" -le $((100 * 4096)) ] || fail "what is damaged is served"
is_whole_but_block_100
expect_failure "Input/output error" cat "$m/small"
expect_same "$(stat -c %s "$m/small")" 25

section "read() across it, O_DIRECT"
# shellcheck disable=SC2016
perl -we '
	use strict;
	open my $f, "<", $ARGV[0] or die;
	seek $f, 399 * 1024, 0;
	my $got = sysread $f, my $bytes, 8192, 0;
	# What lies before may be had; no end of the file.
	exit(defined $got && $got == 0 ? 1 : 0);
' "$m/f" || fail "the file seems to end"
expect_failure "Input/output error" dd if="$m/f" of=/dev/null bs=64k iflag=direct status=none
expect_same "$(dd if="$m/f" bs=64k skip=7 iflag=direct status=none | cksum)" \
	"$(dd if="$work/whole" bs=64k skip=7 status=none | cksum)"
is_whole_but_block_100

section "others go on: appending, copying, removing"
echo more >>"$m/f"
expect_same "$(stat -c %s "$m/f")" $((size + 5))
expect_same "$(tail -c 5 "$m/f")" more
truncate -s $size "$m/f"
expect_failure "Input/output error" cp "$m/f" "$work/copy"

section "what is written over it heals it"
dd if="$work/whole" of="$m/f" bs=4096 skip=100 seek=100 count=1 conv=notrunc status=none
cmp "$m/f" "$work/whole" || fail "not healed"
remount s
cmp "$m/f" "$work/whole" || fail "not healed, after a remount"
rm "$m/small"
unmount s
