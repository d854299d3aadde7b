#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# What went wrong in other attestation systems, done to musterd. Each check
# begins with the CVE or advisory, or with the pitfall's name.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires sqlite3 --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
hostile_parent || exit 1
hostile_start
enrol r1
is "an honest node boots" ok "$got"
id=$(admin GET /v1/nodes/r1 | jq -r .id)
record() { admin GET /v1/nodes/r1 | jq -S 'del(.last_seen, .last_ok)' | sha256sum; }
refused() { # NAME CODE LIE: and an honest request then passes
        do_ "dial 0 127.3.0.$((++lies))" "dial 1" "attest 0 $3" "attest 0"
        answer
        local first=$got
        answer
        is "$1" "$2, then ok" "$first, then $got"
}
lies=0

# ---- the nonce ---------------------------------------------------------------------
refused "CVE-2026-6420: a quote with a constant nonce does not pass" M-BINDING binding-zero
refused "CVE-2026-6420: a quote without a nonce does not pass" M-BINDING binding-none
refused "CVE-2026-6420: a nonce that the node chose does not pass" M-BINDING binding-own
refused "CVE-2026-6420: the nonce of another connection does not pass" M-BINDING binding

# ---- whose EK, whose AK ----------------------------------------------------------------
refused "CVE-2022-1053: the EK that is challenged is the one that the node id names" M-EK ek-node
do_ "other" "dial 1" "attest 1" "other"
answer
is_said "CVE-2022-1053: the EK cannot change between challenge" ok "attest 1"
do_ "other"
is_said "CVE-2022-1053: and activation" M-ACTIVATE "activate 1"
do_ "other"
(
        cd "$tmp" || exit 1
        p256 maker.key
        openssl req -new -x509 -key maker.key -subj "/CN=TPM maker" -days 30 -addext keyUsage=critical,keyCertSign -out ek-ca/maker.pem
        chmod 644 ek-ca/maker.pem
        printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\n' >ek.ext
        openssl req -new -key maker.key -subj "/CN=ek" | openssl x509 -req -CA ek-ca/maker.pem -CAkey maker.key -days 30 -extfile ek.ext -outform DER -out true.der
) >"$tmp/ek.log" 2>&1
kill -HUP "$musterd_pid"
wait_for 10 grep -q "reloaded: 1 EK CA" "$tmp/musterd.log"
before=$(record)
do_ "other" "certs $tmp/true.der" "fact product Node 2" "dial 1"
is_said "CVE-2021-3406: an EK with the true certificate of another EK" challenge "attest 1"
do_ "leave 1"
check "CVE-2021-3406: comes to be pending" wait_for 10 sh -c "curl -s --unix-socket '$sock' 'http://m/v1/nodes?state=pending' | grep -q '\"pending\"'"
id2=$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].id')
is "CVE-2021-3406: but never as certified" unmatched "$(admin GET "/v1/nodes/$id2" | jq -r .ek_chain)"
is "CVE-2021-3406: nor approved as such" 409 "$(admin_status POST "/v1/nodes/$id2/approve" '{"learn":true}')"
do_ "certs"

# ---- taking an identity over -------------------------------------------------------------
is "CVE-2025-13609: another TPM with a node's UUID, serial and MAC does not become it" "$before r1" "$(record) $(admin GET "/v1/nodes/$id" | jq -r .name)"
is "CVE-2025-13609: it has the same UUID indeed" "$(admin GET "/v1/nodes/$id" | jq -r .facts.uuid)" "$(admin GET "/v1/nodes/$id2" | jq -r .facts.uuid)"
is "CVE-2025-13609: it cannot be given the node's name" 409 "$(admin_status POST "/v1/nodes/$id2/approve" '{"name":"r1","learn":true,"without_ek_certificate":true}')"
is "CVE-2025-13609: nor added under its EK" 409 "$(admin_status POST /v1/nodes "{\"name\":\"r7\",\"id\":\"$id\"}")"
do_ "other" "fact uuid 00000000-0000-4000-8000-000000000099" "fact serial r2" "dial 0"
do_ "print 0"
answer
is "cuckoo: whatever a node says of itself, it gets the identity of its TPM" "$id r1" "$(jq -r '.node + " " + .name' <<<"$got")"
do_ "fact uuid 0b6f3c1e-0000-4000-8000-000000000001" "fact serial S1" "fact product Node 1"
do_ "dial 1"
is_said "cuckoo: an honest node's request, relayed" M-BINDING "relay 0 1"
admin DELETE "/v1/nodes/$id2" >/dev/null

