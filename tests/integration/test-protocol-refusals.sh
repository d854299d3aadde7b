#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# What a node with a software TPM of its own making gets by lying to musterd:
# for each check of DESIGN section 5 a request that fails only that one.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires sqlite3 --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
mkdir -p "$tmp/run" && chmod 700 "$tmp/run"
hostile_parent 'pending-limit = 4' 'timeout = 5' || exit 1
is "the directory of the admin socket keeps its mode" 700 "$(stat -c %a "$tmp/run")"
hostile_start

# ---- the challenge ------------------------------------------------------------
do_ "dial 0" "dial 1"
is_said "an unknown node is challenged" challenge "attest 0"
is "and not recorded before it answers" 0 "$(admin GET /v1/nodes | jq '.nodes | length')"
is_said "its secret is wrong" M-ACTIVATE "activate 0 wrong"
is_said "the right one then comes too late: the challenge is spent" M-ACTIVATE "activate 0"
is_said "an activation without any challenge" M-ACTIVATE "activate 1 empty"
for lie in short long; do
        is_said "a challenge" challenge "attest 0"
        is_said "its secret is too $lie" M-ACTIVATE "activate 0 $lie"
done
is_said "a challenge again" challenge "attest 0"
is_said "its secret on another connection" M-ACTIVATE "activate 1"
do_ "ak"
is_said "another AK after the challenge is challenged anew" challenge "attest 0"
is_said "a second attest replaces the first one's challenge" challenge "attest 0"
is_said "a malformed attest" M-MALFORMED "send 0 /v2/attest"
is_said "ends the challenge before it" M-ACTIVATE "activate 0"
is "nothing of all this made a record" 0 "$(admin GET /v1/nodes | jq '.nodes | length')"

# ---- pending, and a peer that goes away ---------------------------------------
is_said "a challenge once more" challenge "attest 0"
do_ "activate 0"
check "activated, it is pending" waiting 1
is "approving it without its certificates is explicit" 409 "$(admin_status POST "/v1/nodes/$(node id)/approve" '{"name":"r1","learn":true}')"
is "approved" enrolled "$(admin POST "/v1/nodes/$(node id)/approve" '{"name":"r1","learn":true,"without_ek_certificate":true}' | jq -r .state)"
answer
is "the held request is answered at once" ok "$got"
is_said "again on this connection: no second challenge" ok "attest 0"
is_said "and on another: the AK is on record" ok "attest 1"
is_said "a secret without a challenge on an activated connection" M-ACTIVATE "activate 0"
is_said "another secret reused" M-ACTIVATE "activate 0"

# ---- one lie each ----------------------------------------------------------------
# Each lie of hostile/lies.c on a connection of its own, from an address of its
# own: the code, exactly one journal entry with it and the client's incident,
# nothing released, the record changed no more than the lie proves; then the
# truth on the same connection.
watch() { curl -sS --unix-socket "$sock" http://m/v1/nodes/r1 'http://m/v1/events?newest=1&limit=5'; }
# shellcheck disable=SC2016
compare='def firm: del(.last_seen, .last_ok, .last_ipxe, .state, .reason);
        # what is folded comes in between at any time
        def entries: .events | map(select(.event != "refused-more"));
        .[0] as $was | .[1].events[0].seq as $seq | .[2] as $is | (.[3] | entries) as $es | $es[0] as $e |
        [($es | map(select(.seq > $seq)) | length), $e.event, $e.code, $e.incident,
         if $e.node == $was.id or $e.node == null or $e.code == "M-EK" then "his" else "not his" end,
         if [$was.state, $was.reason, $was.last_seen] == [$is.state, $is.reason, $is.last_seen] then "as before"
         else "\($is.state) \($is.reason)" end,
         if $was.last_ok != $is.last_ok then "released" elif ($was | firm) == ($is | firm) then "kept"
         elif ($was | firm | del(.evidence)) == ($is | firm | del(.evidence)) then "evidence" else "changed" end] | join("; ")'
n=0
while read -r lie code proof words; do
        n=$((n + 1))
        before=$(watch)
        do_ "dial 0 127.1.$((n / 200)).$((n % 200 + 1))" "dial 1" "tell 0 $lie"
        answer
        read -r said incident members <<<"$got"
        if [ "$proof" = t ]; then
                is "$words: $code" "$code" "$said"
                continue
        fi
        case $proof in
        u) want="as before; kept" ;;
        g) want="refused $code; kept" ;;
        s) want="refused $code; evidence" ;;
        esac
        seen=$({ printf '%s' "$before"; watch; } | jq -rs "$compare")
        do_ "attest 0"
        answer
        is "$words: $code" "$code, 4 members; 1; refused; $code; $incident; his; $want; then ok" \
                "$said, $members members; $seen; then $got"
