#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Connections as an attack: idle ones by the thousand, slow handshakes,
# headers, bodies and readers, storms. During each a node boots.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/attack/lib.sh"
node_requires
attack_build
node_files
attacked_parent

# an address that never passed, as a new node's: it may have to try again
stranger() {
        check "idle-boot: one that never came before gets its script" curl -sS -o /dev/null --fail --interface 127.9.9.9 --max-time 10 \
                --retry 5 --retry-all-errors --retry-delay 1 "http://127.0.0.1:$boot_port/ipxe?mac=52:54:00:12:34:56"
}
full() { check "idle-boot: the listener is full" [ "$(metric 'muster_connections{listener="boot"}')" -ge $((attack_connections - 8)) ]; stranger; }
tls_stranger() {
        check "idle-attest: one that never came before ends its handshake" wait_for 10 sh -c \
                "[ \$(curl -s -o /dev/null -w '%{http_code}' --interface 127.9.9.8 --max-time 5 --cacert '$p/etc/pki/ca.pem' https://127.0.0.1:$attest_port/) = 404 ]"
}

under idle-boot evicted 4 full --connections 10000 --addresses 250 --dial 4000
under idle-attest evicted 4 tls_stranger --connections 10000 --addresses 250 --dial 4000
under idle-tls slow-request 4 : --connections 400 --addresses 20
# that would be a turn, a place inside and a TLS session for each byte that is not there
none_waits() { check "hello-drip: who has not sent a whole record does not wait for a turn" [ "$(metric muster_connections_waiting)" -eq 0 ]; }
under hello-drip slow-request 4 none_waits --connections 400 --addresses 20
under hello-half slow-request 4 : --connections 400 --addresses 20
under header-drip slow-request 4 : --connections 800 --addresses 20
under header-drip-tls slow-request 4 : --connections 400 --addresses 20
under body-drip slow-body 4 : --connections 400 --addresses 20
# All have sent their hello; 64 for each of two threads are inside. On a busy machine more: any of them may then have been
# silent for a quarter of a second, and is not counted
others_wait() {
        local most=0 now
        for _ in {1..40}; do
                now=$(metric muster_connections_waiting)
                [ "$now" -le "$most" ] || most=$now
                sleep 0.1
        done
        echo "# of 600 connections waiting for their turn, most: $most"
        check "body-trickle: who comes when as many are inside as may be waits for a turn" [ "$most" -ge 10 ]
}
under body-trickle slow-body 4 others_wait --connections 600 --addresses 30 --dial 100
under body-hoard memory 4 : --connections 600 --addresses 50
# its kernel takes some at once, and nothing more until it reads on
patient() {
        check "slow-read: one that pauses for eight seconds, and then reads, gets it all" python3 - "$boot_port" "$image_path" \
                "$p/state/images/${image_path##*/}" <<'END'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
s.sendall(f"GET {sys.argv[2]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
got = s.recv(1000)
time.sleep(8)
while more := s.recv(65536):
    got += more
assert got.split(b"\r\n\r\n", 1)[1] == open(sys.argv[3], "rb").read()
END
}
under slow-read slow-reader 4 patient --connections 600 --addresses 20 --path "$image_path"
under storm rate 4 : --connections 200 --addresses 4 --dial 20000
under storm-tls rate 4 : --connections 100 --addresses 1 --dial 20000

# many from one address only
under idle-boot address 4 : --connections 400 --addresses 1 --first 127.3.0.1
attacked_end

# ---- limits that do not fit ------------------------------------------------------
parent_stop
ulimit -n 1000
parent_start "$p"
tpm_on "$tmp/tpm"
check "with too few open files it serves fewer connections, and says so" grep -q 'max-connections is [0-9]*, not 1024' "$p.log"
check "and a node boots" node_boot "$tmp/run" "$p/node.conf"
tpm_off
