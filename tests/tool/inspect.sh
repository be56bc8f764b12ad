#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# info, verify, dump, sync, --exclusive: what a store is said to be, sound and damaged.
. "${srcdir:-.}/tests/tool/lib.sh"

works create s.srd
works verify s.srd
grep -q '^s.srd: sound: 1 records, 0 commits' out || fail "verify of an empty store: $(cat out)"
works info s.srd
grep -q '^files  *0$' out || fail 'info of an empty store'
works dump s.srd
same 'dump of an empty store' 2 "$(wc -l <out)"
works dump --json s.srd

head -c 200000 /dev/urandom >random
for i in 1 2 3 4 5; do
	"$srd" put --no-sync s.srd "dir/key $i" random || fail "put $i"
done
echo small | "$srd" put s.srd "$(printf 'od\nd')"
works sync s.srd
works info s.srd
for line in '^files  *6$' '^directories  *[12]$' '^commits  *[0-9]*, the last 20'; do
	grep -q "$line" out || fail "info: no line $line: $(cat out)"
done
works verify s.srd
grep -q '^s.srd: sound: ' out || fail "verify: $(cat out)"
works dump s.srd
records=$(tail -n +2 out | wc -l)
works dump -o s.srd
ops=$(tail -n +2 out | wc -l)
[ "$ops" -gt "$records" ] || fail 'dump -o shows no operations'
grep -q 'od\\nd' out || fail 'dump does not escape'
"$srd" dump -o s.srd >/dev/full 2>err
same 'dump to a full disk' 1 $?

grep -q '^image  *none' out || works info s.srd
grep -q '^image  *none' out || fail 'info: an image where there is little to replay'

# An image comes with many files, is shown, and can be deleted.
mkdir many
(cd many && seq 1 3000 | xargs touch)
works create many.srd
works import -q many.srd many
[ -f many.srd.idx ] || fail 'no image after a large import'
works info many.srd
grep -q '^image  *[0-9]* (.*), saved ' out || fail "info of a store with an image: $(cat out)"
works ls many.srd
cp out listing
rm many.srd.idx
works ls many.srd
cmp -s out listing || fail 'a store without its image lists differently'
works info many.srd
grep -q '^image  *none' out || fail 'info shows an image that is not there'
works sync many.srd
[ -f many.srd.idx ] || fail 'sync saves no image'
works info s.srd

if has python3; then
	"$srd" info --json s.srd >info.json
	"$srd" verify --json s.srd >verify.json
	"$srd" dump --json --ops s.srd >dump.json
	RECORDS=$records OPS=$ops python3 - <<'PYTHON' || fail 'JSON'
import json, os
info = json.load(open("info.json"))
assert info["files"] == 6 and info["damaged_records"] == 0 and len(info["uuid"]) == 36
assert info["end"] <= info["file_bytes"] and info["created_ns"] > 10**18
verify = json.load(open("verify.json"))
assert verify["sound"] is True and verify["damage"] == [] and verify["damages"] == 0
assert verify["records"] == int(os.environ["RECORDS"])
dump = json.load(open("dump.json"))
assert len(dump) == int(os.environ["OPS"])
assert {d["type"] for d in dump} == {"record", "op"}
PYTHON
fi

# One flipped byte of payload costs that value and nothing else.
cp s.srd rot.srd
offset=$("$srd" stat --json s.srd 'dir/key 3' | sed -n 's/.*"offset": \([0-9]*\).*/\1/p')
at=$((offset + 100000))
byte=$(od -An -tu1 -j $at -N 1 rot.srd)
printf '%b' "\\0$(printf %03o $((byte ^ 1)))" | dd of=rot.srd bs=1 seek=$at conv=notrunc status=none
"$srd" verify rot.srd >out 2>err
same 'verify of rot: status' 1 $?
grep -q '^damaged: offset [0-9]*, [0-9]* bytes: dir/key 3: ' out || fail "verify of rot: $(cat out)"
grep -q '^rot.srd: damaged: 1 place, ' out || fail "summary of rot: $(cat out)"
refuses 1 'srd get: rot.srd: dir/key 3: damaged: the bytes do not match their checksum; srd verify says where' \
	get rot.srd 'dir/key 3'