# ---- administration without being an admin --------------------------------------------------
(
        cd "$tmp" || exit 1
        p256 node.key
        printf 'extendedKeyUsage=clientAuth,serverAuth\n' >node.ext
        openssl req -new -key node.key -subj "/CN=r1" | openssl x509 -req -CA pki/ca.pem -CAkey pki/ca.key -days 30 -extfile node.ext -out node.pem
) >>"$tmp/ek.log" 2>&1
head=$(admin GET /v1/status | jq -c .journal)
open=0
tried=0
while read -r method path; do
        for how in attest "attest --cert $tmp/node.pem --key $tmp/node.key" boot; do
                # shellcheck disable=SC2086 # options
                set -- $how
                port=${1}_status
                shift
                status=$("$port" "${path/\*/r1}" -X "$method" "$@" -H 'Content-Type: application/json' -d "$([ "$method" = POST ] && echo '{}')")
                tried=$((tried + 1))
                case $status in 404 | 405) ;; *) open=$((open + 1)); echo "# $method $path by $how: $status" ;; esac
        done
done < <(sed -n 's/.*{ "\([A-Z]*\)", *"\([^"]*\)", *L_ADMIN,.*/\1 \2/p' "$top/bootserver/routes.c")
check "CVE-2026-1709: every admin route was tried ($tried)" [ "$tried" = $((3 * $(grep -c "L_ADMIN," "$top/bootserver/routes.c"))) ]
is "CVE-2026-1709: none answers but on the admin socket, with or without a node's certificate" 0 "$open"
is "CVE-2026-1709: and nothing was done" "$head" "$(admin GET /v1/status | jq -c .journal)"
is "CVE-2026-1709: the socket is not for others" 660 "$(stat -c %a "$sock")"

# ---- what a refusal tells ------------------------------------------------------------------------
only='^{"verdict":"refused","code":"M-[A-Z]*","incident":"[0-9a-f]*","retry_after":30,"octets":\[\]}$'
told=0
lengths=
for lie in ek-node ak-restricted quote-magic signature binding select-none pcrs reset capped log separator-no2 firmware-0 chain-uki uki cmdline-break initrd pcr-8; do
        do_ "dial 0 127.4.0.$((++lies))" "print 0 $lie" "attest 0"
        answer
        grep -q "$only" <<<"$got" || { told=$((told + 1)); echo "# $lie: $got"; }
        code=$(jq -r .code <<<"$got")
        lengths="$lengths$((${#got} - ${#code})) "
        answer
done
is "CVE-2023-38201: a refusal holds its code and incident, and nothing of what was expected" 0 "$told"
is "CVE-2023-38201: and is of one length" 1 "$(tr ' ' '\n' <<<"$lengths" | grep . | sort -u | wc -l)"
do_ "other" "dial 1" "attest 1"
answer
is_said "CVE-2023-38201: a wrong secret is told as any other" M-ACTIVATE "activate 1 wrong"
is_said "CVE-2023-38201: as is none" M-ACTIVATE "activate 1 empty"
do_ "other"

# ---- one slow client ---------------------------------------------------------------------------------
cat >"$tmp/stall.py" <<'END'
import socket, sys, time
held = []
for i in range(50):
    s = socket.socket()
    s.bind(("127.5.0.%d" % (i % 25 + 1), 0))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.sendall(bytes.fromhex("16030100fa010000f60303"))  # a ClientHello that never ends
    held.append(s)
print("stalled", flush=True)
sys.stdin.read()
END
mkfifo "$tmp/stalled"
python3 "$tmp/stall.py" "$attest_port" <"$tmp/stalled" >"$tmp/stall.out" &
cleanup_pid $!
exec 7>"$tmp/stalled"
check "CVE-2023-38200: fifty handshakes are stalled" wait_for 10 grep -q stalled "$tmp/stall.out"
start=$(date +%s%N)
do_ "dial 0" "attest 0"
answer
took=$((($(date +%s%N) - start) / 1000000))
exec 7>&-
is "CVE-2023-38200: an honest node passes meanwhile" ok "$got"
check "CVE-2023-38200: as fast as ever ($took ms)" [ "$took" -lt 3000 ]

