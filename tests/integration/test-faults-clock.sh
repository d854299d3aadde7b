#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The parent's clock jumps by years, its keys are missing, it runs out of
# descriptors or memory, its disk is slow, its hooks hang: the node is let in
# or told to come again, each release is recorded, and musterd goes on. And
# what systemd is told.
. "$(dirname "$0")/../lib.sh"
requires jq --version
requires prlimit --version
requires sqlite3 --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/faults-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
[ -x "$bin/musterd-faults" ] || { echo "# needs: make tools"; exit 77; }
hostile_build || exit 1
make_parent
mkdir "$tmp/hooks.d"
printf '#!/bin/sh\nexec sleep 600\n' >"$tmp/hooks.d/hangs"
chmod 755 "$tmp/hooks.d/hangs"
faults_cluster
ask() { do_ "dial 0" "attest 0"; answer; }
let_in_now() { # NAME
        local before
        up 15
        before=$(let_in)
        ask
        is "$1: the node is let in" ok "$got"
        is "$1: and that is recorded" $((before + 1)) "$(let_in)"
        check "$1: the journal holds" chain_holds
}
n1() { admin GET /v1/nodes/n1 | jq -r "$1"; }
year=31557600
now() { date +%s; }
near() { check "$1" test "$((${2} - ${3}))" -lt 7200 -a "$((${3} - ${2}))" -lt 7200; }

# ---- the clock -------------------------------------------------------------------
fault "clock $((10 * year))"
let_in_now "ten years ahead"
near "its certificates are renewed at that time" "$(n1 .tls_expires)" $(($(now) + 10 * year + 30 * 86400))
fault
let_in_now "back again"
near "and again: those from the future are not sent" "$(n1 .tls_expires)" $(($(now) + 30 * 86400))
fault "clock -$((20 * year))"
let_in_now "twenty years back"
is "an admin can still act" 200 "$(admin_status POST /v1/nodes/n1/assign '{"boot":"r9"}')"
ask_lie() { do_ "dial 0" "attest 0 pcrs"; answer; }
ask_lie
is "and what lies is refused" M-PCRDIGEST "$got"
is "in the journal too" refused "$(last_event '' event)"
kill -9 "$(cat "$tmp/pid")"
died 1
let_in_now "started with that clock"
fault
let_in_now "right again"
near "its certificates are of now" "$(n1 .tls_expires)" $(($(now) + 30 * 86400))
# who waits does so by another clock
do_ ek "dial 1" "attest 1"
answer
do_ "activate 1"
waiting 1
fault "clock $((5 * year))"
id=$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].id')
is "approved across a jump" 200 "$(admin_status POST "/v1/nodes/$id/approve" '{"name":"n2","without_ek_certificate":true}')"
answer
is "who waited is let in" ok "$got"
fault

# ---- a slow disk, hooks that hang ---------------------------------------------------
fault "slow db-sync 700"
let_in_now "a slow disk"
fault
for i in $(seq 1 40); do
        admin POST /v1/nodes/n1/quarantine >/dev/null
        admin POST /v1/nodes/n1/approve >/dev/null
done
check "hooks that hang keep nobody waiting" test "$(admin GET /v1/nodes/n1 | jq -r .name)" = n1
do_ "dial 0" "attest 0"
answer

# ---- descriptors, memory ------------------------------------------------------------
unsupervise
supervise prlimit --nofile=700:700
up || not_ok "it starts with 700 descriptors" "$(tail -n 5 "$tmp/musterd.log")"
python3 - "$attest_port" "$boot_port" "$tmp/held" "$tmp/let-go" <<'END' &
import os, socket, sys, time
held = []
for port in (int(sys.argv[1]), int(sys.argv[2])):
    for _ in range(200):
        s = socket.socket()
        s.settimeout(1)
        try:
            s.connect(("127.0.0.1", port))
        except OSError:
            pass
        held.append(s)
open(sys.argv[3], "w").close()
end = time.time() + 20
while not os.path.exists(sys.argv[4]) and time.time() < end:
    time.sleep(0.05)
END
holder=$!
cleanup_pid "$holder"
wait_for 30 test -e "$tmp/held"
pid=$(cat "$tmp/pid")
is "with every connection taken an admin is answered" 200 "$(admin_status GET /v1/status)"
touch "$tmp/let-go"
wait "$holder"
is "and the next one who comes is, when they are let go" 200 "$(wait_for 10 sh -c "curl -sf -o /dev/null 'http://127.0.0.1:$boot_port/ipxe?mac=52:54:00:00:00:01'" && echo 200)"
is "musterd lives" "$pid" "$(cat "$tmp/pid")"
is "no node is lost" 2 "$(admin GET /v1/nodes | jq '[.nodes[] | select(.name == "n1" or .name == "n2")] | length')"

