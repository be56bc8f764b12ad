#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who is none of ours: other users, by modes and by lists; users of a namespace; and a
# mount that goes with its daemon.
#
# fusermount3 unmounts for a dead daemon only what it finds mounted, which it finds out by
# counting mounts below /: so / must be one, and nobody else mount anything meanwhile.
if [ "$(id -u)" = 0 ] && [ -z "${SRD_TEST_NAMESPACE-}" ] && unshare -m true 2>/dev/null; then
	SRD_TEST_NAMESPACE=yes exec unshare -m "$0"
fi
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
m=$work/s

section "the mount goes when the daemon is killed (auto_unmount)"
if mountpoint -q / && mount_store s -o auto_unmount; then
	echo one >"$m/f"
	kill_daemon s
	tries=0
	while is_mounted s; do
		tries=$((tries + 1))
		[ $tries -le 500 ] || fail "still mounted"
		sleep 0.02
	done
	expect_same "$(ls -A "$m")" ""
	section "also when the keeper alone is"
	mount_store s -o auto_unmount
	expect_same "$(cat "$m/f")" one
	kill -s KILL "$(cat "$work/s.pid")"
	await_end s
	tries=0
	while is_mounted s; do
		tries=$((tries + 1))
		[ $tries -le 500 ] || fail "still mounted"
		sleep 0.02
	done
fi

[ "$(id -u)" = 0 ] || exit 0
chmod 755 "$work"
as() {
	user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
}

if command -v setfacl >/dev/null; then
	section "two users and a list"
	mount_store s -o allow_other
	chmod 755 "$m"
	echo secret >"$m/list"
	chmod 600 "$m/list"
	setfacl -m u:1001:r "$m/list"
	expect_same "$(as 1001 cat "$m/list")" secret
	expect_failure "Permission denied" as 1002 cat "$m/list"
	expect_failure "Permission denied" as 1001 sh -c "echo x >>'$m/list'"
	setfacl -m u:1002:rw "$m/list"
	as 1002 sh -c "echo more >>'$m/list'"
	setfacl -m m::r "$m/list"
	expect_failure "Permission denied" as 1002 sh -c "echo x >>'$m/list'"
	mkdir -m 700 "$m/shared"
	setfacl -m u:1001:rwx,d:u:1001:rwx,d:u:1002:r-x "$m/shared"
	as 1001 sh -c "umask 077; mkdir '$m/shared/d'; echo from 1001 >'$m/shared/f'"
	expect_same "$(as 1001 cat "$m/shared/f")" "from 1001"
	expect_failure "Permission denied" as 1002 cat "$m/shared/f"
	setfacl -m u:1002:x "$m/shared"
	expect_same "$(as 1002 cat "$m/shared/f")" "from 1001"
	expect_failure "Permission denied" as 1002 sh -c "echo x >>'$m/shared/f'"
	expect_failure "Permission denied" as 1002 rm -f "$m/shared/f"
	expect_failure "not permitted" as 1001 setfacl -m u:1002:rwx "$m/shared"
	remount s -o allow_other
	expect_same "$(as 1002 cat "$m/shared/f")" "from 1001"
	expect_failure "Permission denied" as 1002 sh -c "echo x >>'$m/list'"
	unmount s
fi

if unshare -U -m -r true 2>/dev/null; then
	section "root of a namespace is not ours"
	mount_store s -o allow_other
	echo secret >"$m/ours"
	chmod 600 "$m/ours"
	as 1001 unshare -U -r sh -c "! cat '$m/ours' 2>/dev/null && ! chown 0:0 '$m/ours' 2>/dev/null" ||
		fail "root of a namespace gets at it"
	as 1001 unshare -U -r sh -c "! rm -f '$m/ours' 2>/dev/null" || fail "root of a namespace removes it"
	unmount s
	section "and mounts a store of its own in it"
	mkdir -m 777 "$work/home"
	as 1001 mkdir "$work/home/own"
	# Where /dev/fuse is root's only, it is not for a namespace either, unless ours has another one.
	if [ -n "${SRD_TEST_NAMESPACE-}" ] && ! as 1001 sh -c ': <>/dev/fuse' 2>/dev/null; then
		# shellcheck disable=SC2046
		mknod -m 666 "$work/fuse" c $(stat -c '%Hr %Lr' /dev/fuse) && mount --bind "$work/fuse" /dev/fuse || :
	fi
	if as 1001 sh -c ': <>/dev/fuse' 2>/dev/null; then
		# Whose files they are is told by the numbers that the namespace has for its users, so it makes the store.
		as 1001 unshare -U -m -r sh -c '"$1" create "$3.srd" && "$2" "$3.srd" "$3" && echo kept >"$3/f" && umount "$3"' \
			sh "$srd" "$srdfs" "$work/home/own" || fail "cannot be mounted in a namespace"
		expect_same "$("$srd" get "$work/home/own.srd" f)" kept
	fi
fi
