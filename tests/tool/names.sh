#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ls, stat, rm, mv, cp: what they do to names, on one store and between two.
. "${srcdir:-.}/tests/tool/lib.sh"

put() {
	printf %s "$2" | "$srd" put --no-sync "${3:-s.srd}" "$1" || fail "put $1"
}
keys() {
	"$srd" ls "$@" | tr '\n' ' '
}
value() {
	same "value of $2" "$3" "$("$srd" get "$1" "$2" 2>&1)"
}

works create s.srd
for key in b a dir/two dir/one dir/sub/x dirt "$(printf 'odd\033\nname')" "$(printf 'raw\377')"; do
	put "$key" "value of $key"
done

# ---- ls ----
same 'ls' "a b dir/one dir/sub/x dir/two dirt $(printf 'odd\033\nname' | tr '\n' ' ') $(printf 'raw\377') " "$(keys s.srd)"
same 'ls PREFIX' 'dir/one dir/sub/x dir/two dirt ' "$(keys s.srd dir)"
same 'ls PREFIX/' 'dir/one dir/sub/x dir/two ' "$(keys s.srd dir/)"
same 'ls of nothing' '' "$(keys s.srd zzz)"
same 'ls -d' 'dir dir/one dir/sub dir/sub/x dir/two dirt ' "$(keys -d s.srd dir)"
same 'ls -0' 8 "$("$srd" ls -0 s.srd | tr -cd '\0' | wc -c)"
same 'ls -U' "$("$srd" ls -0 s.srd | sort -z | cksum)" "$("$srd" ls -0U s.srd | sort -z | cksum)"
works ls -l s.srd dir/one
grep -qE '^-rw-r--r-- +1 +[0-9]+ +[0-9]+ +16 [0-9-]{10} [0-9:]{8} dir/one$' out || fail "ls -l: $(cat out)"
if has script; then
	same 'ls on a terminal' 'odd\x1b\nname raw\xff ' \
		"$(script -qec "'$srd' ls s.srd odd; '$srd' ls s.srd raw" /dev/null | tr '\r\n' '  ' | tr -s ' ')"
fi
"$srd" ls s.srd >/dev/full 2>err
same 'ls to a full disk' 1 $?
refuses 1 'srd ls: none.srd: no such store; srd create makes one' ls none.srd

# ---- JSON ----
if has python3; then
	"$srd" ls --json s.srd >ls.json
	"$srd" stat --json s.srd a dir >stat.json
	"$srd" ls --json s.srd zzz >empty.json
	python3 - <<'PYTHON' || fail 'JSON'
import json
keys = json.load(open("ls.json"))
assert [k["key"] for k in keys] == ["a", "b", "dir/one", "dir/sub/x", "dir/two", "dirt",
                                    "odd\x1b\nname", "raw\u00ff"], keys
assert keys[-1]["key_hex"] == b"raw\xff".hex() and "key_hex" not in keys[0]
assert keys[0]["kind"] == "file" and keys[0]["size"] == 10 and keys[0]["mode"] & 0o170000 == 0o100000
a, d = json.load(open("stat.json"))
assert a["key"] == "a" and d["kind"] == "directory" and a["mtime_ns"] > 10**18
assert int(a["checksum"], 16) > 0 and len(a["checksum"]) == 16 and a["nlink"] == 1
assert json.load(open("empty.json")) == []
PYTHON
fi

# ---- stat ----
works stat s.srd a dir
for line in '^a$' '^  kind      file$' '^  size      10 (10 stored)$' '^dir$' '^  kind      directory$'; do
	grep -q "$line" out || fail "stat: no line $line"
done
refuses 1 'srd stat: s.srd: none: no such key; srd ls lists them' stat s.srd none
"$srd" stat s.srd none a >out 2>err
same 'stat goes on after a failure' 'a' "$(head -1 out)"

# ---- mv ----
works mv s.srd a moved/a
value s.srd moved/a 'value of a'
refuses 1 'srd mv: s.srd: a: no such key; srd ls lists them' mv s.srd a again
works mv s.srd moved/a b
value s.srd b 'value of a'
works mv s.srd dir dir2
value s.srd dir2/sub/x 'value of dir/sub/x'
refuses 1 'srd mv: s.srd: dir2/sub/y: lies below what is to be moved; choose another place' mv s.srd dir2 dir2/sub/y
refuses 1 'srd mv: s.srd: dir2: is a directory; srd ls lists what is in it' mv s.srd b dir2
"$srd" mv s.srd b .srd/b 2>err && fail 'mv into .srd'
same 'mv into .srd: lines' 1 "$(wc -l <err)"

# ---- cp ----
works cp s.srd b c/copy
value s.srd c/copy 'value of a'
put b changed
value s.srd c/copy 'value of a'
refuses 1 'srd cp: s.srd: none: no such key; srd ls lists them' cp s.srd none x
refuses 1 'srd cp: s.srd: dir2: is a directory; srd cp -r copies it' cp s.srd dir2 dir3
refuses 1 'srd cp: s.srd: dir2/x: is what is to be copied, or lies below it; choose another place' cp -r s.srd dir2 dir2/x
works cp -r s.srd dir2 dir3
same 'cp -r' "$("$srd" ls s.srd dir2/ | sed s/dir2/dir3/)" "$("$srd" ls s.srd dir3/)"
works create t.srd
works cp s.srd:b t.srd:there/b
value t.srd there/b changed
works cp -r s.srd:dir2 t.srd:dir
value t.srd dir/sub/x 'value of dir/sub/x'
works cp ./s.srd:b s.srd:same
value s.srd same changed
works create 'odd:name.srd'
works cp 's.srd:b' 'odd:name.srd:with:colon'
value odd:name.srd with:colon changed
refuses 1 'srd cp: none.srd: no such store; srd create makes one' cp none.srd:a t.srd:a
refuses 1 'srd cp: none.srd: no such store; srd create makes one' cp s.srd:b none.srd:a
head -c 20000000 /dev/zero | "$srd" put s.srd large
before=$(stat -c %s s.srd)
works cp s.srd large large2
[ $(($(stat -c %s s.srd) - before)) -lt 65536 ] || fail 'a copy within a store takes space'
works cp s.srd:large t.srd:large
same 'a large value in another store' "$("$srd" get s.srd large | cksum)" "$("$srd" get t.srd large | cksum)"

# ---- rm ----
works rm s.srd b
refuses 1 'srd rm: s.srd: b: no such key; srd ls lists them' rm s.srd b
works rm -f s.srd b
refuses 1 'srd rm: s.srd: dir2: the directory is not empty; srd rm -r removes it with all in it' rm s.srd dir2
works rm -r s.srd dir2 dir3 dirt
same 'after rm -r' '' "$(keys -d s.srd dir)"
works rm s.srd c/copy c
refuses 1 'srd rm: s.srd: x//y: the key has an empty component: two slashes in a row' rm s.srd x//y
works verify s.srd
works verify t.srd
finish