# ---- bodies that grow -----------------------------------------------------------------------------------
rss() { awk '/VmRSS/ { print $2 }' "/proc/$musterd_pid/status"; }
wire='Content-Type: application/x-muster'
before=$(rss)
head -c 60000000 /dev/zero | gzip -9 >"$tmp/bomb.gz"
is "GHSA-6xx7-m45w-76m2: a compressed body is not unpacked" 400 "$(attest_status /v2/attest -H "$wire" -H 'Content-Encoding: gzip' --data-binary "@$tmp/bomb.gz")"
head -c 300000 /dev/zero >"$tmp/big"
# which asks first: the answer to one that sends at once may be lost with the connection that closes on it
is "GHSA-6xx7-m45w-76m2: a body over the limit is not read" "413 0" "$(curl -s -o /dev/null -w '%{http_code} %{size_upload}' --cacert "$tmp/pki/ca.pem" \
        -H "$wire" -H 'Expect: 100-continue' --expect100-timeout 60 --data-binary "@$tmp/big" "https://127.0.0.1:$attest_port/v2/attest")"
{ printf '\0\0\x40\0{"a":'; printf '%016379d' 0 | tr 0 '['; } >"$tmp/deep"
is "GHSA-6xx7-m45w-76m2: sixteen thousand levels are not followed" 400 "$(attest_status /v2/attest -H "$wire" --data-binary "@$tmp/deep")"
is "GHSA-6xx7-m45w-76m2: a chunked body is not taken" 411 "$(attest_status /v2/attest -H "$wire" -H 'Transfer-Encoding: chunked' -d '{}')"
case $bin in
*/san) ok "GHSA-6xx7-m45w-76m2: memory is not looked at under a sanitizer" ;;
*) check "GHSA-6xx7-m45w-76m2: memory stays where it was ($before, $(rss) kB)" [ "$(rss)" -lt $((before + 20000)) ] ;;
esac

# ---- names that are not names -------------------------------------------------------------------------
admin DELETE /v1/nodes/r1 >/dev/null
do_ "ek" 'fact vendor Evil\n<3>musterd: node=r9 ok: boot=x' 'fact product \e[2J\e[31mred" code=M-OK' 'fact serial S" name=root approved x="' \
        'fact client c  ak_changed=true' "dial 0"
is_said "GHSA-87gh-qc28-j9mm: a node with facts that pose as lines and fields" challenge "attest 0"
do_ "leave 0"
check "GHSA-87gh-qc28-j9mm: is pending" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/nodes | grep -q '\"pending\"'"
evil=$(node id)
line=$(grep "node=$evil pending" "$tmp/musterd.log")
is "GHSA-87gh-qc28-j9mm: it is one line of the log" 1 "$(grep -c "$evil" "$tmp/musterd.log")"
is "GHSA-87gh-qc28-j9mm: no line begins with what it said" 0 "$(grep -c '^<3>musterd: node=r9' "$tmp/musterd.log")"
is "GHSA-87gh-qc28-j9mm: outside quotes there are only musterd's fields" "node ek_chain vendor product serial" \
        "$(sed 's/\\\\//g; s/\\"//g; s/"[^"]*"/Q/g' <<<"$line" | grep -oE '[a-z_]+=' | tr -d = | tr '\n' ' ' | sed 's/ $//')"
is "GHSA-87gh-qc28-j9mm: no escape sequence reaches the log" 0 "$(grep -c $'\033' "$tmp/musterd.log")"
admin POST "/v1/nodes/$evil/approve" '{"name":"r1","learn":true,"without_ek_certificate":true}' >/dev/null
do_ "dial 0"
is_said "GHSA-87gh-qc28-j9mm: such a node may still boot" ok "attest 0"
is "GHSA-87gh-qc28-j9mm: the journal keeps it as data" true "$(admin GET '/v1/events?newest=1&limit=5' | jq '[.events[] | select(.event == "ok")][0].detail | .ak_changed == false and .client == "c  ak_changed=true"')"
for cmd in "node list" "node show r1" "log r1"; do
        # shellcheck disable=SC2086 # words
        out=$("$bin/muster" --socket "$sock" $cmd 2>&1)
        is "GHSA-87gh-qc28-j9mm: muster $cmd prints nothing that moves a terminal" 0 "$(LC_ALL=C grep -c $'[\001-\010\013-\037\177]' <<<"$out")"
        check "GHSA-87gh-qc28-j9mm: muster $cmd prints the node" grep -q 'r1' <<<"$out"
        check "GHSA-87gh-qc28-j9mm: and no line of the node's own" [ "$(grep -c '^<3>\|^musterd:' <<<"$out")" = 0 ]
