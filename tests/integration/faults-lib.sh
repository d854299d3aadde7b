#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after musterd-lib.sh: musterd-faults, started again as systemd
# would, and orders for its fault points (tests/faults/fault.c).
# shellcheck shell=bash disable=SC2154,SC2119,SC2120
faults=$tmp/faults
order_no=0
supervisor=

# fault LINE…: from now on, and nothing else; no line: nothing happens
fault() {
        order_no=$((order_no + 1))
        { printf 'order %d\n' "$order_no"; printf '%s\n' "$@"; } | dd of="$faults" bs=32768 conv=notrunc,sync iflag=fullblock status=none
}
faults_file() { head -c 65536 /dev/zero >"$faults" && chmod 666 "$faults"; }
# what was passed since `fault trace`, in order
fault_trace() { tail -c +32769 "$faults" | tr -d '\0'; }
fault_trace_reset() { dd if=/dev/zero of="$faults" bs=32768 seek=1 count=1 conv=notrunc status=none; }

# codes that systemd would not restart after
final_codes=" 0 $(sed -n 's/^RestartPreventExitStatus=//p' "$top/bootserver/musterd.service") "

# supervise [CMD PREFIX…]: musterd-faults, again and again; $tmp/exits gets its
# exit codes, $tmp/pid its pid
supervise() {
        rm -f "$tmp/exits" "$tmp/stop"
        (
                trap 'kill "$child" 2>/dev/null; wait "$child"; exit' TERM
                while [ ! -e "$tmp/stop" ]; do
                        MUSTER_FAULTS=$faults "$@" "$bin/musterd-faults" --config "$conf" >>"$tmp/musterd.log" 2>&1 &
                        child=$!
                        echo "$child" >"$tmp/pid"
                        wait "$child"
                        rc=$?
                        echo "$rc" >>"$tmp/exits"
                        [[ $final_codes == *" $rc "* ]] && break
                        sleep 0.05
                done
        ) 2>/dev/null &
        supervisor=$!
        cleanup_pid "$supervisor"
}
unsupervise() {
        touch "$tmp/stop"
        kill "$supervisor" 2>/dev/null
        wait "$supervisor" 2>/dev/null
        supervisor=
}
exits() { if [ -e "$tmp/exits" ]; then wc -l <"$tmp/exits"; else echo 0; fi; }
last_exit() { tail -n 1 "$tmp/exits" 2>/dev/null; }
# up [SECONDS]: until it answers
up() {
        local end=$((SECONDS + ${1:-10}))
        until curl -s -o /dev/null --max-time 5 --unix-socket "$sock" http://m/v1/events?limit=1 2>/dev/null; do
                [ "$SECONDS" -ge "$end" ] && return 1
                sleep 0.02
        done
}
# died COUNT [SECONDS]: until it has exited so often in all
died() { timeout "${2:-10}" sh -c "until [ \"\$(cat '$tmp/exits' 2>/dev/null | wc -l)\" -ge $1 ]; do sleep 0.02; done"; }
chain_holds() { [ "$(admin GET /v1/events/verify | jq -r .ok)" = true ]; }
# how often a node was let in, by the journal
let_in() { sqlite3 "file:$state/muster.db?mode=ro" "SELECT count(*) FROM journal WHERE event = 'ok'"; }
node_ids() { admin GET /v1/nodes | jq -r '.nodes[].id' | sort; }

# faults_cluster: after make_parent, with hostile-lib.sh: a boot, an image, and
# node n1, which was let in once
faults_cluster() {
        "$tmp/hostile" files "$tmp" && mv "$tmp"/r[89].efi "$state/boot/" && mv "$tmp/snponly.efi" "$state/ipxe/"
        chmod 644 "$state"/boot/* "$state"/ipxe/*
        faults_file
        supervise
        up || { cat "$tmp/musterd.log"; exit 1; }
        add_boot r9 >/dev/null && add_image i >/dev/null || exit 1
        hostile_start
        enrol n1
        is "a node is let in" ok "$got"
}
