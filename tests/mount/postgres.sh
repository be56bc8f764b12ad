#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL with its data on the mount: initdb, pgbench, server and daemon killed in
# the middle of it, recovery.  For "make check-slow".
. "${srcdir:-.}/tests/mount/common.sh"

initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
[ -n "$initdb" ] || { echo "skipped: no PostgreSQL"; exit 77; }
PATH=$PATH:$(dirname "$(readlink -f "$initdb")")

# The server refuses to run as root.
as_user=
options=
if [ "$(id -u)" = 0 ]; then
	as_user="setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=$work"
	options="-o allow_other"
fi
chmod 755 "$work"
mkdir -m 777 "$work/sockets"

# shellcheck disable=SC2086
mount_it() {
	mount_store s $options
}

# shellcheck disable=SC2086
as() {
	(cd "$work/sockets" && $as_user "$@")
}

start() {
	as pg_ctl -D "$data" -w -t 300 -l "$work/sockets/log" \
		-o "-k $work/sockets -c listen_addresses='' -c full_page_writes=on" start >/dev/null ||
		fail "no server: $(tail -n 5 "$work/sockets/log")"
}

stop() {
	as pg_ctl -D "$data" -w -t 300 -m "$1" stop >/dev/null || fail "the server does not stop"
}

sql() {
	as psql -h "$work/sockets" -d postgres -qAtX -v ON_ERROR_STOP=1 -c "$1"
}

# The money is all there: each transaction changes the three sums alike, and writes
# one line of history.
check_database() {
	sums=$(sql "select (select sum(abalance) from pgbench_accounts), (select sum(bbalance) from
		pgbench_branches), (select sum(tbalance) from pgbench_tellers),
		(select coalesce(sum(delta), 0) from pgbench_history)")
	expect_same "$(echo "$sums" | tr '|' '\n' | sort -u | wc -l)" 1 "sums $sums"
	! have pg_amcheck || as pg_amcheck -h "$work/sockets" --install-missing --heapallindexed postgres >/dev/null 2>&1 ||
		fail "pg_amcheck finds damage"
}

# The server's: all of them work in the directory of its data.
server_processes() {
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/cwd")" != "$data" ] || echo "${process#/proc/}"
	done
}

# No server is left behind, however the test ends.
end_server() {
	status=$?
	for process in $(server_processes 2>/dev/null); do
		kill -s KILL "$process" 2>/dev/null || :
	done
	(exit $status) || clean_up
	clean_up
}
trap end_server EXIT

bench() {
	as pgbench -h "$work/sockets" -n -c 4 -j 2 "$@" postgres
}

new_store s
mount_it
chmod 755 "$work/s"
data=$work/s/data
mkdir -m 700 "$data"
[ -z "$as_user" ] || chown 65534:65534 "$data"

section "initdb, with checksums"
as "$initdb" -k -D "$data" -A trust --no-locale -E UTF8 >/dev/null || fail "initdb"

section "pgbench"
start
as pgbench -h "$work/sockets" -q -i -s 5 postgres 2>/dev/null
expect_same "$(sql 'select count(*) from pgbench_accounts')" 500000
bench -t 500 2>/dev/null | grep -E '^(tps|number of transactions actually)'
expect_same "$(sql 'select count(*) from pgbench_history')" 2000
check_database

section "the server killed"
bench -T 600 >/dev/null 2>&1 &
pid=$!
until [ "$(sql 'select count(*) > 3000 from pgbench_history')" = t ]; do :; done
stop immediate
wait $pid && fail "pgbench survives its server"
start
check_database

section "the daemon killed"
bench -T 600 >/dev/null 2>&1 &
pid=$!
before=$(sql 'select count(*) from pgbench_history')
until [ "$(sql 'select count(*) from pgbench_history')" -gt $((before + 500)) ]; do :; done
told=$(sql 'select count(*) from pgbench_history')
processes=$(server_processes)
kill -s KILL "$(cat "$work/s.pid")"
await_end s
wait $pid && fail "pgbench survives its file system"
# They live on without a file system till they notice.
for process in $processes; do
	kill -s KILL "$process" 2>/dev/null || :
done
for process in $processes; do
	while is_running "$process"; do
		sleep 0.05
	done
done
mount_it
rm -f "$data/postmaster.pid"
start
[ "$(sql 'select count(*) from pgbench_history')" -ge "$told" ] || fail "committed transactions are lost"
check_database
stop fast
as pg_checksums --check -D "$data" >/dev/null || fail "pg_checksums finds damage"

section "a last start, after a remount"
unmount s
mount_it
start
check_database
stop fast
unmount s
