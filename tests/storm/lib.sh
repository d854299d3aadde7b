#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after tests/lib.sh and the integration tests' musterd-lib.sh and
# hostile-lib.sh: a musterd whose nodes are the simulator's.
# shellcheck shell=bash disable=SC2154
storm=$objs/bench/storm
pid_file=$tmp/musterd.pid
storm_classes=4 # CLASSES of storm.h

m() { "$bin/muster" --socket "$sock" "$@"; }

# storm_start: with FSYNC_MS its disk takes so long for each sync
storm_start() {
        local slow=
        if [ "${FSYNC_MS:-0}" -gt 0 ]; then
                slow=$tmp/slowsync.so
                [ -e "$slow" ] || "${CC:-cc}" -std=gnu17 -O2 -fPIC -shared -o "$slow" "$top/tests/faults/slowsync.c" || return 1
                chmod 755 "$slow"
                export SLOWSYNC_MS=$FSYNC_MS
        fi
        LD_PRELOAD=$slow musterd_start && echo "$musterd_pid" >"$pid_file"
}

# storm_kill: musterd, as a power cut does, and starts it again
storm_kill() {
        kill -KILL "$musterd_pid"
        wait "$musterd_pid" 2>/dev/null
        storm_start
}

# storm_kills PID EVERY MOST: so, each time that the journal has so many more
# events, while process PID runs; sets storm_killed
storm_kills() {
        local next=$(($(journal_seq) + $2)) seq
        storm_killed=0
        while [ "$storm_killed" -lt "$3" ] && kill -0 "$1" 2>/dev/null; do
                seq=$(journal_seq 2>/dev/null)
                if [ "${seq:-0}" -ge "$next" ]; then
                        storm_kill || return 1
                        storm_killed=$((storm_killed + 1))
                        next=$((seq + $2))
                fi
                sleep 0.1
        done
}

# storm_parent [CONF LINE…]: with boot r9 and image i
storm_parent() {
        make_parent
        "$storm" files "$tmp" && mv "$tmp/r9.efi" "$state/boot/" && mv "$tmp/snponly.efi" "$state/ipxe/"
        chmod 644 "$state"/boot/* "$state"/ipxe/*
        [ $# -eq 0 ] || printf '%s\n' "$@" >>"$conf"
        storm_start && add_boot r9 >/dev/null && add_image i >/dev/null
}

# storm_keys N [FOLDER]: made once, if the folder stays
storm_keys() {
        keys=${2:-$tmp}/keys.$1
        [ -s "$keys" ] && [ -s "$keys.csv" ] && return
        mkdir -p "$(dirname "$keys")"
        "$storm" keys "$keys.new" "$1" "$keys.csv" && mv "$keys.new" "$keys"
}

# storm_go NODES ARGS…: at the parents of $storm_parents, or this one; with
# the firmware events of TEMPLATES, files of the corpus
storm_go() {
        local n=$1 p parents=()
        shift
        for p in ${storm_parents:-127.0.0.1:$attest_port}; do parents+=(--parent "$p"); done
        for p in ${TEMPLATES:-}; do parents+=(--template "$corpus/eventlogs/$p"); done
        "$storm" run --ca "$tmp/pki/ca.pem" --keys "$keys" --nodes "$n" "${parents[@]}" --pid-file "$pid_file" "$@"
}

# storm_enrol: the manifest's nodes, and a firmware profile of each model,
# learnt from its first node's refused boot
storm_enrol() {
        local i
        m node add --manifest "$keys.csv" >"$tmp/enrol.log" 2>&1 || { tail -n 3 "$tmp/enrol.log"; return 1; }
        storm_go "$storm_classes" --once --title models >"$tmp/models.log" 2>&1
        for ((i = 0; i < storm_classes; i++)); do
                admin POST /v1/profiles/learn "{\"node\":\"s00000$i\"}" >"$tmp/learnt" || { cat "$tmp/learnt" "$tmp/models.log"; return 1; }
                admin POST "/v1/profiles/$(jq -r .name "$tmp/learnt")/promote" >/dev/null || return 1
        done
}

# storm_journal FILE [AFTER]: a line for each release since: node id, boot
storm_journal() {
        local after=${2:-0} page=$tmp/page
        : >"$1"
        while admin GET "/v1/events?after=$after&limit=1000" >"$page"; do
                jq -r '.events[] | select(.event == "ok") | "\(.node) \(.detail.boot_id // "-")"' "$page" >>"$1"
                after=$(jq -r '.next // empty' "$page")
                [ -n "$after" ] || break
        done
}
journal_seq() { admin GET /v1/status | jq .journal.seq; }

# storm_unasked JOURNAL LEDGER: nodes released more often than they asked, or
# told so more often than the journal has it
storm_unasked() {
        awk 'NR == FNR { n[$1]++; next }
             n[$1] > $2 { print $1 " asked " $2 " times, the journal has " n[$1] " releases" }
             n[$1] < $3 { print $1 " was released " $3 " times, the journal has " n[$1] + 0 }' "$1" "$2"
}