works get rot.srd 'dir/key 4'
cmp random out || fail 'a sound value beside a damaged one'
works get --length=64K rot.srd 'dir/key 3'
same 'the sound part of a damaged value' "$(head -c 65536 random | cksum)" "$(cksum <out)"
"$srd" export rot.srd rot.out >out 2>err
same 'export of rot: status' 1 $?
same 'export of rot' 'srd export: rot.srd: dir/key 3: damaged: the bytes do not match their checksum; srd verify says where' "$(cat err)"
cmp random 'rot.out/dir/key 5' || fail 'export stops at rot'
if has python3; then
	"$srd" verify --json rot.srd >rot.json && fail 'verify --json of rot succeeds'
	python3 -c 'import json; v = json.load(open("rot.json"))
assert v["sound"] is False and v["damages"] == 1 and v["damage"][0]["key"] == "dir/key 3", v' ||
		fail 'JSON of rot'
fi

# A torn tail is no damage.
head -c $(($(stat -c %s s.srd) - 10)) s.srd >torn.srd
works verify torn.srd
head -c 5000 /dev/zero | cat s.srd - >zeros.srd
works verify zeros.srd

head -c 100 s.srd >short.srd
echo text >text.srd
for command in info verify dump ls sync; do
	refuses 1 "srd $command: none.srd: no such store; srd create makes one" $command none.srd
	refuses 1 "srd $command: text.srd: not a store; name a file that srd create made" $command text.srd
	"$srd" $command short.srd >out 2>err
	same "$command of a cut superblock: status" 1 $?
	same "$command of a cut superblock: lines" 1 "$(wc -l <err)"
	"$srd" $command . >out 2>err
	same "$command of a directory: status" 1 $?
	same "$command of a directory: lines" 1 "$(wc -l <err)"
done
"$srd" info s.srd >/dev/full 2>err
same 'info to a full disk' 1 $?

# A store of the Rust program: "hello", its key's hash, where it begins, its CRC-32;
# and one whose last append was torn.
printf 'helloHASHHASH\0\0\0\0\0\0\0\0\206\246\020\066' >rust.bin
cp rust.bin torn.bin
printf 'an append that was never finished' >>torn.bin
for file in rust.bin torn.bin; do
	refuses 1 "srd info: $file: is a store of the Rust simd-r-drive, of another format; read it with that program and import its values" \
		info $file
done
printf 'helloHASHHASH\0\0\0\0\0\0\0\0\206\246\020\067' >rust.bin
refuses 1 'srd info: rust.bin: not a store; name a file that srd create made' info rust.bin

# A store held alone says by whom; one that is open elsewhere cannot be had alone.
# A reader whose output nobody takes holds it; its first byte says that it does.
mkfifo hold
hold() {
	"$srd" get "$@" s.srd 'dir/key 1' >hold &
	holder=$!
	exec 3<hold
	head -c 1 <&3 >/dev/null
}
let_go() {
	cat <&3 >/dev/null
	exec 3<&-
	wait $holder
	same 'the holder: status' 0 $?
}
hold
refuses 1 'srd info: s.srd: the store is in use by another process; end that one or wait for it' \
	info --exclusive s.srd
works info s.srd
let_go
hold --exclusive
for command in info ls verify dump sync; do
	"$srd" $command s.srd >out 2>err
	same "$command of a store held: status" 1 $?
	grep -q "^srd $command: s.srd: held exclusively by pid $holder on .* since .*; end that process or wait for it$" err ||
		fail "$command of a store held: $(cat err)"
done
let_go
works info --exclusive s.srd
finish
