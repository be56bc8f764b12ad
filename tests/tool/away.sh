#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Backups over a real ssh, to a server of our own; and plain rsync, there and back: while the
# store is written to, trimmed, compacted.
. "${srcdir:-.}/tests/tool/lib.sh"

for program in rsync ssh ssh-keygen; do
	has $program || { echo "skipped: without $program" >&2; exit 77; }
done
sshd=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || { echo 'skipped: without sshd' >&2; exit 77; }

stop_server() {
	[ ! -s sshd.pid ] || kill "$(cat sshd.pid)"
	chmod -R u+rwx "$work"
	rm -rf "$work"
}

# A server that only the key made here opens, on some port that nobody has.
start_server() {
	ssh-keygen -q -t ed25519 -N '' -f host_key && ssh-keygen -q -t ed25519 -N '' -f key || return
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	cat >config <<-END
		ListenAddress 127.0.0.1
		HostKey $work/host_key
		PidFile $work/sshd.pid
		AuthorizedKeysFile $work/key.pub
		StrictModes no
		PermitRootLogin yes
		PasswordAuthentication no
		AcceptEnv PATH
	END
	for _ in 1 2 3 4 5 6 7 8; do
		port=$((20000 + RANDOM % 40000))
		"$sshd" -f config -p $port -E sshd.log && return
	done
	return 1
}

trap stop_server EXIT
start_server || { echo "skipped: sshd does not start: $(cat sshd.log)" >&2; exit 77; }
export RSYNC_RSH="ssh -F none -p $port -i $work/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
# It listens before it goes into the background, and may still not want us (an account that is locked, say).
$RSYNC_RSH 127.0.0.1 true || { echo "skipped: sshd lets nobody in: $(cat sshd.log)" >&2; exit 77; }

far=127.0.0.1:$work/far
mkdir far

# sends WHAT [PATTERN]: srd backup does, and what came there is the store.
sends() {
	works backup s.srd "$far/s.srd"
	[ -z "${2-}" ] || grep -q "$2" out || fail "$1: $(cat out)"
	cmp -s s.srd far/s.srd || fail "$1: not what the store is"
}

head -c 2000000 /dev/urandom >random
works create s.srd
works put s.srd one random
works put s.srd two random
sends 'the first time' ': 3\.[89] MiB sent, 0 B were there$'
head -c 10000 random >small
works put s.srd three small
sends 'what is new' ': [1-4][0-9]\.[0-9] KiB sent, 3\.[89] MiB were there$'
works backup --check s.srd "$far/s.srd"
works put s.srd four small
"$srd" backup --check s.srd "$far/s.srd" >out 2>err
same 'check of an older one: status' 1 $?

# While it is written to and trimmed.
for i in 1 2; do
	(n=0; while [ ! -e stop ]; do n=$((n % 20 + 1)); head -c $((n * 9000)) random | "$srd" put s.srd "writer$i/$((n % 5))"; done) &
done
(while [ ! -e stop ]; do "$srd" trim -q s.srd >>trims 2>&1; done) &
for round in 1 2; do
	works backup s.srd "$far/s.srd"
	"$srd" verify -q far/s.srd >verified || fail "while it is written to, round $round: $(cat verified)"
	"$srd" get far/s.srd one | cmp -s - random || fail "while it is written to, round $round: a value"
done
touch stop
wait
sends 'after the writers'

# plain WHAT: rsync brings it there and back, by difference and by --append-verify.
plain() {
	for way in --no-whole-file --append-verify; do
		mkdir -p there back
		rsync $way s.srd "127.0.0.1:$work/there/s$way.srd" || fail "$1: rsync $way there"
		rsync $way "127.0.0.1:$work/there/s$way.srd" "back/s$way.srd" || fail "$1: rsync $way back"
		cmp -s s.srd "back/s$way.srd" || fail "$1: rsync $way brings something else"
		"$srd" verify -q "back/s$way.srd" >out || fail "$1: rsync $way: $(cat out)"
	done
}

plain 'the first time'
works put s.srd five random
plain 'what is new'
works rm s.srd two
works trim s.srd
plain 'behind a trim'
sends 'behind a trim'
[ "$(du -k far/s.srd | cut -f 1)" -le $(($(du -k s.srd | cut -f 1) + 200)) ] || fail "behind a trim: $(du -k s.srd far/s.srd)"

# A compaction makes it shorter: to --append-verify that is nothing to do, and the copy stays what it was,
# a store, but an old one.  By difference it comes.
rsync --no-whole-file s.srd there/old.srd
works compact s.srd
works put s.srd six small
[ "$(stat -c %s s.srd)" -lt "$(stat -c %s there/old.srd)" ] || fail 'not shorter'
rsync --append-verify s.srd there/old.srd
"$srd" verify -q there/old.srd >out || fail "old: $(cat out)"
"$srd" get there/old.srd six >out 2>err && fail '--append-verify brings what is shorter'
touch -r s.srd there/old.srd
works backup s.srd "127.0.0.1:$work/there/old.srd"
cmp -s s.srd there/old.srd || fail 'behind a compaction: the backup is old'
cp far/s.srd local.srd
touch -r s.srd local.srd
works backup s.srd local.srd
cmp -s s.srd local.srd || fail 'behind a compaction: the local backup is old'
sends 'behind a compaction'
rsync --no-whole-file s.srd there/s--no-whole-file.srd
cmp -s s.srd there/s--no-whole-file.srd || fail 'behind a compaction: rsync by difference'

# A point of the past, from the copy.
works put s.srd one small
point=$("$srd" info --json s.srd | sed -n 's/.*"commits": \([0-9]*\).*/\1/p')
works put s.srd one random
sends 'once more'
works get --at "$point" far/s.srd one
cmp -s out small || fail 'a point of the past, from a copy'
works export --at "$point" far/s.srd restored
cmp -s restored/one small || fail 'restored from a copy'

# Nobody there.
kill "$(cat sshd.pid)"
while $RSYNC_RSH 127.0.0.1 true 2>/dev/null; do :; done
"$srd" backup s.srd "$far/s.srd" >out 2>err
same 'nobody there: status' 1 $?
grep -q "^srd backup: $far/s.srd: rsync failed with status [0-9]*; it said why" err || fail "nobody there: $(cat err)"
rm -f sshd.pid
finish
