#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A node boots to ssh while all attacks run together.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
. "$top/tests/integration/attack/lib.sh"
attack_build

d=$tmp/node
attacks=(idle-boot idle-attest idle-tls hello-drip hello-half header-drip header-drip-tls body-drip body-hoard slow-read
        pipeline storm storm-tls key-update odd odd-tls malformed)
parent_new
printf '%s\n' "max-connections = $attack_connections" "timeout = 10" "body-memory = $attack_body" "pending-limit = 100" >>"$tmp/etc/musterd.conf"
# a node has its own processor; this one shares two cores with its parent and with twenty attackers, and a guest that
# gets too little of them is locked up, which no attack on the parent does to a real one
parent_nice=5
parent_start || exit 1
known_hosts
# shellcheck disable=SC2012
image=/image/$(ls "$tmp/state/images" | head -n1)

# each from twenty addresses of its own; slowly, for the same reason
n=1
for a in "${attacks[@]}"; do
        nice -n 19 "$tmp/attack" "$a" --boot "$boot_port" --attest "$attest_port" --connections 300 --addresses 20 --dial 20 \
                --first "127.1.$n.1" --path "$image" >"$tmp/attack.$a" 2>&1 &
        cleanup_pid $!
        n=$((n + 1))
done
for a in pending challenge refused; do
        nice -n 19 "$tmp/flood" "$a" "$attest_port" 20 25 >"$tmp/attack.$a" 2>&1 &
        cleanup_pid $!
done
in_effect() { [ "$(grep -l '^in effect' "$tmp"/attack.* | wc -l)" -eq 20 ]; }
check "twenty attacks are in effect" wait_for 60 in_effect
echo 0 >"$tmp/most"
watch_memory "$parent_pid" "$tmp/most" &
cleanup_pid $!
from=$(m status -o json | jq .journal.seq)

node_new "$d" "$fixture/node"
node_start "$d"
check "the node passes and caps" console "$d" 'muster-node: .*: passed at'
check "ssh answers" ssh_up "$d" 600
check "the attacks went on all the while" in_effect
for a in "$tmp"/attack.*; do
        tail -n 1 "$a" | sed "s#^#\# ${a##*.}: #"
done
check "memory stays under its bound ($(($(cat "$tmp/most") / 1024)) of $((attack_bound_kib / 1024)) MiB)" \
        [ "$(cat "$tmp/most")" -gt 0 -a "$(cat "$tmp/most")" -le "$attack_bound_kib" ]
metrics=$(curl -s --unix-socket "$MUSTER_SOCKET" http://m/metrics | grep '^muster_dropped')
printf '# %s\n' "${metrics//$'\n'/$'\n'# }"
for why in slow-request slow-body slow-reader; do
        check "what is dropped for $why is counted" test "$(grep -F "\"$why\"" <<<"$metrics" | cut -d' ' -f2)" -gt 0
done
check "the journal verifies" m log verify
# 200 refusals at once and 10 a second, the pending nodes, and the boot
rows=$(($(m status -o json | jq .journal.seq) - from))
check "the journal has not filled: $rows rows" [ "$rows" -le $((300 + 11 * SECONDS)) ]
"$vnode" stop "$d"
