#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Editing in place, as editors and scripts do it; and archives made and unpacked.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
m=$work/s

# The same file in the store and outside, to be edited alike.
for place in "$m" "$work"; do
	mkdir "$place/d"
	seq -f 'line %g of a text' 2000 >"$place/d/text"
	chmod 640 "$place/d/text"
done

same() {
	cmp "$m/d/text" "$work/d/text" || fail "$1"
	expect_same "$(stat -c %a:%s "$m/d/text")" "$(stat -c %a:%s "$work/d/text")" "$1"
}

# both COMMAND ARGUMENT...: runs it in both places.
both() {
	for place in "$m/d" "$work/d"; do
		(cd "$place" && expect "$@")
	done
	same "$1"
	expect_same "$(ls -A "$m/d")" "$(ls -A "$work/d")" "what $1 leaves behind"
}

section "sed -i, perl -i, sort -o"
both sed -i 's/text/book/;7d' text
both sed -i.bak 's/book/page/' text
both perl -pi -e 's/page/word/ if $. % 3' text
both perl -i.orig -ne 'print unless /9/' text
both sort -r -o text text
both sh -c 'printf "appended\n" >>text'
both dd if=/dev/zero of=text bs=1 seek=100 count=10 conv=notrunc status=none
both truncate -s -50 text
both split -n 4 text part-
both sh -c 'cat part-* >text && rm part-*'

if have patch; then
	section "patch"
	sed 's/word/changed by a patch/' "$work/d/text" >"$work/wanted"
	diff -a "$work/d/text" "$work/wanted" >"$work/change" || :
	both patch -s text "$work/change"
	cmp "$work/wanted" "$m/d/text" || fail "patch"
fi

if have vim; then
	section "vim, with a backup and without, and what it recovers"
	both vim -u NONE -es -c 'set nobackup' -c '%s/line/verse/' -c 'wq' text
	both vim -u NONE -es -c 'set backup backupcopy=yes' -c '1,10d' -c 'wq' text
	both vim -u NONE -es -c 'set backup backupcopy=no' -c 'g/4/m0' -c 'wq' text
	number=$(stat -c %i "$m/d/text")
	both vim -u NONE -es -c 'set backupcopy=yes' -c '$d' -c 'wq' text
	expect_same "$(stat -c %i "$m/d/text")" "$number" "a file written in place"
fi

section "a new one in the place of the old one, which somebody reads"
exec 5<"$m/d/text"
echo new >"$m/d/text.new"
mv "$m/d/text.new" "$m/d/text"
cmp "$work/d/text" - <&5 || fail "what is open changes"
exec 5<&-
expect_same "$(cat "$m/d/text")" new
cp "$work/d/text" "$m/d/text"

section "compressing in place"
rm -f "$m"/d/text.*
for program in gzip bzip2 xz "zstd --rm"; do
	have "${program%% *}" || continue
	# shellcheck disable=SC2086
	(cd "$m/d" && $program -q text && $program -q -t text.* && $program -q -d text.*) ||
		fail "$program"
	cmp "$m/d/text" "$work/d/text" || fail "$program"
done

if have zip && have unzip; then
	section "zip and unzip"
	mkdir "$work/in" "$m/in"
	for place in "$work" "$m"; do
		cp -R "$srcdir/tests" "$place/in"
		: >"$place/in/empty"
		ln -s empty "$place/in/link"
	done
	(cd "$m" && zip -qry a.zip in && zip -qd a.zip 'in/tests/unit/*' && zip -qT a.zip)
	(cd "$m" && zip -qry a.zip in && unzip -tq a.zip >/dev/null && mkdir out && unzip -q a.zip -d out)
	diff -r --no-dereference "$m/out/in" "$work/in" || fail "what is unpacked differs"
	(cd "$work" && unzip -q "$m/a.zip" -d outside)
	diff -r --no-dereference "$work/outside/in" "$work/in" || fail "what is unpacked outside differs"
fi

section "after a remount"
remount s
cmp "$m/d/text" "$work/d/text" || fail "edited text"
unmount s
