#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a node with a software TPM of its own making gets by lying to musterd.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -I"$top/common" -I"$top/bootserver" -o "$tmp/hostile" \
        "$top/tests/integration/hostile-node.c" "$objs/libserver.a" "$objs/libcommon.a" -ljson-c -lsqlite3 -lssl -lcrypto || exit 1
make_parent
"$tmp/hostile" files "$tmp" && mv "$tmp/r9.efi" "$state/boot/" && mv "$tmp/snponly.efi" "$state/ipxe/"
chmod 644 "$state"/boot/* "$state"/ipxe/*
chmod 700 "$tmp/run"
printf 'pending-limit = 4\ntimeout = 5\n' >>"$conf"
musterd_start || exit 1
is "the directory of the admin socket keeps its mode" 700 "$(stat -c %a "$tmp/run")"
admin POST /v1/boots '{"name":"r9","file":"r9.efi","cmdline":"root=muster rd.shell=0 rd.emergency=reboot console=ttyS0","default":true}' >/dev/null || exit 1
hex=4d5553544552494d0000000100000014$(printf '%016x' 100)$(printf '11%.0s' {1..16})$(printf '22%.0s' {1..7})01$(printf '00%.0s' {1..16})
{ printf '%s' "$hex" | xxd -r -p; head -c 116 /dev/urandom; } >"$state/images/i.img"
chmod 644 "$state/images/i.img"
admin POST /v1/images "{\"name\":\"i\",\"file\":\"i.img\",\"format\":\"squashfs\",\"size\":180,\"plain_size\":100,\"header\":\"$hex\",\"key\":\"$(head -c 32 /dev/urandom | base64)\",\"default\":true}" >/dev/null || exit 1

# one identity for the whole test: it reads its orders from a pipe
mkfifo "$tmp/orders"
"$tmp/hostile" talk "$tmp/pki/ca.pem" "$attest_port" <"$tmp/orders" >"$tmp/answers" 2>"$tmp/hostile.err" &
cleanup_pid $!
exec 9>"$tmp/orders"
seen=0
do_() { printf '%s\n' "$@" >&9; }
# answer: the next line that the node prints
answer() {
        seen=$((seen + 1))
        wait_for 60 sh -c "[ \$(wc -l <'$tmp/answers') -ge $seen ]"
        got=$(sed -n "${seen}p" "$tmp/answers")
}
is_said() { # NAME WANTED ORDER
        do_ "$3"
        answer
        is "$1" "$2" "$got"
}
node() { admin GET /v1/nodes | jq -r ".nodes[0].$1"; }

# ---- the challenge ------------------------------------------------------------
do_ "dial 0" "dial 1"
is_said "an unknown node is challenged" challenge "attest 0"
is "and not recorded before it answers" 0 "$(admin GET /v1/nodes | jq '.nodes | length')"
is_said "its secret is wrong" M-ACTIVATE "activate 0 wrong"
is_said "the right one then comes too late: the challenge is spent" M-ACTIVATE "activate 0"
is_said "an activation without any challenge" M-ACTIVATE "activate 1 empty"
is_said "a challenge again" challenge "attest 0"
is_said "its secret on another connection" M-ACTIVATE "activate 1"
do_ "ak"
is_said "another AK after the challenge is challenged anew" challenge "attest 0"
is_said "a second attest replaces the first one's challenge" challenge "attest 0"
is_said "a malformed attest" M-MALFORMED "send 0 /v1/attest"
is_said "ends the challenge before it" M-ACTIVATE "activate 0"
is "nothing of all this made a record" 0 "$(admin GET /v1/nodes | jq '.nodes | length')"

# ---- pending, and a peer that goes away ---------------------------------------
is_said "a challenge once more" challenge "attest 0"
do_ "activate 0"
check "activated, it is pending" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/nodes | grep -q '\"pending\"'"
is "approving it without its certificates is explicit" 409 "$(admin_status POST "/v1/nodes/$(node id)/approve" '{"name":"r1","learn":true}')"
is "approved" enrolled "$(admin POST "/v1/nodes/$(node id)/approve" '{"name":"r1","learn":true,"without_ek_certificate":true}' | jq -r .state)"
answer
is "the held request is answered at once" ok "$got"
is_said "again on this connection: no second challenge" ok "attest 0"
is_said "and on another: the AK is on record" ok "attest 1"
is_said "a secret without a challenge on an activated connection" M-ACTIVATE "activate 0"

# ---- lies that prove nothing about the node change nothing of its record -------
before=$(admin GET /v1/nodes/r1 | jq -S 'del(.last_ipxe)' | sha256sum)
sleep 1
is_said "a quote of another connection" M-BINDING "attest 0 binding"
is_said "another key's signature" M-SIGNATURE "attest 0 signature"
do_ "ak"
is_said "an AK that was not shown" challenge "attest 0"
is_said "and is not shown then" M-ACTIVATE "activate 0 wrong"
is_said "that AK caps" M-CAPPED "attest 0 capped"
is "the record is as it was" "$before" "$(admin GET /v1/nodes/r1 | jq -S 'del(.last_ipxe)' | sha256sum)"
is_said "an AK is shown" challenge "attest 0"
is_said "it takes over, after a TPM2_Clear" ok "activate 0"
is "which is journalled" true "$(admin GET '/v1/events?node=r1&newest=1&limit=1' | jq '.events[0].detail.ak_changed')"

# ---- lies in its own name are its state, but never evidence --------------------
evidence=$(admin GET /v1/nodes/r1 | jq -S .evidence | sha256sum)
for lie in pcrs:M-PCRDIGEST log:M-EVENTLOG capped:M-CAPPED reset:M-RESETCOUNT; do
        is_said "lies about ${lie%:*}" "${lie#*:}" "attest 0 ${lie%:*}"
        is "is refused, and shown so" "refused ${lie#*:}" "$(node state) $(node reason)"
        is "and what it sent is not kept to learn from" "$evidence" "$(admin GET /v1/nodes/r1 | jq -S .evidence | sha256sum)"
done
is "a profile learnt now is that of the boot that held" "$(admin GET /v1/profiles | jq -c '.profiles[0].current.pcrs')" \
        "$(admin POST /v1/profiles/learn '{"node":"r1"}' | jq -c .proposed.pcrs)"
is_said "the truth mends it" ok "attest 0"

# ---- a body byte by byte ----------------------------------------------------------
drip() {
        printf 'POST /v1/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n'
        for _ in {1..15}; do
                sleep 1
                printf ' ' || return
        done
}
start=$SECONDS
drip 2>/dev/null | timeout 30 openssl s_client -quiet -verify_quiet -ign_eof -connect "127.0.0.1:$attest_port" >/dev/null 2>&1
check "a body that drips is cut off, however steadily" [ $((SECONDS - start)) -lt 12 ]

# ---- one node cannot fill the journal -------------------------------------------
rows() { admin GET /v1/status | jq .journal.seq; }
from=$(rows)
do_ "dial 0" "burst 0 3000 capped"
answer
is "refusals in quick succession end in M-BUSY" "M-CAPPED $(($(rows) - from)), then M-BUSY" "$got"
sleep 2
is_said "the node's next good boot is not held against it" ok "attest 0"

# ---- held requests and what ends them --------------------------------------------
id=$(node id)
admin DELETE /v1/nodes/r1 >/dev/null
do_ "dial 2"
is_said "a removed node begins anew" challenge "attest 2"
do_ "activate 2"
check "held" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/status | grep -q '\"waiting\":1'"
admin POST "/v1/nodes/$id/revoke" '{}' >/dev/null
answer
is "revoked while it waits: refused at once" M-REVOKED "$got"
admin DELETE "/v1/nodes/$id" >/dev/null
is_said "removed: this connection does not enrol it again by itself" M-UNKNOWN "attest 2"
do_ "dial 2"
is_said "challenged" challenge "attest 2"
do_ "activate 2"
check "held again" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/status | grep -q '\"waiting\":1'"
do_ "dial 3" "hang 3"
sleep 1
musterd_stop
is "SIGTERM with requests held, one of them by a peer that went away" 0 $?
answer
check "the held one still got an answer" [ "$got" = pending ]
musterd_start || exit 1
is "the journal holds" true "$(admin GET /v1/events/verify | jq .ok)"

# ---- strangers do not take every place -------------------------------------------
for n in 1 2; do
        do_ "ek" "dial 0"
        is_said "stranger $n" challenge "attest 0"
        do_ "leave 0"
done
do_ "ek" "dial 0"
is_said "stranger 3" challenge "attest 0"
is_said "is too many: a quarter of pending-limit is for EKs that a vendor vouches for" M-BUSY "activate 0"
is "three of four places are taken" 3 "$(admin GET '/v1/nodes?state=pending' | jq '.nodes | length')"
musterd_stop
exec 9>&-
is "no sanitizer complained" 0 "$(grep -c 'Sanitizer' "$tmp/musterd.log")"
