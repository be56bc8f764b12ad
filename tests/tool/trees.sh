#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# import and export: a tree comes back as it was, and nothing is written elsewhere.
. "${srcdir:-.}/tests/tool/lib.sh"

# All that is kept of a tree: kind, mode, owner, size, links, time, target, content.
picture() {
	(cd "$1" && find . -mindepth 1 -printf '%P %y %m %U %G %n %T@ %l\n' | sed 's/\( d [0-9]* [0-9]* [0-9]* \)[0-9]*/\1-/' | sort
	 find . -type f -printf '%P\0' | sort -z | xargs -0 -r cksum)
}

mkdir -p tree/sub/deep tree/empty 'tree/odd name' tree/private
echo one >tree/one
: >tree/nothing
head -c 100000 /dev/urandom >tree/sub/random
printf '#!/bin/sh\n' >tree/sub/run
ln -s ../one tree/sub/link
ln -s /nonexistent/target tree/dangling
ln -s sub tree/dirlink
ln tree/one tree/sub/hard
ln tree/one tree/harder
mkfifo tree/fifo
touch "tree/odd name/$(printf 'new\nline')" "tree/odd name/$(printf 'raw\377')"
truncate -s 20M tree/sparse && echo end >>tree/sparse
chmod 4755 tree/sub/run
chmod 600 tree/sub/random
chmod 1777 tree/empty
echo secret >tree/private/secret
if [ "$(id -u)" -eq 0 ]; then
	chown 12345:54321 tree/nothing tree/empty
	chown -h 12345:54321 tree/dangling
	mknod tree/device c 1 3 2>/dev/null || true
fi
touch -h -d '2001-02-03 04:05:06.789012345' tree/one tree/dangling tree/sub
touch -d '1960-01-01 00:00:00.5' tree/nothing
if has setfattr && setfattr -n user.note -v kept tree/one 2>/dev/null; then
	setfattr -n user.empty tree/sub
	setfattr -n user.note -v 'of a sparse one' tree/sparse
	[ "$(id -u)" -ne 0 ] || setfattr -h -n trusted.of -v 'a link' tree/dangling
	if has setfacl; then
		setfacl -m u:12345:r tree/harder
		setfacl -d -m g:54321:rx tree/sub
	fi
	has_xattrs=yes
fi
chmod 500 tree/private
touch -d '2010-01-01' tree/private
picture tree >wanted

# The extended attributes of a tree, access control lists among them.
attributes() {
	[ -z "${has_xattrs-}" ] || (cd "$1" && find . -mindepth 1 -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex)
}
attributes tree >wanted.attributes

works create s.srd
works import s.srd tree
works export s.srd out.tree
picture out.tree | diff wanted - || fail 'a tree without prefix'
same 'holes' 1 "$(($(stat -c %b out.tree/sparse) < 1000))"
works import --no-sync s.srd tree below/here
works export s.srd out.below below/here
picture out.below | diff wanted - || fail 'a tree below a prefix'
attributes out.tree | diff wanted.attributes - || fail 'extended attributes'
same 'attributes of the top' "$(stat -c '%a %Y' tree)" "$(stat -c '%a %Y' out.below)"
if has rsync; then
	same 'what rsync would do' '' "$(rsync -aHn --delete --itemize-changes tree/ out.below/)"
fi

# What is no file has no value, but says what it is.
refuses 1 'srd get: s.srd: dangling: is a symlink, which has no value; srd stat tells where to' get s.srd dangling
refuses 1 'srd get: s.srd: fifo: is a fifo, socket or device, which has no value; srd stat tells which' \
	get s.srd fifo
works stat s.srd dangling
grep -q '^  kind      symlink to /nonexistent/target$' out || fail 'stat of a symlink'
works ls -l s.srd dangling
grep -q ' dangling -> /nonexistent/target$' out || fail 'ls -l of a symlink'

# Once more over what is there: links stay links, and changes arrive.
chmod 700 tree/private
rm tree/harder && echo apart >tree/harder
rm tree/dangling && echo 'file now' >tree/dangling
ln -sf two tree/dirlink
picture tree >wanted
works import s.srd tree below/here
works export s.srd out.again below/here
picture out.again | diff wanted - || fail 'a tree imported again'
refuses 1 'srd export: out.again: the directory is not empty; name a new one, or use --force to overwrite' \
	export s.srd out.again below/here
echo stray >out.again/one
ln -sf "$work/outside" out.again/harder
works export --force s.srd out.again below/here
picture out.again | diff wanted - || fail 'a tree exported over another'
[ ! -e outside ] || fail 'export wrote through a symlink'

"$srd" put s.srd s.srd <wanted
"$srd" export --force s.srd . >out 2>err
same 'export over the store: status' 1 $?
same 'export over the store' 'srd export: s.srd: is the store itself; choose another file' "$(cat err)"
works verify s.srd

# A directory that was replaced by a symlink does not lead outside.
mkdir elsewhere
mkdir out.trap && ln -s ../elsewhere out.trap/sub
"$srd" export --force s.srd out.trap >out 2>err
same 'export over a symlink to a directory: status' 1 $?
same 'what that wrote elsewhere' '' "$(ls -A elsewhere)"
grep -q '^srd export: out.trap/sub.*: Not a directory$' err || fail "export over a symlink: $(head -3 err)"

# What cannot be taken is said, the rest is taken.
mkdir -p bad/.srd bad/file/x && echo inner >bad/.srd/x && echo y >bad/file/x/y && echo z >bad/z
works create b.srd
"$srd" put b.srd file <wanted
"$srd" import b.srd bad >out 2>err
same 'import of what cannot be: status' 1 $?
same 'lines of that' 2 "$(wc -l <err)"
grep -q '^srd import: b.srd: .srd: ' err || fail 'no word of .srd'
grep -q '^srd import: b.srd: file: ' err || fail 'no word of the file in the way'
same 'what was taken' 'file z ' "$("$srd" ls b.srd | tr '\n' ' ')"
works import b.srd bad/.srd sub
mkdir -p way/z && echo q >way/q
mkdir -p way2 && echo file >way2/sub
"$srd" import b.srd way2 >out 2>err
same 'a file where a directory is: status' 1 $?
same 'a file where a directory is' 'srd import: b.srd: sub: is a directory; srd ls lists what is in it' "$(cat err)"

# The store itself, within the tree that it takes.
mkdir self && works create self/s.srd && echo x >self/x
works import self/s.srd self
same 'the store in its own tree' 'x ' "$("$srd" ls self/s.srd | tr '\n' ' ')"

# Progress on request, never unasked where there is no terminal.
"$srd" import --progress b.srd tree again 2>err || fail 'import --progress'
"$srd" export --progress b.srd out.progress again 2>err || fail 'export --progress'

refuses 1 'srd import: none: No such file or directory' import s.srd none
refuses 1 'srd import: tree/one: Not a directory' import s.srd tree/one
refuses 1 'srd import: none.srd: no such store; srd create makes one' import none.srd tree
refuses 1 'srd export: none.srd: no such store; srd create makes one' export none.srd x
refuses 1 'srd export: s.srd: none: no such key; srd ls lists them' export s.srd x none
refuses 1 'srd export: s.srd: one: is not a directory; srd get writes a single value' export s.srd x one
refuses 1 'srd export: tree/one: Not a directory' export s.srd tree/one
refuses 1 'srd export: no/dir: No such file or directory' export s.srd no/dir
[ ! -e x ] || fail 'a failed export made a directory'
works verify s.srd
works verify b.srd
finish
