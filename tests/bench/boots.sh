#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# boots.sh OUTDIR RESULT: a first boot and steady ones of one virtual node, on the
# boot tests' fixture, in a network namespace of its own. Writes RESULT (JSON);
# leaves the last boot's console (console.log, console.ts) and musterd.log.
# Each boot is a power-on: after a reset QEMU first clears the guest's memory
# (reset attack mitigation), which takes a minute or more where memory is slow.
out=$1 result=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
. "$here/../boot/lib.sh"
. "$here/lib.sh"
boots=${MUSTER_BENCH_BOOTS:-5}
d=$tmp/node
json=$tmp/boots.jsonl

keep() { cp "$d/console.log" "$d/console.ts" "$tmp/musterd.log" "$out/" 2>/dev/null; }
cleanup_fn keep
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# stamp REGEX: when this boot's console said it, ms; empty: not yet
stamp() {
        sed 's/\x08//g' "$d/console.ts" |
                awk -v re="$1" '{ t = $1; $1 = ""; if ($0 ~ re) { sub(/\./, "", t); print t; exit } }'
}
said() { [ -n "$(stamp "$1")" ]; }

# measured_boot KIND T0: waits for the boot begun at T0; one line of JSON
measured_boot() {
        local uptime pid1_us facts now ssh_at
        wait_for "$boot_seconds" said 'muster-node: .*: passed at' || die "the $1 boot did not pass"
        ssh_up "$d" || die "ssh does not answer after the $1 boot"
        ssh_at=$(now_ms)
        exec 3< <(node_ssh "$d" 'cat /proc/uptime; systemctl show --value -p UserspaceTimestampMonotonic; cat /run/muster/boot.json')
        read -r uptime _ <&3
        now=$(now_ms)
        read -r pid1_us <&3
        facts=$(cat <&3)
        exec 3<&-
        jq -cn --arg kind "$1" --argjson t0 "$2" --argjson ipxe "$(stamp 'iPXE initialising devices')" \
                --argjson loaded "$(stamp '/boot/.* ok$')" --argjson passed "$(stamp 'muster-node: .*: passed at')" \
                --argjson kernel "$((now - ${uptime/./} * 10))" --argjson pid1 "$((pid1_us / 1000))" \
                --argjson ssh "$ssh_at" --argjson boot "$facts" '
                ($passed - $boot.ms.total) as $client
                | {kind: $kind, tpm: $boot.tpm.commands, commands: $boot.tpm.commands_total, nv: $boot.nv, bundle: $boot.bundle,
                   image_bytes: $boot.image_bytes, client: $boot.ms, ms: {
                   firmware: ($ipxe - $t0), ipxe: ($loaded - $ipxe), stub: ($kernel - $loaded), kernel: ($client - $kernel),
                   client: $boot.ms.total, switch_root: ($kernel + $pid1 - $passed), to_ssh: ($ssh - $kernel - $pid1),
                   total: ($ssh - $t0)}}' >>"$json" || die "the $1 boot left no timeline"
}

parent_new
parent_start || exit 1
idle=$(proc_kib "$parent_pid" VmRSS)
node_new "$d"
# a node enrolled before it first boots: no time of an admin's is measured
{ m node remove n1 && m node add n1 --ek-cert "$d/ek-ecc.der"; } >"$tmp/enrol.log" 2>&1 || { cat "$tmp/enrol.log"; exit 1; }
known_hosts
t0=$(now_ms)
node_start "$d"
measured_boot first "$t0"
cpu=$(proc_cpu_ms "$parent_pid")
metric() { curl -sSf --unix-socket "$MUSTER_SOCKET" http://localhost/metrics | awk -v k="$1" '$1 == k { print $2 }'; }
decide_us=$(metric muster_decide_microseconds_total)
for ((i = 1; i <= boots; i++)); do
        "$vnode" stop "$d"
        sleep 2 # until the last lines of this boot are stamped
        t0=$(now_ms)
        node_start "$d"
        measured_boot steady "$t0"
done
cpu=$(($(proc_cpu_ms "$parent_pid") - cpu))
decide_us=$(($(metric muster_decide_microseconds_total) - decide_us))
jq -s --argjson idle "$idle" --argjson peak "$(proc_kib "$parent_pid" VmHWM)" --argjson cpu "$cpu" --argjson n "$boots" \
        --argjson us "$decide_us" "$bench_jq"'
        def middle(f): [.[] | f] | . as $all | [.[] | keys[]] | unique
                | map({key: ., value: (. as $k | $all | map(.[$k] // 0) | median)}) | from_entries;
        map(select(.kind == "steady")) as $s
        | {first: .[0], steady: ($s[-1] + {ms: ($s | middle(.ms)), client: ($s | middle(.client))}), steady_runs: $s,
           musterd: {idle_kib: $idle, peak_kib: $peak, cpu_ms_per_steady_boot: ($cpu / $n | round),
                     attest_us_per_steady_boot: ($us / $n | round)}}' "$json" >"$result" || die "the boots cannot be summed up"
