#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An ordinary user mounts a store of his own.  Where /dev/fuse is root's only, that is
# tried in a mount namespace with one that is everybody's.
#
# shellcheck disable=SC2086
. "${srcdir:-.}/tests/mount/common.sh"

if [ "$(id -u)" != 0 ]; then
	as_user=
elif [ "${SRD_TEST_NAMESPACE:-}" = "" ]; then
	rm -rf -- "$work"
	trap - EXIT
	unshare -m --propagation unchanged true 2>/dev/null || fail "no mount namespace to be had"
	SRD_TEST_NAMESPACE=yes exec unshare -m --propagation unchanged "$0"
else
	# In a chroot / need not be a mount point.
	mount --make-rprivate / 2>/dev/null || mount --make-rprivate /dev
	numbers=$(stat -c '%Hr %Lr' /dev/fuse)
	mknod -m 666 "$work/fuse" c $numbers
	mount --bind "$work/fuse" /dev/fuse
	as_user="setpriv --reuid 65534 --regid 65534 --clear-groups"
fi
user=$($as_user id -u)

chmod 755 "$work"
mkdir -m 777 "$work/home"
s=$work/home/s.srd
m=$work/home/s
mounts=$m
$as_user mkdir "$m"
$as_user "$srd" create "$s"

section "mounting"
expect $as_user "$srdfs" "$s" "$m"
grep -qF " $m fuse.srdfs " /proc/mounts || fail "not mounted"
expect_same "$($as_user stat -c %u "$m")" "$user"
$as_user cp -r "$srcdir/tests" "$m/tests"
$as_user diff -r "$srcdir/tests" "$m/tests" || fail "copies differ"
$as_user touch "$m/own"
expect_same "$($as_user stat -c %u "$m/own")" "$user"
expect_failure "not permitted" $as_user chown 0 "$m/own"
if [ "$user" != "$(id -u)" ] && ls "$m" 2>/dev/null; then
	fail "others get in without allow_other"
fi

section "unmounting"
expect $as_user fusermount3 -u "$m"
grep -qF " $m " /proc/mounts && fail "still mounted"

section "a store that he may only read"
chmod 444 "$s"
expect_failure "Permission denied (to read it '-o ro' will do)" $as_user "$srdfs" "$s" "$m"
expect $as_user "$srdfs" -o ro "$s" "$m"
expect $as_user test -e "$m/own"
expect $as_user fusermount3 -u "$m"
chmod 000 "$s"
expect_same "$($as_user "$srdfs" -o ro "$s" "$m" 2>&1)" "srdfs: $s: Permission denied"
chmod 644 "$s"

section "a dead mount of his"
$as_user "$srdfs" -f "$s" "$m" &
daemon=$!
tries=0
until grep -qF " $m fuse.srdfs " /proc/mounts && $as_user test -e "$m/own"; do
	tries=$((tries + 1))
	[ $tries -le 200 ] || fail "not mounted"
	sleep 0.05
done
kill -s KILL $daemon
wait $daemon || :
while process_of home/s srdfs-worker >/dev/null; do sleep 0.05; done
expect $as_user "$srdfs" "$s" "$m"
expect $as_user test -e "$m/own"
expect $as_user fusermount3 -u "$m"
