# SPDX-License-Identifier: Apache-2.0
# lib.sh - what tools/quickstart and tools/test share: the packages a build needs
# and the build itself.  Sourced by bash, with $top set to the source tree.
# shellcheck shell=bash disable=SC2154

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# What is needed, how to see that it is there, and Debian's package for it.
requirements() {
	cat <<-'EOF'
	command cc          gcc
	command make        make
	command autoreconf  autoconf
	command automake    automake
	command libtoolize  libtool
	command pkg-config  pkgconf
	command rsync       rsync
	command diff        diffutils
	command fusermount3 fuse3
	header  stdlib.h    libc6-dev
	module  fuse3       libfuse3-dev
	module  libxxhash   libxxhash-dev
	module  libseccomp  libseccomp-dev
	module  check       check
	header  lmdb.h      liblmdb-dev
	EOF
}

# What only tests use, which are skipped without it.
test_programs() {
	cat <<-'EOF'
	command git         git
	command sqlite3     sqlite3
	command getfattr    attr
	command setfattr    attr
	command zip         zip
	command unzip       unzip
	command python3     python3
	command setfacl     acl
	command setcap      libcap2-bin
	command patch       patch
	command cpio        cpio
	EOF
}

is_there() {
	case $1 in
	command) command -v "$2" ;;
	module) command -v pkg-config && pkg-config --exists "$2" ;;
	header) command -v cc && echo "#include <$2>" | cc -E - ;;
	esac >/dev/null 2>&1
}

# Those of list $1 (requirements or test_programs), on one line.
missing_packages() {
	local kind name package

	"$1" | while read -r kind name package; do
		is_there "$kind" "$name" || echo "$package"
	done | sort -u | paste -sd ' '
}

# Runs a command as root: directly, or by sudo, which may ask if there is somebody to ask.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null
}

# Installs what is missing of list $1.  What it cannot have it names in one line.
install_missing() {
	local list=$1 packages log

	# fusermount3 reads it; roots without systemd lack it.
	[ -e /etc/mtab ] || as_root ln -s ../proc/self/mounts /etc/mtab 2>/dev/null ||
		die "missing: /etc/mtab; have root run: ln -s ../proc/self/mounts /etc/mtab"
	packages=$(missing_packages "$list")
	[ -n "$packages" ] || return 0
	command -v apt-get >/dev/null ||
		die "missing: $packages (Debian's names); install them and start again"
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
		die "missing: $packages; have root run: apt-get install $packages"
	echo "installing $packages"
	log=$(mktemp)
	# shellcheck disable=SC2086 # a list of words
	if ! apt install -y --no-install-recommends $packages >"$log" 2>&1; then
		# No lists of packages yet, or old ones.
		if ! { apt update && apt install -y --no-install-recommends $packages; } >"$log" 2>&1; then
			packages="$packages: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")"
			rm -f "$log"
			die "cannot install $packages"
		fi
	fi
	rm -f "$log"
	reconfigure=yes
	packages=$(missing_packages "$list")
	[ -z "$packages" ] || die "missing still, after installing: $packages"
}

# The files that autoconf and automake make: there, fresh, and of this automake.
source_is_prepared() {
	[ -x "$top/configure" ] || return 1
	grep -q "by aclocal $(automake --version | sed -n '1s/.* //p') " "$top/aclocal.m4" 2>/dev/null || return 1
	[ -z "$(find "$top" -path "$top/build" -prune -o \( -name configure.ac -o -name Makefile.am \
		-o -name Makemodule.am \) -newer "$top/configure" -print)" ]
}

# Runs a command, quietly unless it fails.
quietly() {
	local log=$1
	shift

	"$@" >>"$log" 2>&1 && return
	tail -n 30 "$log" >&2
	die "failed: $* (all of it: $log)"
}

# Builds in folder $1, with the other arguments for configure.
build() {
	local dir=$1 log=$1/build.log
	shift

	[ ! -e "$top/config.status" ] || die "$top holds a build of its own; run make distclean there first"
	mkdir -p "$dir" 2>/dev/null || die "cannot write to $top; start from a copy of your own"
	: >"$log"
	cd "$dir" || exit
	source_is_prepared || { quietly "$log" autoreconf -fi "$top" && reconfigure=yes; }
	if [ "${reconfigure-}" ] || [ ! -f Makefile ] || [ "$(cat configured 2>/dev/null)" != "$*" ]; then
		quietly "$log" "$top/configure" "$@"
		echo "$*" >configured
	fi
	quietly "$log" make -j"$(nproc)"
}
