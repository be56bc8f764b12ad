#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What system calls promise: the suite on the mount and, as a control, on the file
# system that the store lies in; then random operations against a model.
#
#     FSX_SECONDS=60 FSX_SEED=... tests/posix/run.sh
. "${srcdir:-.}/tests/mount/common.sh"

suite=$top/tests/posix/posix
fsx=$top/tests/posix/fsx
seconds=${FSX_SECONDS:-2}
chmod 755 "$work"

new_store s
options=
[ "$(id -u)" != 0 ] || options="-o allow_other,suid,dev"
# shellcheck disable=SC2086
mount_store s $options
chmod 755 "$work/s"

section "control: $(stat -f -c %T "$work")"
mkdir "$work/native"
(cd "$work/native" && "$suite" >"$work/native.out") || grep -A1 '^not ok' "$work/native.out" || :
tail -n 1 "$work/native.out"

# keeps NAME: the suite on that mount says what the control said.
keeps() {
	mkdir "$work/$1/suite"
	(cd "$work/$1/suite" && "$suite" >"$work/$1.out") || :
	tail -n 2 "$work/$1.out"
	diff "$work/native.out" "$work/$1.out" || fail "a store is not as $(stat -f -c %T "$work")"
	[ "$(tail -n 1 "$work/$1.out")" = "# 0 failed" ] || fail "promises are broken"
}

section "mount"
keeps s

section "mount, with a kernel that remembers nothing"
new_store t
# shellcheck disable=SC2086
mount_store t -o timeout=0 $options
chmod 755 "$work/t"
keeps t
unmount t

section "what a remount leaves"
new_store k
mount_store k
echo text >"$work/k/f"
expect_same "$(cd "$work/k" && cat f && stat -c %X f)" "text
$(stat -c %Y "$work/k/f")" "reading changes nothing by default"
birth=$(stat -c %W "$work/k/f")
! have fallocate || expect fallocate -n -l 1M "$work/k/f"
stored=$(stat -c '%s %b' "$work/k/f")
remount k -o relatime
expect_same "$(stat -c '%s %b' "$work/k/f")" "$stored" "space behind the end"
expect_same "$(stat -c %W "$work/k/f")" "$birth" "birth"
changed=$(stat -c %z "$work/k/f")
expect cat "$work/k/f"
read_at=$(stat -c %x "$work/k/f")
[ "$(printf '%s\n' "$changed" "$read_at" | sort | head -n 1)" = "$changed" ] && [ "$changed" != "$read_at" ] ||
	fail "the access time does not follow reading: changed $changed, read $read_at"
expect_same "$(stat -c %z "$work/k/f")" "$changed" "reading is no change"
remount k
expect_same "$(stat -c %x "$work/k/f")" "$read_at" "the access time"
unmount k

section "a store with a limit"
new_store limited
mount_store limited -o max_size=8M
head -c 3000000 /dev/urandom >"$work/limited/a"
head -c 3000000 /dev/urandom >"$work/limited/b"
expect_failure "No space left" dd if=/dev/urandom of="$work/limited/c" bs=1M count=8 status=none
expect test "$(df --output=size -B 1 "$work/limited" | tail -n 1)" -eq 8388608
expect rm "$work/limited/a"
unmount limited

if [ "$(id -u)" = 0 ]; then
	section "as mount(8) calls it, and again with other options"
	helper=${srcdir:-.}/tools/mount.srdfs
	new_store m
	mounts="$mounts $work/m"
	expect env PATH="$top/tools:$PATH" "$helper" "$work/m.srd" "$work/m" -o rw,noauto,_netdev,x-systemd.automount
	expect mknod "$work/m/null" c 1 3
	(: >"$work/m/null") || fail "devices cannot be used"
	expect "$helper" "$work/m.srd" "$work/m" -o remount,ro
	expect_failure "Read-only" touch "$work/m/f"
	expect "$helper" "$work/m.srd" "$work/m" -o remount,rw
	expect touch "$work/m/f"
	expect umount "$work/m"
fi

if [ "$(id -u)" = 0 ] && grep -qw overlay /proc/filesystems; then
	section "overlayfs writes to it"
	new_store o
	mount_store o -o suid,dev
	mkdir "$work/o/lower" "$work/o/upper" "$work/o/work" "$work/over"
	echo below >"$work/o/lower/f"
	echo below >"$work/o/lower/g"
	mounts="$work/over $mounts"
	expect mount -t overlay over "$work/over" \
		-o "lowerdir=$work/o/lower,upperdir=$work/o/upper,workdir=$work/o/work"
	echo above >>"$work/over/f"
	expect mv "$work/over/f" "$work/over/h"
	expect rm "$work/over/g"
	expect umount "$work/over"
	expect_same "$(stat -c '%F %t,%T' "$work/o/upper/f" "$work/o/upper/g" | uniq)" "character special file 0,0"
	expect_same "$(cat "$work/o/upper/h" "$work/o/lower/f")" "$(printf 'below\nabove\nbelow')"
	unmount o
fi

section "random operations"
cat >"$work/remount" <<END
#!/bin/sh
# As unmount in common.sh: whoever looks around may keep it busy for a moment.
until fusermount3 -u "$work/s" 2>/dev/null || umount "$work/s" 2>/dev/null; do
	tries=\$((\${tries:-0} + 1))
	[ \$tries -le 100 ] || exit 1
	sleep 0.05
done
tries=0
# The store is free when its daemon has ended.
while ! "$srdfs" -o exclusive${options:+,${options#-o }} "$work/s.srd" "$work/s" 2>/dev/null; do
	tries=\$((tries + 1))
	[ \$tries -le 1200 ] || exit 1
	sleep 0.05
done
END
chmod 755 "$work/remount"
expect "$fsx" ${FSX_SEED:+-s "$FSX_SEED"} -t "$seconds" -r "$work/remount" "$work/s/fsx"
