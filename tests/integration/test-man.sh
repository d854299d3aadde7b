#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each program's --help and man page name the same options; the pages are
# well-formed; the shell completion offers commands and options.
. "$(dirname "$0")/../lib.sh"
requires bash -c 'command -v mandoc'

common='--config --help --output --socket'

# help_options PROGRAM [COMMAND…]: what --help lists
help_options() {
        "$@" --help 2>/dev/null | grep -oE '(^|[^a-zA-Z0-9-])--[a-z][a-z-]+' | grep -oE -- '--[a-z][a-z-]+' | sort -u
}

# muster_options [COMMAND…]: the same, of its lists of options only
muster_options() {
        "$bin/muster" "$@" --help 2>/dev/null | grep -E '^ +(-[a-zA-Z], )?--' | grep -oE -- ' --[a-z][a-z-]+' | tr -d ' ' | sort -u
}

# page PAGE: rendered without line breaks inside paragraphs
page() { mandoc -T ascii -O width=990 "$1" | sed 's/.\x08//g'; }

# entries: the options that are entries of a list, from a rendered page on standard input
entries() { grep -E '^ +-' | sed -E 's/([^ ])  .*/\1/' | grep -oE -- ' --[a-z][a-z-]+' | tr -d ' ' | sort -u; }

# section TITLE: of a rendered page on standard input, at either level
section() {
        awk -v title="$1" '
                /^[A-Z]/ { on = ($0 == title); next }
                /^   [^ ]/ { on = ($0 == "   " title); next }
                on'
}

same() { # NAME WANTED FOUND
        if [ "$2" = "$3" ]; then
                ok "$1"
        else
                not_ok "$1" "$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | grep '^[<>]' | sed 's/^</in --help only:/; s/^>/in the page only:/')"
        fi
}

minus_common() { grep -vxF -f <(tr ' ' '\n' <<<"$common"); }

for p in provisioning/muster.8 bootserver/musterd.8 initramfs/muster-node.8; do
        if [ ! -f "$top/$p" ]; then
                not_ok "$p exists"
                continue
        fi
        # every program's page here has ERRORS, which mandoc does not expect in section 8
        out=$(mandoc -T lint -W warning "$top/$p" | grep -vE 'unexpected section: Sh ERRORS|sections out of conventional order')
        if [ -z "$out" ]; then ok "$p passes mandoc's lint"; else not_ok "$p passes mandoc's lint" "$out"; fi
        text=$(page "$top/$p")
        for s in 'EXIT STATUS' FILES EXAMPLES ERRORS; do
                check "$p has $s" grep -qx "$s" <<<"$text"
        done
done

# muster: command by command
text=$(page "$top/provisioning/muster.8")
commands=$("$bin/muster" --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on' |
        sed -E 's/^ +//; /^(node|boot|image|policy|quote|store) /!s/ .*//; s/^([a-z]+ [a-z0-9]+).*/\1/')
check "muster --help lists commands" test "$(wc -l <<<"$commands")" -ge 27
while read -r c; do
        # shellcheck disable=SC2086
        wanted=$(muster_options $c | minus_common)
        found=$(section "$c" <<<"$text" | entries | minus_common)
        same "muster $c: --help and page agree" "$wanted" "$found"
        check "muster $c has its place in the page" grep -qx "   $c" <<<"$text"
done <<<"$commands"
found=$(section DESCRIPTION <<<"$text" | entries)
same "muster's common options: --help and page agree" "$(muster_options)" "$found"

for p in musterd:bootserver muster-node:initramfs; do
        name=${p%%:*}
        f=$top/${p##*:}/$name.8
        [ -f "$f" ] || continue
        same "$name: --help and page agree" "$(help_options "$bin/$name")" "$(page "$f" | entries)"
done

# completion
complete_line() { # WORD…: what completing the last word offers
        PATH=$bin:$PATH bash -c '
                . "$1"; shift
                COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _muster
                printf "%s\n" "${COMPREPLY[@]}"' - "$top/provisioning/muster.bash-completion" "$@"
}
check "completion offers commands" grep -qx node <<<"$(complete_line muster '')"
check "completion offers verbs" grep -qx approve <<<"$(complete_line muster node '')"
check "completion offers options" grep -qx -- --no-default <<<"$(complete_line muster image add --no)"
check "completion offers states" grep -qx pending <<<"$(complete_line muster node list --state p)"
