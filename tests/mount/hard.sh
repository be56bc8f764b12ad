# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# hard.sh - a tree that is hard on programs which copy; sourced behind common.sh.
#
#     make_tree DIRECTORY      everything that a tree can hold
#     same_tree ONE OTHER      fails unless they agree in all of it
#
# What the file system of $work cannot hold (attributes on some, devices for an
# ordinary user) is left out, so that the tree can be carried either way.

is_root() {
	[ "$(id -u)" = 0 ]
}

# Names that break scripts and terminals, and times that break formats.
make_names() {
	name=$(printf 'n%.0s' $(seq 255))
	echo long >"$1/$name"
	echo newline >"$1/new
line"
	echo utf8 >"$1/grüße-世界"
	echo latin1 >"$1/$(printf 'gr\374\337e')"
	echo control >"$1/$(printf 'a\001b\033[31mc\177')"
	echo space >"$1/ leading and trailing "
	echo dash >"$1/-rf"
	echo star >"$1/*?[x]"
	echo backslash >"$1/back\\slash\"quote'"
	echo dots >"$1/..."
}

make_times() {
	echo old >"$1/old"
	touch -d '1960-05-06 07:08:09.123456789' "$1/old"
	echo eve >"$1/eve"
	touch -d '1969-12-31 23:59:59.999999999 UTC' "$1/eve"
	echo future >"$1/future"
	touch -d '2100-01-02 03:04:05.987654321' "$1/future"
	touch -d '2040-01-02 03:04:05.000000001' "$1/many"
	touch -h -d '2001-01-01 01:01:01.5' "$1/dangling"
}

make_contents() {
	: >"$1/nothing"
	printf '\0' >"$1/nul"
	head -c 70000 /dev/zero >"$1/zeros"
	head -c 3000000 /dev/urandom >"$1/random"
	truncate -s 10M "$1/sparse"
	printf end | dd of="$1/sparse" bs=1 seek=9000000 conv=notrunc status=none
	truncate -s 5M "$1/hole"
}

# Hard links in and across directories, symlinks, special files.
make_kinds() {
	ln "$1/random" "$1/deep/random-again"
	ln "$1/random" "$1/deep/er/random-thrice"
	ln -s ../random "$1/deep/link"
	ln -s nowhere "$1/dangling"
	ln -s "$(printf 't%.0s' $(seq 2000))" "$1/long-target"
	ln "$1/dangling" "$1/deep/dangling-again"
	mkfifo -m 640 "$1/fifo"
	(cd "$1" && perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die')
	is_root || return 0
	mknod -m 620 "$1/character" c 5 1
	mknod -m 660 "$1/block" b 259 1048575
	chown 12345:54321 "$1/nothing"
	chown -h 1:2 "$1/dangling"
	chown 4294967294:4294967294 "$1/empty"
}

make_attributes() {
	chmod 4751 "$1/nul"
	chmod 2755 "$1/deep"
	chmod 1777 "$1/empty"
	! is_root || chmod 000 "$1/hole"
	if have setfattr && setfattr -n user.one -v 'a value' "$1/zeros" 2>/dev/null; then
		setfattr -n user.empty "$1/zeros"
		setfattr -n user.binary -v "0x00ff000a0d" "$1/deep"
		setfattr -n "user.$(printf 'x%.0s' $(seq 200))" -v "$(printf 'v%.0s' $(seq 2500))" "$1/random"
		! is_root || setfattr -n trusted.t -v secret "$1/zeros"
	fi
	if have setfacl && setfacl -m u:1234:rw-,g:77:r--,m::rwx "$1/many/file-0" 2>/dev/null; then
		setfacl -m u:1234:rwx "$1/deep"
		setfacl -d -m u:99:r-x,g:98:--- "$1/deep"
	fi
	if is_root && have setcap; then
		setcap cap_net_raw+ep "$1/many/file-1" 2>/dev/null || :
	fi
}

make_tree() {
	mkdir -p "$1/deep/er/and/deeper" "$1/many" "$1/empty"
	i=0
	while [ $i -lt 700 ]; do
		echo "content of $i" >"$1/many/file-$i"
		i=$((i + 1))
	done
	make_names "$1"
	make_contents "$1"
	make_kinds "$1"
	make_attributes "$1"
	make_times "$1"
}

# Everything but contents.  A directory's size is its file system's own business.
attributes() {
	(
		cd "$1"
		find . ! -type d -printf '%p %y %m %n %U:%G %s %T@ %l\n' -o -printf '%p %y %m %n %U:%G %T@\n' | sort
		find . \( -type b -o -type c \) -exec stat -c '%n %t %T' {} + | sort
		! have getfattr || getfattr -R -P -h -d -m - -e hex . 2>/dev/null | sort
		! have getfacl || getfacl -R -P -n . 2>/dev/null | sort
	)
}

# Contents by checksum: diff would wait at a FIFO.
contents() {
	(cd "$1" && find . -type f -print0 | sort -z | xargs -0 cksum)
}

same_tree() {
	attributes "$1" >"$work/attributes-1"
	attributes "$2" >"$work/attributes-2"
	diff -a "$work/attributes-1" "$work/attributes-2" || fail "attributes of $1 and $2 differ"
	contents "$1" >"$work/contents-1"
	contents "$2" >"$work/contents-2"
	diff -a "$work/contents-1" "$work/contents-2" || fail "contents of $1 and $2 differ"
}