# memory: just what it needs to start, and not what requests need
used=$(awk '/^VmSize/ { print $2 * 1024 }' "/proc/$pid/status")
unsupervise
for more in 0 1 2 4 8 16; do
        supervise prlimit --as=$((used + more * 1048576))
        up 3 && break
        unsupervise
done
up || not_ok "it starts with little memory"
pid=$(cat "$tmp/pid")
head -c 60000 /dev/zero | tr '\0' a >"$tmp/big"
for i in $(seq 1 24); do
        curl -s -m 5 -o /dev/null --unix-socket "$sock" -H 'Content-Type: application/json' --data-binary @"$tmp/big" http://m/v1/nodes &
        curl -s -m 5 -o /dev/null --cacert "$tmp/pki/ca.pem" -H 'Content-Type: application/x-muster' --data-binary @"$tmp/big" "https://127.0.0.1:$attest_port/v2/attest" &
        more_pids[i]=$!
done
wait "${more_pids[@]}"
is "short of memory it answers or closes, and lives" "$pid" "$(cat "$tmp/pid")"
unsupervise
supervise
up
check "and nothing is lost" chain_holds
unsupervise

# ---- keys -------------------------------------------------------------------------
refused_start() { # NAME PATTERN COMMAND…: on a copy of pki
        local name=$1 says=$2 out rc
        shift 2
        rm -rf "$tmp/pki2"
        cp -a "$tmp/pki" "$tmp/pki2"
        (cd "$tmp/pki2" && eval "$*") 2>/dev/null
        sed "s#$tmp/pki#$tmp/pki2#" "$conf" >"$tmp/bad.conf"
        out=$(timeout 10 "$bin/musterd" --config "$tmp/bad.conf" 2>&1)
        rc=$?
        is "$name: exit code" 3 "$rc"
        check "$name: named, with what to do" grep -qE "$says.*Next: " <<<"$out"
}
refused_start "no CA key" "ca.key" 'rm ca.key'
refused_start "another CA key" "ca.key does not belong" 'p256 ca.key; chmod 600 ca.key'
refused_start "another server key" "server.key does not belong" 'p256 server.key; chmod 600 server.key'
refused_start "a key that is cut short" "policy.key" 'truncate -s 20 policy.key'
refused_start "no store key" "store.key" 'rm store.key'

# ---- what systemd hears --------------------------------------------------------------
cat >"$tmp/listen.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
out = open(sys.argv[2], "w")
while True:
    out.write(s.recv(4096).decode() + "\n")
    out.flush()
END
python3 "$tmp/listen.py" "$tmp/notify.sock" "$tmp/heard" &
cleanup_pid $!
wait_for 10 test -S "$tmp/notify.sock"
NOTIFY_SOCKET=$tmp/notify.sock WATCHDOG_USEC=2000000 MUSTER_FAULTS=$faults "$bin/musterd-faults" --config "$conf" >>"$tmp/musterd.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
check "READY=1" wait_for 10 grep -qx READY=1 "$tmp/heard"
is "it listens by then" 200 "$(boot_status '/ipxe?mac=52:54:00:00:00:01')"
check "WATCHDOG=1, again and again" wait_for 10 sh -c "[ \"\$(grep -cx WATCHDOG=1 '$tmp/heard')\" -ge 2 ]"
# a disk that hangs: nobody says that all is well, until it goes on
fault "hold journal-sync -"
curl -s -m 1 -o /dev/null --unix-socket "$sock" -X POST http://m/v1/nodes/n1/quarantine
sleep 1.5
seen=$(grep -cx WATCHDOG=1 "$tmp/heard")
sleep 3
is "no WATCHDOG=1 while a sync hangs" "$seen" "$(grep -cx WATCHDOG=1 "$tmp/heard")"
fault
check "WATCHDOG=1 again when it goes on" wait_for 10 sh -c "[ \"\$(grep -cx WATCHDOG=1 '$tmp/heard')\" -gt $seen ]"
# a store that hangs
fault "slow store-commit 60000"
curl -s -m 1 -o /dev/null --unix-socket "$sock" -X POST http://m/v1/nodes/n1/quarantine
sleep 1.5
seen=$(grep -cx WATCHDOG=1 "$tmp/heard")
sleep 3
is "no WATCHDOG=1 while the store hangs" "$seen" "$(grep -cx WATCHDOG=1 "$tmp/heard")"
kill -9 "$pid"
wait "$pid" 2>/dev/null
fault
NOTIFY_SOCKET=$tmp/notify.sock "$bin/musterd" --config "$conf" >>"$tmp/musterd.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
up
kill "$pid"
wait "$pid"
is "SIGTERM ends it with 0" 0 $?
check "STOPPING=1" grep -qx STOPPING=1 "$tmp/heard"
check "the unit asks for it" grep -qE '^WatchdogSec=' "$top/bootserver/musterd.service"
check "the unit tries for ever" grep -qx 'StartLimitIntervalSec=0' "$top/bootserver/musterd.service"
