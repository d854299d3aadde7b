#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The journal's sync is slow, fails, or is cut short while many nodes wait for
# it: no verdict leaves before it, many share one, readers do not wait, and
# whoever was released is in the journal once.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
. "$(dirname "$0")/faults-lib.sh"
. "$top/tests/storm/lib.sh"
requires test -x "$storm"
requires jq --version
requires sqlite3 --version
[ -x "$bin/musterd-faults" ] || { echo "# needs: make tools"; exit 77; }
n=200
faults_file
# in the place of musterd-lib.sh's
musterd_start() {
        MUSTER_FAULTS=$faults "$bin/musterd-faults" --config "$conf" >>"$tmp/musterd.log" 2>&1 &
        musterd_pid=$!
        cleanup_pid "$musterd_pid"
        wait_for 10 admin GET /v1/status
}
storm_parent 'threads = 2' || { not_ok "musterd starts"; exit 1; }
storm_keys "$n"
check "$n nodes are enrolled" storm_enrol
check "a first boot of all" storm_go "$n" --limit 200 --json "$tmp/said" --ledger "$tmp/ledger"

# no sync of the log ends from now on; those of its header, when it begins
# anew, and of checkpoints do
hold_sync() { fault "hold journal-sync -" "$@"; }

boot=20
# go NODES ARGS…: a steady boot of them, in the background; $from is the journal before
go() {
        local count=$1
        shift
        boot=$((boot + 1))
        from=$(journal_seq)
        storm_go "$count" --steady --boot "$boot" --limit 100 --json "$tmp/said" --ledger "$tmp/ledger" "$@" >"$tmp/storm.log" 2>&1 &
        fleet=$!
        cleanup_pid "$fleet"
}
# of node records, which are read while the sync goes on
seen() { [ "$(admin GET "/v1/events?after=$from&limit=1000" | jq '[.events[] | select(.event == "ok")] | length')" -ge "$1" ]; }
verdicts() { curl -s --unix-socket "$sock" http://m/metrics | sed -n 's/^muster_verdicts_total{verdict="ok"} //p'; }
syncs() { fault_trace | grep -c db-sync; }
once() { # NAME NODES: by the journal and by what the nodes were told
        storm_journal "$tmp/journal" "$from"
        is "$1: each node once, by the journal" "$2 $2" "$(wc -l <"$tmp/journal") $(cut -d' ' -f1 "$tmp/journal" | sort -u | wc -l)"
        is "$1: none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$tmp/ledger")"
}

# ---- it takes as long as it takes ---------------------------------------------------
before=$(verdicts)
hold_sync "trace db-sync -"
fault_trace_reset
go "$n"
check "all commit, and are read, while the first sync is not done" wait_for 90 seen "$n"
is "a node's record too" released "$(admin GET /v1/nodes/s000001 | jq -r .state)"
is "no verdict has left" "$before" "$(verdicts)"
is "the journal's head is shown as it is on disk" "$from" "$(journal_seq)"
fault "trace db-sync -"
wait "$fleet"
is "then every node is released" "0 $n {}" "$? $(jq .released "$tmp/said") $(jq -c .failures "$tmp/said")"
is "with the verdicts counted" $((before + n)) "$(verdicts)"
once "a long sync" "$n"
echo "# $(syncs) syncs for $n releases"
check "fewer syncs than a quarter of the releases" test "$(syncs)" -lt $((n / 4))

# ---- it takes a while each time ------------------------------------------------------
fault "slow db-sync 500" "trace db-sync -"
fault_trace_reset
go "$n"
wait "$fleet"
is "a slow disk: every node is released" "0 $n" "$? $(jq .released "$tmp/said")"
once "a slow disk" "$n"
echo "# $(syncs) syncs of 500 ms for $n releases in $(jq .seconds "$tmp/said") s"
check "a slow disk: fewer syncs than a quarter of the releases" test "$(syncs)" -lt $((n / 4))
is "an admin's change is answered when it is on disk" 200 "$(admin_status POST /v1/nodes/s000199/quarantine)"

# ---- nodes go away while they wait ----------------------------------------------------
hold_sync
go 20
check "nodes that go away: all wait" wait_for 30 seen 20
kill -KILL "$fleet"
wait "$fleet" 2>/dev/null
fault
gone() { [ "$(curl -s --unix-socket "$sock" http://m/metrics | sed -n 's/^muster_connections{listener="attest"} //p')" = 0 ]; }
check "nodes that go away: musterd lets go of them" wait_for 30 gone
go 20
wait "$fleet"
is "nodes that go away: they are released when they come again" "0 20" "$? $(jq .released "$tmp/said")"

# ---- musterd is stopped, and killed, while they wait -------------------------------------
hold_sync
go 20
check "stopped: all wait" wait_for 30 seen 20
kill -TERM "$musterd_pid"
# it still waits for the disk
fault
wait "$musterd_pid"
is "stopped: it ends well" 0 "$?"
musterd_start || not_ok "stopped: it starts again"
echo "$musterd_pid" >"$pid_file"
wait "$fleet"
is "stopped: every node is released" "0 20" "$? $(jq .released "$tmp/said")"
storm_journal "$tmp/journal" "$from"
is "stopped: none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$tmp/ledger")"

hold_sync
go 20
check "killed: all wait" wait_for 30 seen 20
kill -KILL "$musterd_pid"
wait "$musterd_pid" 2>/dev/null
fault
musterd_start || not_ok "killed: it starts again"
echo "$musterd_pid" >"$pid_file"
wait "$fleet"
is "killed: every node is released" "0 20" "$? $(jq .released "$tmp/said")"
storm_journal "$tmp/journal" "$from"
is "killed: none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$tmp/ledger")"
check "killed: the journal verifies" m log verify

# ---- it fails ------------------------------------------------------------------------
told() { grep -c ' ok: boot=' "$tmp/musterd.log"; }
before=$(told)
hold_sync
go 20
check "a failed sync: all wait" wait_for 30 seen 20
fault "error db-sync 5 1"
wait "$musterd_pid"
is "a failed sync: musterd ends, to be started again" 7 "$?"
is "a failed sync: no verdict left" "$before" "$(told)"
fault
musterd_start || not_ok "a failed sync: it starts again"
echo "$musterd_pid" >"$pid_file"
wait "$fleet"
is "a failed sync: then every node is released" "0 20" "$? $(jq .released "$tmp/said")"
check "a failed sync: all had been told to come again" jq -e '.failures["M-BUSY"] >= 20' "$tmp/said"
is "a failed sync: those are told that were released since" $((before + 20)) "$(told)"
storm_journal "$tmp/journal" "$from"
is "a failed sync: none unasked, none unrecorded" "" "$(storm_unasked "$tmp/journal" "$tmp/ledger")"
check "a failed sync: the journal verifies" m log verify