done < <("$tmp/hostile" lies)
is "the journal holds" true "$(admin GET /v1/events/verify | jq .ok)"

# ---- what others said ------------------------------------------------------------
do_ "dial 0" "dial 1"
is_said "an honest request" ok "attest 0"
is_said "recorded, and sent on another connection" M-BINDING "relay 0 1"
is_said "while it holds on its own" ok "relay 0 0"
do_ "other"
is_said "another node's EK with its own AK" challenge "attest 1"
is_said "is activated there" M-ACTIVATE "activate 1 wrong"
do_ "other"
before=$(admin GET /v1/nodes/r1 | jq -S 'del(.last_ipxe)' | sha256sum)
do_ "ak"
is_said "an AK that was not shown" challenge "attest 0"
is_said "and is not shown then" M-ACTIVATE "activate 0 wrong"
is_said "that AK caps" M-CAPPED "attest 0 capped"
is "the record is as it was" "$before" "$(admin GET /v1/nodes/r1 | jq -S 'del(.last_ipxe)' | sha256sum)"
is_said "an AK is shown" challenge "attest 0"
is_said "it takes over, after a TPM2_Clear" ok "activate 0"
is "which is journalled, and told" "true 1" "$(admin GET '/v1/events?node=r1&newest=1&limit=2' |
        jq -r '"\([.events[] | select(.event == "ok")][0].detail.ak_changed) \([.events[] | select(.event == "ak-changed" or .event == "tpm-cleared")] | length)"')"
do_ "dial 2" "other"
is_said "an unknown node whose log lies is asked for its AK all the same" challenge "attest 2 log"
is_said "and refused for its log" M-EVENTLOG "activate 2"
id2=$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].id')
is "but it is listed, with the reason and what it sent" "pending M-EVENTLOG Fixture Inc." \
        "$(admin GET "/v1/nodes/$id2" | jq -r '"\(.state) \(.reason) \(.facts.vendor)"')"
is "nothing is learnt from that" 409 "$(admin_status POST /v1/profiles/learn "{\"node\":\"$id2\"}")"
admin DELETE "/v1/nodes/$id2" >/dev/null
do_ "dial 2"
is_said "a second node" challenge "attest 2"
do_ "activate 2"
check "is pending" waiting 1
id2=$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].id')
is "approved" enrolled "$(admin POST "/v1/nodes/$id2/approve" '{"name":"r2","without_ek_certificate":true}' | jq -r .state)"
answer
is "and booted" ok "$got"
do_ "swap"
is_said "the first node's EK with the second one's AK, on the second one's connection" challenge "attest 2"
is_said "whose secret the second one's TPM does not give away" M-ACTIVATE "activate 2 wrong"
do_ "swap"
is_said "the second node as itself" ok "attest 2"
do_ "other"
is_said "the first node on the second one's connection: its AK is on record" ok "attest 2"
admin DELETE "/v1/nodes/$id2" >/dev/null

# ---- boots of the past --------------------------------------------------------------
openssl pkey -in "$tmp/pki/policy.key" -pubout -out "$tmp/policy.pem"
do_ "policy $tmp/policy.pem" "reboot" "dial 0"
is_said "the next boot" ok "attest 0"
is "its reset counter is noted" 8 "$(admin GET /v1/nodes/r1 | jq .reset_count)"
is_said "approvals are for this boot only" "8 yes, 7 no, nv as bundle no" "approvals 0"
do_ "rewind"
is_said "the boot before it gets no approval any more" M-RESETCOUNT "attest 0"
do_ "reboot"
is_said "this boot still does: equal is a retry" ok "attest 0"

# ---- lies in its own name are never evidence ----------------------------------------
for lie in pcrs:M-PCRDIGEST log:M-EVENTLOG; do
        is_said "lies about ${lie%:*}" "${lie#*:}" "attest 0 ${lie%:*}"
done
is "a profile learnt now is that of the boot that held" "$(admin GET /v1/profiles | jq -c '.profiles[0].current.pcrs')" \
        "$(admin POST /v1/profiles/learn '{"node":"r1"}' | jq -c .proposed.pcrs)"
is_said "the truth mends it" ok "attest 0"

# ---- what the admin decides ----------------------------------------------------------
is "quarantined" quarantined "$(admin POST /v1/nodes/r1/quarantine '{}' | jq -r .state)"
is_said "is refused" M-QUARANTINED "attest 0"
is "and stays so" quarantined "$(admin GET /v1/nodes/r1 | jq -r .state)"
is "approved" enrolled "$(admin POST /v1/nodes/r1/approve '{}' | jq -r .state)"
is_said "it boots" ok "attest 0"

