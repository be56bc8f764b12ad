#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SQLite in each of its journal modes: several processes at once, the client killed,
# the daemon killed.  What was acknowledged is there, half a transaction never is, and
# the database finds itself sound.
. "${srcdir:-.}/tests/mount/common.sh"

have sqlite3 || { echo "skipped: no sqlite3"; exit 77; }

new_store s
mount_store s
m=$work/s
db=$m/db

sql() {
	sqlite3 -batch -bail -cmd '.timeout 60000' "$db" "$@" </dev/null
}

# Makes an empty database with journals of the given mode.
begin() {
	rm -f "$db" "$db"-*
	expect_same "$(sql "pragma journal_mode=$1")" "$1"
	sql 'create table t(i integer primary key, x blob); create table total(n integer);
		create index u on t(x); insert into total values(0)'
}

# COUNT transactions, each of which tells once it is committed.
transactions() {
	echo '.timeout 60000'
	echo 'pragma synchronous=full;'
	i=0
	while [ $i -lt "$1" ]; do
		i=$((i + 1))
		echo "begin immediate; insert into t values(NULL, randomblob($((i % 9 * 700))));"
		echo "update total set n = n + 1; commit; select max(i) from t;"
	done
}

# The rows are as many as were counted with them, and at least $1.
check_database() {
	expect_same "$(sql 'pragma integrity_check')" ok
	rows=$(sql 'select count(*) from t')
	expect_same "$(sql 'select n from total')" "$rows" "rows counted"
	[ "$rows" -ge "$1" ] || fail "acknowledged rows are lost: $rows of $1 are left"
}

# A client that would write for long; its pid in $client.
start_client() {
	: >"$work/told"
	transactions 100000 2>/dev/null | stdbuf -oL sqlite3 -batch "$db" >"$work/told" 2>/dev/null &
	client=$!
}

# Until it was told that $1 transactions are committed.
await_told() {
	until [ "$(wc -l <"$work/told")" -ge "$1" ]; do
		is_running "$client" || fail "the client has ended"
		sleep 0.02
	done
}

# Without its daemon it may have ended by itself, of one error after another.
kill_client() {
	kill -s KILL "$client" 2>/dev/null || :
	wait "$client" 2>/dev/null || :
}

# Lines that are whole: the last may be torn.
told() {
	sed -n '$!p' "$work/told" | tail -n 1
}

for mode in delete truncate persist wal; do
	section "$mode: four processes"
	begin $mode
	pids=
	for process in 1 2 3 4; do
		transactions 25 | sqlite3 -batch -bail "$db" >"$work/out-$process" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || fail "a client failed"
	done
	check_database 100
	expect_same "$rows" 100

	section "$mode: the client killed"
	start_client
	await_told 20
	kill_client
	check_database "$(told)"

	section "$mode: the daemon killed"
	start_client
	await_told 20
	kill -s KILL "$(cat "$work/s.pid")"
	await_end s
	kill_client
	mount_store s
	check_database "$(told)"
	sql 'vacuum'
	check_database "$(told)"
done

section "a dump outside is a dump inside, after a remount"
sql '.dump' >"$work/dump"
remount s
sql '.dump' | cmp - "$work/dump" || fail "another dump"
sqlite3 "$m/copy" <"$work/dump"
expect_same "$(sqlite3 "$m/copy" '.dump' | cksum)" "$(cksum <"$work/dump")"
unmount s