done
is "GHSA-87gh-qc28-j9mm: a field in muster log is not the node's" 0 "$("$bin/muster" --socket "$sock" log r1 | sed 's/"[^"]*"//g' | grep -c 'ak_changed=true')"
check "GHSA-87gh-qc28-j9mm: control: it stands there within quotes" grep -q '"[^"]*ak_changed=true' <("$bin/muster" --socket "$sock" log r1)
is "GHSA-87gh-qc28-j9mm: a node's name has a grammar" 400 "$(admin_status POST "/v1/nodes/$evil/approve" '{"name":"r1 ok"}')"
# what people read of a stranger: nothing that moves, hides or reorders text, as bytes; letters of any script stay
admin DELETE /v1/nodes/r1 >/dev/null
do_ "ek" $'fact vendor Caf\xc3\xa9 \xe6\xbc\xa2' $'fact product a\xc2\x9b31mb\xe2\x80\xaec\xe2\x81\xa6d\x7f' $'fact serial \xd8\x9c\xe2\x80\xa8\xef\xbb\xbfS1' \
        $'fact client \xc2\x85\xe2\x80\x8fv' "dial 0"
is_said "a stranger with controls of C1 and of direction in its facts" challenge "attest 0"
do_ "leave 0"
check "is pending" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/nodes | grep -q '\"pending\"'"
evil=$(node id)
admin POST "/v1/nodes/$evil/approve" '{"name":"r1","learn":true,"without_ek_certificate":true}' >/dev/null
do_ "dial 0"
is_said "and may boot" ok "attest 0"
do_ "dial 1"
is_said "and is refused" M-SIGNATURE "attest 1 signature"
deceiving() { LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf'; }
is "(the search finds such bytes)" 5 "$(printf '%s\n' $'\xc2\x9b' $'\xe2\x80\xae' $'\xd8\x9c' $'\x7f' $'\xef\xbb\xbf' $'caf\xc3\xa9 \xe6\xbc\xa2' | deceiving)"
cli() { LC_ALL=C.UTF-8 "$bin/muster" --socket "$sock" "$@" 2>&1; }
for cmd in "node list" "node list -o json" "node show r1" "node show r1 -o json" "log r1" "log r1 -o json" "log r1 --explain" \
        "log r1 --explain -o json" "policy list" "policy list -o json" "policy show" "policy show -o json"; do
        # shellcheck disable=SC2086 # words
        is "muster $cmd shows none of them" 0 "$(cli $cmd | deceiving)"
done
for path in /v1/nodes /v1/nodes/r1 "/v1/events?newest=1&limit=9" /v1/profiles; do
        is "nor does GET ${path%%\?*}" 0 "$(admin GET "$path" | deceiving)"
done
is "nor does the journal's own text" 0 "$(sqlite3 -readonly "$state/muster.db" 'SELECT detail || explain FROM journal' | deceiving)"
is "nor does the log" 0 "$(deceiving <"$tmp/musterd.log")"
check "musterd's JSON has the letters as they are" grep -qF $'"vendor":"Caf\xc3\xa9 \xe6\xbc\xa2"' <<<"$(admin GET /v1/nodes/r1)"
check "and the others as escapes" grep -qF '"product":"a\u009b31mb\u202ec\u2066d\u007f"' <<<"$(admin GET /v1/nodes/r1)"
check "so does muster's" grep -qF '"product": "a\u009b31mb\u202ec\u2066d\u007f"' <<<"$(cli node show r1 -o json)"
is "which mean what the node said" $'a\xc2\x9b31mb\xe2\x80\xaec\xe2\x81\xa6d\x7f' "$(cli node show r1 -o json | jq -r ".facts.product")"
check "people read the letters where the terminal can show them" grep -q $'vendor: *Caf\xc3\xa9 \xe6\xbc\xa2$' <<<"$(cli node show r1)"
check "and their bytes where it cannot" grep -qF 'Caf\xc3\xa9' <<<"$(LC_ALL=C "$bin/muster" --socket "$sock" node show r1)"

do_ "fact vendor Fixture Inc." "fact product Node 1" "fact serial S1" "fact client muster-node 0.1.0"
admin DELETE /v1/nodes/r1 >/dev/null
enrol r1
is "an honest node again" ok "$got"

# ---- files of others -----------------------------------------------------------------------------------
readable() { find "$@" -type f -perm /007 2>/dev/null | wc -l; }
is "GHSA-fchm-5w2v-qfm8: nobody else reads or writes the store" 0 "$(readable "$state" -maxdepth 1)"
check "GHSA-fchm-5w2v-qfm8: control: what others may read is found there" [ "$(readable "$state" -mindepth 2)" -ge 1 ]
mkdir "$tmp/made"
"$bin/muster" init --etc "$tmp/made/etc" --state "$tmp/made/state" --address 127.0.0.1 --boot-port 1 --attest-port 2 --socket "$tmp/made/s" --user nobody >"$tmp/init.log" 2>&1
check "GHSA-fchm-5w2v-qfm8: muster init made keys" [ "$(find "$tmp/made/etc/pki" -name '*.key' | wc -l)" -ge 4 ]
is "GHSA-fchm-5w2v-qfm8: which nobody else reads" "" "$(grep -rlE 'PRIVATE KEY' "$tmp/made" | while read -r f; do find "$f" -perm /077; done)"
chmod 644 "$tmp/pki/ca.key"
check_says 3 'ca\.key.*chmod' "GHSA-fchm-5w2v-qfm8: musterd does not start with a key that others read" "$bin/musterd" --check-config --config "$conf"
chmod 600 "$tmp/pki/ca.key"
is "GHSA-wj36-qcfg-5j52: nothing of musterd is mounted where others look" 0 "$(grep -c "$tmp" /proc/mounts)"
of_process() { cat "/proc/$musterd_pid/environ" "/proc/$musterd_pid/cmdline" | tr '\0' '\n'; }
is "GHSA-wj36-qcfg-5j52: and no key is in its environment or arguments" 0 "$(of_process | grep -c 'PRIVATE\|BEGIN')"
check "GHSA-wj36-qcfg-5j52: control: both can be read" [ "$(of_process | grep -c -e '^PATH=' -e '^--config$')" -eq 2 ]

# ---- parts of keys, again ----------------------------------------------------------------------------------
do_ "dial 0" "dial 1" "key 0"
answer
key=${got#ok }
check "GHSA-2m39-75g9-ff5r: a release holds an image key" \
        [ "${#key}:${got%% *}" = 44:ok -a "$key" != "$(head -c 32 /dev/zero | base64)" ]
is_said "GHSA-2m39-75g9-ff5r: the request of one session gets nothing in another" M-BINDING "relay 0 1"
is_said "GHSA-2m39-75g9-ff5r: nor does the secret of a spent challenge" M-ACTIVATE "activate 1"
found_of() { { cat "$tmp/musterd.log" "$state"/muster.db*; admin GET '/v1/events?limit=1000'; } | grep -acF "$1"; }
is "GHSA-2m39-75g9-ff5r: the key is in no log, journal or store" 0 "$(found_of "$key")"
check "GHSA-2m39-75g9-ff5r: control: the node's id is in all of them" [ "$(found_of "$(node id)")" -ge 3 ]
raw=$(base64 -d <<<"$key" | xxd -p -c 64)
stored() { cat "$state"/muster.db* | xxd -p | tr -d '\n' | grep -c "$1"; }
is "GHSA-2m39-75g9-ff5r: not in other words either" 0 "$(stored "$raw")"
is "GHSA-2m39-75g9-ff5r: control: the same search finds a name" 1 "$(stored "$(printf i.img | xxd -p)")"

# ---- failing open ---------------------------------------------------------------------------------------------
do_ "dial 0" "attest 0 log"
answer
for id in CVE-2022-3500 GHSA-hff2-x2j9-gxgv; do
        is "$id: a log that cannot be judged leaves the node refused" "M-EVENTLOG refused" "$got $(admin GET /v1/nodes/r1 | jq -r .state)"
done
oks() { sqlite3 "$state/muster.db" "SELECT count(*) FROM journal WHERE event = 'ok'"; }
before=$(oks)
for table in nodes journal; do
        sqlite3 "$state/muster.db" "PRAGMA legacy_alter_table = ON; ALTER TABLE $table RENAME TO away"
        do_ "dial 0" "attest 0"
        answer
        sqlite3 "$state/muster.db" "PRAGMA legacy_alter_table = ON; ALTER TABLE away RENAME TO $table"
        is "CVE-2022-3500: with the table $table gone nothing is released" M-BUSY "$got"
done
is "CVE-2022-3500: nor said to be" "$before refused" "$(oks) $(admin GET /v1/nodes/r1 | jq -r .state)"
is_said "CVE-2022-3500: whole again, it is" ok "attest 0"

# ---- which PCRs ------------------------------------------------------------------------------------------------
refused "CVE-2022-0317: a quote over no PCRs does not pass" M-SELECTION select-none
refused "CVE-2022-0317: a quote over some does not" M-SELECTION select-no7
refused "CVE-2022-0317: values beside what was quoted are not believed" M-SELECTION select-unquoted
refused "CVE-2022-0317: nor the SHA-1 bank" M-SELECTION bank-sha1
for what in header size zero none; do
        refused "GHSA-9r4w-jg96-92mv: a signature list that lies about its $what is survived" M-FIRMWARE "siglist-$what"
done

# ---- pitfalls without a number -------------------------------------------------------------------------------------
refused "anyone can extend: a running system is not a boot" M-CAPPED capped
refused "anyone can extend: nor is one that extended more" M-PCRS pcr-13
printf 'accept-all = yes\n' | cat "$conf" - >"$tmp/all.conf"
check_says 2 "line $(wc -l <"$tmp/all.conf"): there is no such key" "accept-all: there is no such setting" "$bin/musterd" --check-config --config "$tmp/all.conf"
is "PCRs replayed after a reset: every boot's reset counter is in the journal" true \
        "$(admin GET '/v1/events?limit=1000' | jq '[.events[] | select(.event == "ok")] | all(.detail.reset_count > 0)')"
before=$(admin GET /v1/nodes/r1 | jq -S 'del(.last_ipxe, .step)')
head=$(admin GET /v1/status | jq -c .journal)
db=$(sha256sum "$state"/muster.db*)
for _ in {1..20}; do boot_status "/ipxe?mac=52:54:00:12:34:56&uuid=0b6f3c1e-0000-4000-8000-000000000001" >/dev/null; done
boot_status "/ipxe?mac=52:54:00:12:34:56" >/dev/null
is "anyone can ask for a script: it writes nothing" "$head $db" "$(admin GET /v1/status | jq -c .journal) $(sha256sum "$state"/muster.db*)"
is "anyone can ask for a script: and changes nothing but a hint" "$before" "$(admin GET /v1/nodes/r1 | jq -S 'del(.last_ipxe, .step)')"
hint=$(admin GET /v1/nodes/r1 | jq .last_ipxe)
sleep 1.1
boot_status "/ipxe?mac=52:54:00:12:34:56&uuid=00000000-0000-4000-8000-000000000001" >/dev/null
boot_status "/ipxe?mac=52:54:00:12:34:56" >/dev/null
is "anyone can ask for a script: who knows only the MAC gives no hint" "$hint" "$(admin GET /v1/nodes/r1 | jq .last_ipxe)"
do_ "dial 1" "attest 1 signature" "attest 1 ek-node"
answer
answer
check "one failed attempt does not delete a record" admin GET /v1/nodes/r1
admin POST /v1/nodes/r1/revoke '{"reason":"its fTPM was read out"}' >/dev/null
do_ "ak" "dial 0"
is_said "an EK that was read out of its chip: revoked, no new AK helps" M-REVOKED "attest 0"
is "the journal holds" true "$(admin GET /v1/events/verify | jq .ok)"
musterd_stop
exec 9>&-
is "no sanitizer complained" 0 "$(grep -c 'Sanitizer' "$tmp/musterd.log")"
