#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Three musterd on one PostgreSQL under a storm of nodes: one is killed, a node
# is revoked, the database goes away; every node boots, none unrecorded.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
. "$(dirname "$0")/postgresql-lib.sh"
. "$top/tests/storm/lib.sh"
. "$(dirname "$0")/storm-postgresql-lib.sh"
requires test -x "$storm"
requires jq --version
each=50
n=$((3 * each))
pg_make || exit 1
chmod 755 "$tmp"
pg_start || exit 1
parents_three || { not_ok "three musterd start on one database"; exit 1; }
ok "three musterd start on one database"
check "what is enrolled through one is known to all" fleets_three "$each"
is "to the last node" "$n $n $n" "$(for p in a b c; do at "$p" admin GET /v1/status | jq '.nodes | add'; done | paste -sd' ')"

# released NAME FROM: the fleets are done; what the journal has of it
released() {
        fleets_wait
        is "$1: every node is released" "$n" "$fleets_released"
        at b storm_journal "$tmp/journal" "$2"
        is "$1: each is in the journal" "$n" "$(cut -d' ' -f1 "$tmp/journal" | sort -u | wc -l)"
        is "$1: none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$ledger")"
        told=$(awk '$3 > 0 { print $1 " " $4 }' "$ledger" | sort)
        is "$1: the journal has the boot that each was told" "$told" "$(sort -u "$tmp/journal" | comm -12 - <(echo "$told"))"
        echo "# $1: $(wc -l <"$tmp/journal") releases in the journal; met on the way: $(jq -sc '[.[].failures | to_entries[]] | group_by(.key) | map({(.[0].key): map(.value) | add}) | add' "$tmp"/[abc].json)"
}
seq_of() { at "$1" journal_seq 2>/dev/null || echo 0; }
some() { [ "$(seq_of b)" -ge $((from + $1)) ]; }
running() { local p; for p in "${fleets[@]}"; do kill -0 "$p" 2>/dev/null && return; done; return 1; }

# ---- one is killed in the middle of a first boot -----------------------------------
from=$(seq_of b)
fleets_go "$each" --arrival poisson:12 --limit 240
check "some nodes are released before one of three is killed" wait_for 60 some 20
parent_end a KILL
check "the fleets are not done then" running
released "one of three killed" "$from"
check "its nodes went to the others" jq -e '.failures | keys | any(test("listens|closed|reset|lost"))' "$tmp/a.json"
check "the journal verifies" at c m log verify
if parent_begin a; then ok "the one killed starts again"; else not_ok "the one killed starts again"; fi

# ---- revoked through one -------------------------------------------------------------
id=$(awk 'NR == 1 { print $1 }' "$tmp/b.ledger")
storm_parents_of() { echo "127.0.0.1:${parent_port[$1]}"; }
ask() { # PARENT: the first node of fleet b, once
        local keys=$tmp/keys.b storm_parents
        storm_parents=$(storm_parents_of "$1")
        at "$1" storm_go 1 --once --steady --boot 8 --limit 60 --json "$tmp/asked" >"$tmp/asked.out" 2>&1
        jq -c '[.released, .failures]' "$tmp/asked"
}
is "before: a known node is released by each" '[1,{}] [1,{}] [1,{}]' "$(ask a) $(ask b) $(ask c)"
at a m node revoke "$id" >/dev/null
since=${EPOCHREALTIME/./}
for p in b c a; do
        is "revoked through a, the first time it asks $p: refused" '[0,{"M-REVOKED":1}]' "$(ask "$p")"
        echo "# $(((${EPOCHREALTIME/./} - since) / 1000)) ms after the revocation, most of them the simulator's start"
done
at a m node remove "$id" >/dev/null
head -n 1 "$tmp/keys.b.csv" >"$tmp/again.csv"
grep -F "$id" "$tmp/keys.b.csv" >>"$tmp/again.csv"
check "removed through a, it is enrolled again through b" at b m node add --manifest "$tmp/again.csv"

# ---- the database goes away in the middle ----------------------------------------------
declare -A lines
told_busy() { tail -n +"$((lines[$1] + 1))" "$tmp/$1/log" | grep -E "busy: |refused-more: code=M-BUSY" >/dev/null; }
ms_since() { echo $(((${EPOCHREALTIME/./} - $1) / 1000)); }
# AWAY: seconds, for a figure; else as long as it takes that each parent notices
stay_away() { [ -z "${AWAY:-}" ] || sleep "$(awk -v t="$AWAY" -v ms="$(ms_since "$1")" 'BEGIN { d = t - ms / 1000; print d > 0 ? d : 0 }')"; }

# away NAME BOOT GO COME: in the middle of a steady boot
away() {
        local gone back p
        from=$(seq_of b)
        fleets_go "$each" --steady --boot "$2" --arrival poisson:12 --limit 300
        check "$1: some nodes are released before" wait_for 60 some 20
        for p in a b c; do lines[$p]=$(wc -l <"$tmp/$p/log"); done
        gone=${EPOCHREALTIME/./}
        "$3"
        for p in a b c; do check "$1: $p makes nodes wait" wait_for 90 told_busy "$p"; done
        check "$1: and says what to do" grep -q "Next: check that PostgreSQL is up" <(tail -n +"$((lines[b] + 1))" "$tmp/b/log")
        check "$1: an admin is told too" grep -q "cannot list nodes" <<<"$(at b m node list 2>&1)"
        check "$1: the fleets are not done" running
        script=$(curl -s --max-time 60 "http://127.0.0.1:${boot_ports[b]}/ipxe?mac=52-54-00-00-00-01&uuid=$(cat /proc/sys/kernel/random/uuid)")
        check "$1: a boot script asks again" grep -q '^chain --replace .*/ipxe?mac=' <<<"$script"
        is "$1: and boots nothing" 0 "$(grep -c ^kernel <<<"$script")"
        stay_away "$gone"
        "$4" || exit 1
        back=${EPOCHREALTIME/./}
        for p in a b c; do check "$1: $p goes on by itself" wait_for 30 at "$p" admin GET /v1/status; done
        released "$1" "$from"
        echo "# $1: away for $(((back - gone) / 1000)) ms; the last node was released $(ms_since "$back") ms after it came back"
        check "$1: nobody was refused" jq -se 'map(.failures | keys[]) | all(test("^M-") and . != "M-BUSY" | not)' "$tmp"/[abc].json
        check "$1: the journal verifies still" at a m log verify
}
pg_crash() { pg_stop QUIT; }
pg_all() { kill -"$1" "$pg_pid" $(pgrep -P "$pg_pid"); }
pg_silent() { pg_all STOP; }
pg_speaks() { pg_all CONT; }
away "the database crashed" 9 pg_crash pg_start
away "the database silent" 10 pg_silent pg_speaks

for p in a b c; do
        if parent_end "$p"; then ok "$p stops"; else not_ok "$p stops"; fi
done
pg_stop INT
