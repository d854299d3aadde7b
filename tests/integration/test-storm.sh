#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Simulated nodes at once, a real swtpm among them: each is released once, on
# record, also when a third of those who come mean ill, or when musterd is
# killed in the middle of it.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$top/tests/storm/lib.sh"
. "$top/tests/storm/swtpm.sh"
requires test -x "$storm"
requires jq --version
requires swtpm --version
requires tpm2_pcrextend --version
n=150
storm_parent "timeout = 300" || { # who stalls is not cut off while this lasts
        not_ok "musterd starts"
        exit 1
}
storm_keys "$n"
check "the nodes of a manifest are enrolled, and their models' firmware learnt" storm_enrol
check "and a machine with a TPM that is no simulation of ours" swtpm_enrol 1

# released NAME ARGS…: the boots, and what the journal holds of them
released() {
        local name=$1 from
        shift
        from=$(journal_seq)
        check "$name: every node is released" storm_go "$n" --limit 120 --json "$tmp/said" --ledger "$tmp/ledger" "$@"
        storm_journal "$tmp/all" "$from"
        grep -vFf "$tmp/swtpm.ids" "$tmp/all" >"$tmp/journal"
        is "$name: nothing else was answered" '{}' "$(jq -c .failures "$tmp/said")"
        is "$name: each node once, by the journal" "$n $n" "$(wc -l <"$tmp/journal") $(cut -d' ' -f1 "$tmp/journal" | sort -u | wc -l)"
        is "$name: with the boot that it was told" "$(cut -d' ' -f1,4 "$tmp/ledger" | sort)" "$(sort "$tmp/journal")"
        is "$name: none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$tmp/ledger")"
}
released "a first boot"
released "a steady boot" --steady --boot 8 --arrival waves:50:0.2

# ---- three in ten mean ill ---------------------------------------------------------
swtpm_on 1
from=$(journal_seq)
swtpm_all 1 &
sw=$!
cleanup_pid "$sw"
released "three clients in ten are hostile" --steady --boot 9 --hostile 30
is "none of those is released" 0 "$(jq .hostile_released "$tmp/said")"
check "though they were answered" jq -e '.hostile >= 60 and .hostile_answered > 0' "$tmp/said"
wait "$sw"
storm_journal "$tmp/journal" "$from"
is "the swtpm's node is, once" "1 1" "$(swtpm_released "$tmp/journal")"
tail -n 2 "$tmp/sw1.log" | sed "s/^/# /"
swtpm_off
# a stalled one of the simulator goes after a minute: by then all have to be in
check "nodes pass more stalled clients than may be inside" storm_go "$n" --steady --boot 9 --hostile 80 --arrival waves:30:1 --limit 40 --json "$tmp/said"

storm_parents="127.0.0.1:1 127.0.0.1:$attest_port"
check "the next parent is asked at once when one is down" storm_go "$n" --steady --boot 9 --limit 120 --json "$tmp/said"
is "by each node, with one connection to each" "{\"nobody listens\":$n} $((2 * n))" "$(jq -c .failures "$tmp/said") $(jq .dials "$tmp/said")"
unset storm_parents
storm_go 2 --once --boot 7 --json "$tmp/said" >"$tmp/storm.log" 2>&1
is "a refusal is counted by its code" '{"M-RESETCOUNT":2} 0' "$(jq -c .failures "$tmp/said") $(jq .released "$tmp/said")"

# ---- killed in the middle --------------------------------------------------------
from=$(journal_seq)
storm_go "$n" --steady --boot 10 --arrival poisson:40 --limit 120 --json "$tmp/said" --ledger "$tmp/ledger" >"$tmp/storm.log" 2>&1 &
fleet=$!
cleanup_pid "$fleet"
some() { [ "$(journal_seq)" -ge $((from + 10)) ]; }
check "some are released before musterd is killed" wait_for 20 some
kill -KILL "$musterd_pid"
wait "$musterd_pid" 2>/dev/null
check "the fleet is not done then" kill -0 "$fleet"
sleep 1
# not by check, whose shell would keep the pid to itself
if storm_start; then ok "musterd starts again"; else not_ok "musterd starts again"; fi
wait "$fleet"
is "in the end every node is released" "0 $n" "$? $(jq .released "$tmp/said")"
check "some had lost their connection or found none" jq -e '.failures | add > 0' "$tmp/said"
storm_journal "$tmp/journal" "$from"
is "each of them is in the journal" "$n" "$(cut -d' ' -f1 "$tmp/journal" | sort -u | wc -l)"
is "none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$tmp/ledger")"
told=$(awk '$3 > 0 { print $1 " " $4 }' "$tmp/ledger" | sort)
is "the journal has the boot that each was told" "$told" "$(sort -u "$tmp/journal" | comm -12 - <(echo "$told"))"
check "the journal verifies" m log verify

# ---- the check itself --------------------------------------------------------------
head -n 1 "$tmp/journal" | sed 's/^/&/; p; p; p' >"$tmp/more"
isnt_empty() { [ -n "$(storm_unasked "$1" "$2")" ]; }
check "a release too many in the journal would be seen" isnt_empty "$tmp/more" "$tmp/ledger"
check "a release missing from it too" isnt_empty <(tail -n +2 "$tmp/journal" | grep -v "$(head -n 1 "$tmp/journal" | cut -d' ' -f1)") "$tmp/ledger"
