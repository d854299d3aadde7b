#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Requests as an attack: without end, malformed, costly. During each a node
# boots. And what each of the malformed ones is answered.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/attack/lib.sh"
node_requires
requires nc -h
attack_build
node_files
attacked_parent

# ---- one by one ---------------------------------------------------------------
# says STATUS NAME FORMAT [ARG]: status 000: it is closed without an answer
says() {
        local want=$1 name=$2 got
        shift 2
        # shellcheck disable=SC2059
        got=$(printf "$@" | timeout 10 nc -q 2 127.0.0.1 "$boot_port" 2>/dev/null | head -n1 | tr -d '\r' | cut -d' ' -f2)
        case " $want " in *" ${got:-000} "*) ok "$name is answered ${got:-by closing}" ;; *) not_ok "$name" "wanted $want, got '${got:-000}'" ;; esac
}
big=$(head -c 65536 /dev/zero | tr '\0' a)
get='GET /ipxe HTTP/1.1\r\nHost: x\r\n'
says 200 "an ordinary request" "$get\r\n"
says "431 000" "a giant header" "${get}X: %s\r\n\r\n" "$big"
says "431 000" "two thousand headers" "$get%s\r\n" "$(for _ in {1..2000}; do printf 'A: b\r\n'; done)"
says "414 000" "a giant path" 'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' "$big"
says 411 "a chunked body" "${get}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
says 400 "a chunked body with a length" "${get}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"
says 400 "a negative length" "${get}Content-Length: -1\r\n\r\n"
says 400 "a length in hexadecimal" "${get}Content-Length: 0x5\r\n\r\n"
says "413 400" "a length beyond 64 bits" "${get}Content-Length: 18446744073709551616\r\n\r\n"
says 413 "a body where none may be" "${get}Content-Length: 5\r\n\r\n"
says 400 "two lengths" "${get}Content-Length: 0\r\nContent-Length: 0\r\n\r\n"
says 400 "two hosts" "${get}Host: y\r\n\r\n"
says 400 "no host" 'GET /ipxe HTTP/1.1\r\n\r\n'
says 400 "a space before the colon" 'GET /ipxe HTTP/1.1\r\nHost : x\r\n\r\n'
says 404 "an absolute path" 'GET http://x/ipxe HTTP/1.1\r\nHost: x\r\n\r\n'
says 404 "CONNECT" 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n'
says 400 "HTTP/0.9" 'GET /ipxe\r\n\r\n'
says 505 "HTTP/2.0's preface" 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
says 505 "HTTP/3.7" 'GET /ipxe HTTP/3.7\r\nHost: x\r\n\r\n'
says 404 "a path that climbs" 'GET /boot/%%2e%%2e/muster.db HTTP/1.1\r\nHost: x\r\n\r\n'
says 400 "a path that climbs by an escaped slash" 'GET /boot/%%2e%%2e%%2fmuster.db HTTP/1.1\r\nHost: x\r\n\r\n'
says 200 "after all of these, an ordinary request" "$get\r\n"
n=$(python3 - "$boot_port" <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
s.sendall(b"GET /ipxe HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
got = b""
try:
    while more := s.recv(65536):
        got += more
except ConnectionResetError:
    pass  # it ends with requests unread
print(got.count(b"HTTP/1.1 200"))
END
)
check "of a thousand requests in one write, at most 256 are answered ($n)" [ "$n" -gt 0 -a "$n" -le 256 ]

# ---- without end ---------------------------------------------------------------
under pipeline "" 4 : --connections 50 --addresses 50
under odd "" 4 : --connections 100 --addresses 50
under odd-tls "" 4 : --connections 100 --addresses 50
under key-update "" 4 : --connections 100 --addresses 50
# 200 refusals at once and 10 a second go in the journal
under malformed work 400 : --connections 50 --addresses 4
under flood-challenge work 4 : 2
under flood-refused work 400 : 2
waiting() {
        local seen=''
        for _ in {1..15}; do
                seen+=" $(metric muster_waiting_requests)"
                sleep 0.3
        done
        check "flood-same: one request of a node is held, not each" grep -qE '^( 0)*( 1)( 0| 1)*$' <<<"$seen"
}
under flood-same "" 4 waiting 4
# last, since it fills pending-limit
pending_now() { "$bin/muster" node list -o json | jq '[.nodes[] | select(.state == "pending")] | length'; }
more_pending() { [ "$(pending_now)" -gt 12 ]; }
one_address() {
        check "flood-pending: one address is told to come again" wait_for 20 grew 'muster_verdicts_total{verdict="busy"}' "$busy"
        check "flood-pending: one address gets an eighth of pending-limit" [ "$(pending_now)" -le 12 ]
        check "flood-pending: and something" [ "$(pending_now)" -gt 3 ]
}
pending() {
        check "flood-pending: several addresses get more" wait_for 20 more_pending
        check "flood-pending: a quarter of pending-limit is kept for nodes with certificates" \
                [ "$("$bin/muster" node list -o json | jq '[.nodes[] | select(.state == "pending")] | length')" -le 75 ]
        check "flood-pending: further ones are told to come again" wait_for 10 grew 'muster_verdicts_total{verdict="busy"}' "$busy"
}
busy=$(metric 'muster_verdicts_total{verdict="busy"}')
under flood-pending "" 80 one_address 1
busy=$(metric 'muster_verdicts_total{verdict="busy"}')
under flood-pending "" 80 pending 20
said() { grep -c "$1" "$p.log"; }
check "flood-pending: the log says once a minute that there is no place" \
        [ "$(said 'an unknown node is not recorded: ')" -gt 0 -a "$(said 'an unknown node is not recorded: ')" -le 9 ]
check "flood-pending: it has few of those that are told to come again" \
        [ "$(said 'busy: pending-limit is reached')" -gt 0 -a "$(said 'busy: pending-limit is reached')" -le 320 ]
attacked_end

# ---- what one of them costs ----------------------------------------------------
# Each kind of request that a stranger can make dear, against an honest one of the same run: musterd's CPU time, its
# processes together. A ratio, so that neither the machine nor what else runs on it matters.
cost_limit=300 # hundredths
q=$tmp/cost
parent_init "$q"
printf '%s\n' "rate-per-address = 1000000" "rate-strangers = 1000000" >>"$q/etc/musterd.conf"
parent_start "$q"
parent_content "$q" 8
"$tmp/flood" costs "$(cat "$q/attest-port")" 100 "$node_parent_pid" >"$tmp/costs"
check "there are kinds of requests whose cost is known" [ "$(wc -l <"$tmp/costs")" -ge 15 ]
while read -r us ratio kind; do
        check "costs at most three times an honest request: $kind ($us us, $ratio %)" [ "$us" -gt 0 -a "$ratio" -le "$cost_limit" ]
done <"$tmp/costs"
