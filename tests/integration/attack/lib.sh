#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after ../../lib.sh and ../node-lib.sh: attacks on a musterd, and
# what is looked at while they run.
# shellcheck shell=bash disable=SC2154

# attack_build: the tools
attack_build() {
        local d=$top/tests/integration
        "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -o "$tmp/attack" "$d"/attack/{main,attacks}.c -lssl -lcrypto || exit 1
        "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -I"$top/common" -I"$top/bootserver" -o "$tmp/flood" "$d"/attack/{flood,dear}.c \
                "$d/hostile/tpm.c" "$objs/libserver.a" "$objs/libcommon.a" -ljson-c -lsqlite3 -lssl -lcrypto || exit 1
}

# attack_start NAME ARGS…: in the background, until it is in effect. A name
# that begins with flood- is a mode of flood; its argument: addresses
attack_start() {
        case $1 in
        flood-*) "$tmp/flood" "${1#flood-}" "$attest_port" "$2" >"$tmp/attack.log" 2>&1 & ;;
        *) "$tmp/attack" --boot "$boot_port" --attest "$attest_port" "$@" >"$tmp/attack.log" 2>&1 & ;;
        esac
        attack_pid=$!
        cleanup_pid "$attack_pid"
        wait_for 30 grep -q '^in effect' "$tmp/attack.log"
}

attack_stop() {
        kill "$attack_pid" && wait "$attack_pid" 2>/dev/null
}

# metric NAME: its value; with labels as they stand in the text
metric() { curl -s --max-time 20 --unix-socket "$MUSTER_SOCKET" http://m/metrics | awk -v k="$1 " 'index($0, k) == 1 { print $2 }'; }
dropped() { curl -s --max-time 20 --unix-socket "$MUSTER_SOCKET" http://m/metrics | awk '/^muster_dropped_total/ { n += $2 } END { print n + 0 }'; }

# rss_kib PID: of it and its children
rss_kib() { ps -o rss= -p "$1" --ppid "$1" | awk '{ n += $1 } END { print n + 0 }'; }

# watch_memory PID FILE: the largest so far, until killed
watch_memory() {
        local most=0 now
        while now=$(rss_kib "$1") && [ "$now" -gt 0 ]; do
                if [ "$now" -gt "$most" ]; then
                        most=$now
                        echo "$most" >"$2.new" && mv "$2.new" "$2"
                fi
                sleep 0.2
        done
}

# ---- a parent, a node that it knows, and attacks one after the other --------
# What musterd.8 states, for these limits: MiB
attack_connections=1024
attack_body=8
attack_bound_kib=$((1024 * (32 + 2 * attack_body + 2) + attack_connections * (14 + 48)))
boot_limit_ms=15000

# attacked_parent: approved node r1n001 on a swtpm; sets base_kib
attacked_parent() {
        p=$tmp/parent
        parent_init "$p"
        printf '%s\n' "max-connections = $attack_connections" "timeout = 5" "body-memory = $attack_body" "pending-limit = 100" \
                "rate-per-address = 20" >>"$p/etc/musterd.conf"
        parent_start "$p"
        parent_content "$p" 8
        node_facts 1
        boot_port=$(cat "$p/boot-port")
        attest_port=$(cat "$p/attest-port")
        # shellcheck disable=SC2012,SC2034
        image_path=/image/$(ls "$p/state/images" | head -n1)
        tpm_on "$tmp/tpm"
        timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
        local pid=$! id
        cleanup_pid "$pid"
        wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
        id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
        "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate >/dev/null
        wait "$pid" || { cat "$tmp/first.log"; exit 1; }
        tpm_off
        base_kib=$(rss_kib "$node_parent_pid")
}

open_connections() {
        echo $(($(metric 'muster_connections{listener="boot"}') + $(metric 'muster_connections{listener="attest"}')))
}
gone() { [ "$(open_connections)" -eq 0 ]; }
grew() { [ "$(metric "$1")" -gt "$2" ]; }
returned() { [ "$(rss_kib "$node_parent_pid")" -le "$1" ]; }
rows() { "$bin/muster" status -o json | jq .journal.seq; }

# under NAME COUNTER ROWS CHECK ARGS…: the attack, and what must hold. COUNTER:
# the reason that musterd_dropped_total has to show ("": none); ROWS: at most
# so many new ones in the journal; CHECK: a function to call meanwhile, or :
# ONLY="NAME…" in the environment leaves the others out
under() {
        local name=$1 why="muster_dropped_total{why=\"$2\"}" most=$3 also=$4 counted from start ms rc watcher
        shift 4
        [[ -z "${ONLY:-}" || " $ONLY " = *" $name "* ]] || return 0
        counted=$([ "$why" = 'muster_dropped_total{why=""}' ] || metric "$why")
        from=$(rows)
        echo 0 >"$tmp/most"
        watch_memory "$node_parent_pid" "$tmp/most" &
        watcher=$!
        cleanup_pid "$watcher"
        attack_start "$name" "$@" || not_ok "$name: the attack is in effect" "$(tail -n 3 "$tmp/attack.log")"
        [ -z "$counted" ] || check "$name: what is dropped is counted" wait_for 20 grew "$why" "$counted"
        tpm_on "$tmp/tpm"
        start=${EPOCHREALTIME/./}
        node_boot "$tmp/run" "$p/node.conf" >"$tmp/boot.log" 2>&1
        rc=$?
        ms=$(((${EPOCHREALTIME/./} - start) / 1000))
        tpm_off
        if [ "$rc" -eq 0 ] && [ "$ms" -lt "$boot_limit_ms" ]; then
                ok "$name: a node boots meanwhile ($ms ms)"
        else
                not_ok "$name: a node boots meanwhile" "exit $rc after $ms ms: $(tail -n 3 "$tmp/boot.log") $(tail -n 1 "$tmp/attack.log")"
        fi
        "$also"
        attack_stop
        kill "$watcher" 2>/dev/null
        wait "$watcher" 2>/dev/null
        check "$name: memory stays under its bound ($(($(cat "$tmp/most") / 1024)) of $((attack_bound_kib / 1024)) MiB)" \
                [ "$(cat "$tmp/most")" -le "$attack_bound_kib" ]
        check "$name: its connections are gone afterwards" wait_for 15 gone
        check "$name: and so is their memory" wait_for 10 returned "$((base_kib + 16384))"
        check "$name: the journal has not filled" [ $(($(rows) - from)) -le "$most" ]
}

attacked_end() {
        check "the journal verifies after all this" "$bin/muster" log verify
        if kill -0 "$node_parent_pid"; then ok "musterd still runs"; else not_ok "musterd still runs" "$(tail -n 20 "$p.log")"; fi
}
