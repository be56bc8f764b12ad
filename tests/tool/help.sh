#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: --help and the man page say the same, wrong usage is one line and status 2.
. "${srcdir:-.}/tests/tool/lib.sh"

page=$top/tools/man/srd.1
commands="create put get ls stat rm mv cp import export info verify repair salvage snapshot log restore undelete diff compact map txn commit abort dump sync backup trim help"

# The part of the man page about command $1, without markup.
section() {
	sed -n "/^\.SS $1\$/,/^\.S[SH]/p" "$page" | sed -e 's/\\-/-/g' -e 's/\\f[BIR]//g'
}
common() {
	sed -n '/^\.SH COMMON OPTIONS/,/^\.SH JSON/p' "$page" | sed -e 's/\\-/-/g'
}

listed=$("$srd" help | sed -n 's/^  \([a-z]*\)  *[A-Z].*/\1/p' | tr '\n' ' ')
same 'commands of srd help' "$commands " "$listed"
documented=$(sed -n 's/^\.SS //p' "$page" | tr '\n' ' ')
same 'commands of the man page' "$commands " "$documented"
same 'commands of the completion' "$commands" \
	"$(sed -n 's/.*local commands=(\(.*\))/\1/p' "$top/tools/completions/srd")"

for command in $commands; do
	works "$command" --help
	usage=$(sed -n '1s/^usage: //p' out)
	section "$command" | grep -qFx -- "$usage" || fail "$command: '$usage' is not in the man page"
	for option in $(grep -oE '^ .{4} --[a-z-]+' out | sed 's/.*--/--/'); do
		{ section "$command"; common; } | grep -qE -- "$option( |\$|[^a-z-])" ||
			fail "$command: option $option is not in the man page"
	done
	for option in $(section "$command" | sed -n 's/^\.BR.* \(--[a-z-]*\).*/\1/p'); do
		grep -q -- " $option" out || fail "$command: option $option is not in --help"
	done
	works "$command" --version
	same "$command --version" "$("$srd" --version)" "$(cat out)"
	works help "$command"
	same "help $command" "usage: $usage" "$(head -1 out)"
	refuses 2 "srd $command: unknown option '--nonsense'; see srd $command --help" \
		"$command" --nonsense
	refuses 2 "srd $command: unknown option '-Z'; see srd $command --help" "$command" -Z
	refuses 2 "srd $command: option '--help=x' takes no argument; see srd $command --help" \
		"$command" --help=x
	case $command in
	stat | rm | restore | undelete | diff | snapshot) ;;   # take any number
	*) refuses 2 "srd $command: too many arguments; see srd $command --help" "$command" a b c d ;;
	esac
	[ "$command" = help ] || refuses 2 "srd $command: too few arguments; see srd $command --help" "$command"
done

works --help
works help
"$srd" >out 2>err
same 'srd alone: status' 2 $?
same 'srd alone: usage' 'usage: srd COMMAND [OPTION]... STORE [ARGUMENT]...' "$(head -1 err)"
refuses 2 "srd: no command 'frob'; srd help lists them" frob
refuses 2 "srd help: no command 'frob'; see srd help --help" help frob
refuses 2 "srd get: option '-o' needs an argument; see srd get --help" get -o
refuses 2 "srd get: option '--offset' needs an argument; see srd get --help" get --offset
refuses 2 "srd get: --length: 'x' is not a number of bytes; see srd get --help" \
	get --length=x s.srd k
refuses 2 "srd get: --length: '-1' is not a number of bytes; see srd get --help" \
	get --length=-1 s.srd k
refuses 2 "srd get: --length: '99999999T' is not a number of bytes; see srd get --help" \
	get --length=99999999T s.srd k
refuses 2 "srd cp: name STORE FROM TO, or STORE:FROM STORE:TO; see srd cp --help" cp a.srd b.srd

"$srd" --help >/dev/full 2>err
same '--help to a full disk' 1 $?
finish