# The record is judged, then a release made for it: what the admin decided
# between the two counts. The journal has the order in which it happened.
cat >"$tmp/toggle.py" <<'END'
import http.client, socket, sys
class Admin(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
a = Admin("m")
for _ in range(int(sys.argv[2])):
    for verb in "quarantine", "approve":
        a.request("POST", "/v1/nodes/r1/" + verb, "{}", {"Content-Type": "application/json"})
        a.getresponse().read()
END
from=$(rows)
do_ "dial 1" "storm 0 $tmp/storm-over" # this identity, while it is shut out and let in
python3 "$tmp/toggle.py" "$sock" 150
touch "$tmp/storm-over"
answer
order=$(for after in $(seq "$from" 1000 $((from + 9000))); do admin GET "/v1/events?node=r1&after=$after&limit=1000"; done | jq -r '.events[].event' | awk '
        /quarantined/ { shut = 1 } /approved/ { shut = 0; n++ } /^ok/ { ok++; bad += shut }
        END { print n, (ok ? "some" : "none"), bad + 0 }')
is "nothing is released between quarantine and approval ($got)" "150 some 0" "$order"
is_said "at rest again" ok "attest 0"

# ---- a body byte by byte ----------------------------------------------------------
drip() {
        printf 'POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-muster\r\nContent-Length: 150000\r\n\r\n'
        for _ in {1..15}; do
                sleep 1
                printf ' ' || return
        done
}
start=$SECONDS
drip 2>/dev/null | timeout 30 openssl s_client -quiet -verify_quiet -ign_eof -connect "127.0.0.1:$attest_port" >/dev/null 2>&1
check "a body that drips is cut off, however steadily" [ $((SECONDS - start)) -lt 12 ]

# ---- neither one node nor a stranger can fill the journal ----------------------------
musterd_stop
musterd_start || exit 1
from=$(rows)
do_ "dial 0" "burst 0 1000 capped"
answer
is "refusals in quick succession are answered all the same" "M-CAPPED 999, then M-CAPPED" "$got"
is_said "the node's next good boot is not held against it" ok "attest 0"
do_ "dial 0 127.2.0.1" "burst 0 1000 signature"
answer
is "and so are a stranger's" "M-SIGNATURE 999, then M-SIGNATURE" "$got"
check "with few entries in the journal ($(($(rows) - from)))" [ $(($(rows) - from)) -lt 20 ]
told=$(admin GET "/v1/events?after=$from&limit=1000" | jq -r '[.events[] | select(.code == "M-SIGNATURE")][0].incident')
is_said "those that are folded are told an incident that is there" "M-SIGNATURE $told 4" "tell 0 signature"
do_ "dial 0"

# ---- held requests and what ends them --------------------------------------------
id=$(admin GET /v1/nodes/r1 | jq -r .id)
admin DELETE /v1/nodes/r1 >/dev/null
do_ "dial 2"
is_said "a removed node begins anew" challenge "attest 2"
do_ "activate 2"
check "held" waiting 1
admin POST "/v1/nodes/$id/revoke" '{}' >/dev/null
answer
is "revoked while it waits: refused at once" M-REVOKED "$got"
is_said "and on a new attest" M-REVOKED "attest 2"
is "approving it is no way back" 409 "$(admin_status POST "/v1/nodes/$id/approve" '{"without_ek_certificate":true}')"
admin DELETE "/v1/nodes/$id" >/dev/null
is_said "removed: this connection does not enrol it again by itself" M-UNKNOWN "attest 2"
do_ "dial 3"
is_said "challenged" challenge "attest 3"
do_ "leave 3"
check "held, and its peer went away" waiting 1
musterd_stop
is "SIGTERM with a request held by a peer that went away" 0 $?
musterd_start || exit 1
do_ "dial 2" "attest 2"
check "held, its AK being known" waiting 1
musterd_stop
is "SIGTERM with a request held" 0 $?
answer
check "the held one still got an answer" [ "$got" = pending ]
musterd_start || exit 1
is "the journal holds" true "$(admin GET /v1/events/verify | jq .ok)"
is "and has every refusal: those not written in full are counted" "1001 1000" \
        "$(admin GET "/v1/events?after=$from&limit=1000" | jq -r '[(.events | map(select(.code == "M-SIGNATURE" or .code == "M-CAPPED")) | group_by(.code)[] |
                map(if .event == "refused-more" then .detail.count else 1 end) | add)] | sort | reverse | map(tostring) | join(" ")')"

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
