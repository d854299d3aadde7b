#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: a challenge is late after half a minute
# What musterd compares with, when it is empty, missing, half there or
# changed: nothing passes, and it says why. Each next to its control.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires sqlite3 --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
hostile_build || exit 1
make_parent
printf 'timeout = 120\nrate-per-address = 1000000\nrate-strangers = 1000000\n' >>"$conf"
"$tmp/hostile" files "$tmp" && mv "$tmp"/r[89].efi "$state/boot/"
chmod 644 "$state"/boot/*
musterd_start || exit 1
hostile_start
is_said_why() { # NAME CODE ORDER TEXT: refused, and the journal says TEXT
        is_said "$1" "$2" "$3"
        check "and the journal says why: $4" grep -qF -e "$4" <<<"$(last_event '' explain)"
}
evidence() { admin GET "/v1/nodes/$1" | jq -r .evidence.digest; }
approve() { admin_status POST "/v1/nodes/$1/approve" "$2"; }

# looked at when it is late
"$tmp/hostile" talk "$tmp/pki/ca.pem" "$attest_port" >"$tmp/late" 2>&1 < <(printf 'dial 0\nattest 0\nwait 31\nactivate 0\n') &
late_pid=$!
cleanup_pid "$late_pid"

# ---- a parent without any policy ----------------------------------------------------
do_ "dial 0"
is_said "a node comes to a parent that has nothing" challenge "attest 0"
do_ "leave 0"
check "it is pending" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/nodes | grep -q '\"pending\"'"
id=$(node id)
is "it cannot be approved: nothing it started is served here" 409 "$(approve "$id" '{"name":"r1","learn":true,"without_ek_certificate":true}')"
add_boot r9 >/dev/null
is "nor with its boot entry only: iPXE is not vouched for" 409 "$(approve "$id" '{"name":"r1","learn":true,"without_ek_certificate":true}')"
mv "$tmp/snponly.efi" "$state/ipxe/" && chmod 644 "$state"/ipxe/*
kill -HUP "$musterd_pid"
wait_for 10 grep -q "reloaded:" "$tmp/musterd.log"
is "approving a model's first node without learning" 409 "$(approve "$id" '{"name":"r1","without_ek_certificate":true}')"

# ---- what the admin saw is what is approved -----------------------------------------
saw=$(evidence "$id")
check "what a pending node sent has a digest" [ "${#saw}" = 64 ]
sqlite3 "$state/muster.db" "UPDATE nodes SET last_seen = 0" # it is noted once a minute
do_ "fact product Other Model" "dial 1" "hang 1"
check "the node comes again with another model's name" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/nodes | grep -q other-model"
is "approving what was seen before is refused" 409 "$(approve "$id" "{\"name\":\"r1\",\"learn\":true,\"without_ek_certificate\":true,\"evidence\":\"$saw\"}")"
check "and says what to do" grep -q 'attested something else since.*muster node show' \
        <<<"$(admin POST "/v1/nodes/$id/approve" "{\"name\":\"r1\",\"learn\":true,\"without_ek_certificate\":true,\"evidence\":\"$saw\"}" 2>/dev/null)"
is "no profile came of it" 0 "$(admin GET /v1/profiles | jq '.profiles | length')"
sqlite3 "$state/muster.db" "UPDATE nodes SET last_seen = 0"
do_ "fact product Node 1" "dial 1" "hang 1"
check "it comes as it was" wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/nodes | grep -q node-1"
m() { "$bin/muster" --socket "$sock" "$@"; }
check_exit 1 "muster node approve --evidence with what it did not send" m node approve "$id" --name r1 --without-ek-certificate --evidence "$(tr 0-9a-f 1-9a-f0 <<<"$saw")"
check "muster node show tells what is there now" grep -q "^evidence digest.*$(evidence "$id")" <<<"$(m node show "$id")"
check "and muster node approve takes that" m node approve "$id" --name r1 --without-ek-certificate --evidence "$(evidence "$id")"

# ---- nothing to release ----------------------------------------------------------------
do_ "dial 0"
is_said_why "approved, but there is no image" M-BOOT "attest 0" "no image"
add_image i >/dev/null
is_said "with an image it boots" ok "attest 0"
admin POST /v1/nodes/r1/assign '{"image":"i"}' >/dev/null
add_image j >/dev/null

# ---- the profile is missing --------------------------------------------------------------
model=$(admin GET /v1/nodes/r1 | jq -r .profile)
id_b=$(printf b%.0s {1..64})
admin POST /v1/nodes "{\"name\":\"r2\",\"id\":\"$id_b\",\"profile\":\"no-such-model\",\"without_ek_certificate\":true}" >/dev/null
is "a node of a model without a profile is there" no-such-model "$(admin GET /v1/nodes/r2 | jq -r .profile)"
reference() { # NAME CODE SQL TEXT: what the store holds is not usable
        musterd_stop
        cp "$state/muster.db" "$tmp/whole.db"
        sqlite3 "$state/muster.db" "$3"
        musterd_start || exit 1
        do_ "dial 0"
        is_said_why "$1" "$2" "attest 0" "$4"
        musterd_stop
        for table in profiles settings boots images; do
                printf "DELETE FROM %s; INSERT INTO %s SELECT * FROM w.%s;" $table $table $table
        done | sqlite3 "$state/muster.db" -cmd "ATTACH '$tmp/whole.db' AS w"
        musterd_start || exit 1
        do_ "dial 0"
        is_said "and whole again" ok "attest 0"
}
wait "$late_pid"
is "a secret that comes after half a minute is late" "challenge M-ACTIVATE" "$(tr '\n' ' ' <"$tmp/late" | sed 's/ $//')"
reference "no profile of this model" M-PROFILE "DELETE FROM profiles" "no current firmware profile"
reference "a profile proposed, not promoted" M-PROFILE "UPDATE profiles SET proposed = current, current = NULL" "no current firmware profile"
reference "a profile that does not parse" M-PROFILE "UPDATE profiles SET current = '{'" "no current firmware profile"
reference "an empty profile" M-PROFILE "UPDATE profiles SET current = '{}'" "no current firmware profile"
reference "a profile cut in half" M-PROFILE "UPDATE profiles SET current = substr(current, 1, length(current) / 2)" "no current firmware profile"
reference "a profile whose chain is empty" M-PROFILE "UPDATE profiles SET current = json_set(current, '\$.sequence', json('[]'))" "no current firmware profile"
reference "the profile of another model only" M-PROFILE "UPDATE profiles SET name = 'x'" "no current firmware profile"
reference "no default boot entry" M-BOOT "DELETE FROM settings WHERE key = 'default_boot'" "no usable boot entry"
reference "a default that is no entry" M-BOOT "UPDATE settings SET value = 'gone' WHERE key = 'default_boot'" "no usable boot entry"
reference "an image that is no more" M-BOOT "DELETE FROM images WHERE name = 'i'" "no usable boot entry or no image"
reference "a boot entry with the digest of another file" M-BOOT "UPDATE boots SET sha256 = '$id_b'" "no usable boot entry"
reference "a boot entry with another command line" M-CMDLINE "UPDATE boots SET cmdline = cmdline || ' quiet'" "command line"

# ---- files that are gone or changed ---------------------------------------------------------
flip() { # FILE OFFSET
        local byte
        byte=$(xxd -p -s "$2" -l 1 "$1")
        printf '%b' "\\x$(printf %02x $((0x$byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
altered() { # NAME CODE FILE COMMAND: after a restart
        cp -p "$3" "$tmp/whole"
        eval "$4"
        musterd_stop
        musterd_start || exit 1
        do_ "dial 0"
        is_said "$1" "$2" "attest 0"
        rm -f "$3"
        cp -p "$tmp/whole" "$3"
        musterd_stop
        musterd_start || exit 1
        do_ "dial 0"
        is_said "and back again" ok "attest 0"
}
uki=$state/boot/r9.efi
altered "the UKI is gone" M-BOOT "$uki" "rm '$uki'"
altered "the UKI has a byte more" M-BOOT "$uki" "printf x >>'$uki'"
altered "the UKI is cut" M-BOOT "$uki" "truncate -s 100 '$uki'"
altered "the UKI is another" M-BOOT "$uki" "cp '$state/boot/r8.efi' '$uki'"
altered "the UKI is a link" M-BOOT "$uki" "mv '$uki' '$state/boot/real'; ln -s real '$uki'"
rm -f "$state/boot/real"
altered "the image is gone" M-BOOT "$state/images/i.img" "rm '$state/images/i.img'"
altered "the image has another list" M-BOOT "$state/images/i.img" "flip '$state/images/i.img' 70"
altered "the image has another header" M-BOOT "$state/images/i.img" "flip '$state/images/i.img' 40"
altered "iPXE is gone" M-CHAIN "$state/ipxe/snponly.efi" "rm '$state/ipxe/snponly.efi'"

hup() {
        local n
        n=$(grep -c 'reloaded:' "$tmp/musterd.log")
        kill -HUP "$musterd_pid"
        wait_for 10 sh -c "[ \$(grep -c 'reloaded:' '$tmp/musterd.log') -gt $n ]"
}
mv "$state/ipxe/snponly.efi" "$tmp/away.efi"
hup
is_said "iPXE is taken away while it serves, and reloaded" M-CHAIN "attest 0"
mv "$tmp/away.efi" "$state/ipxe/snponly.efi"
hup
is_said "and put back" ok "attest 0"

# ---- reloads in the middle ---------------------------------------------------------------
do_ "dial 1" "storm 1 $tmp/storm-over"
admin POST /v1/boots "{\"name\":\"r8\",\"file\":\"r8.efi\",\"cmdline\":\"$r9\"}" >/dev/null
for _ in {1..15}; do
        admin POST /v1/boots/r8/default >/dev/null
        kill -HUP "$musterd_pid"
        admin POST /v1/profiles/learn '{"node":"r1"}' >/dev/null
        admin POST "/v1/profiles/$model/promote" >/dev/null
        admin POST /v1/boots/r9/default >/dev/null
done
touch "$tmp/storm-over"
answer
is "while defaults, profiles and iPXE are changed under it, it only ever passes" ok "${got#*: }"
check "it was asked often ($got)" [ "${got%%:*}" -gt 50 ]
admin POST /v1/nodes/r1/assign '{"boot":"r8"}' >/dev/null
is_said "assigned another entry, the boot before is not good any more" M-CHAIN "attest 0"
admin POST /v1/nodes/r1/assign '{"boot":null}' >/dev/null
is_said "following the default again" ok "attest 0"

# ---- EK certificates ------------------------------------------------------------------------
(
        cd "$tmp" || exit 1
        for ca in maker other; do
                p256 $ca.key
                openssl req -new -x509 -key $ca.key -subj "/CN=TPM $ca" -days 30 -addext keyUsage=critical,keyCertSign -out $ca.pem
        done
        printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\nextendedKeyUsage=2.23.133.8.1\n' >ek.ext
        printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n' >tls.ext
) >"$tmp/ek.log" 2>&1
certify() { # NAME PUBLIC CA EXT
        openssl req -new -key "$tmp/other.key" -subj "/CN=ek" 2>/dev/null |
                openssl x509 -req -CA "$tmp/$3.pem" -CAkey "$tmp/$3.key" -force_pubkey "$tmp/$2" -days 30 -extfile "$tmp/$4" -outform DER -out "$tmp/$1.der" 2>>"$tmp/ek.log"
}
do_ "public $tmp/ek.pub" "dial 0" "attest 0"
answer
openssl pkey -in "$tmp/other.key" -pubout -out "$tmp/other.pub"
certify leaf ek.pub maker ek.ext
certify foreign ek.pub other ek.ext
certify stranger other.pub maker ek.ext
certify notek ek.pub maker tls.ext
cp "$tmp/maker.pem" "$tmp/ek-ca/"
chmod 644 "$tmp/ek-ca/maker.pem"
hup
admin DELETE /v1/nodes/r1 >/dev/null
do_ "certs $tmp/leaf.der" "dial 0"
is_said "with its maker's certificate" challenge "attest 0"
do_ "activate 0"
check "it is pending" waiting 1
is "its chain is found" ok "$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].ek_chain')"
is "so it needs no exception" 200 "$(approve "$id" '{"name":"r1","learn":true}')"
answer
is "it boots" ok "$got"
is_said "again" ok "attest 0"
for lie in foreign:"a certificate of a maker that is not known" stranger:"another EK's certificate" notek:"its key's certificate for TLS"; do
        do_ "certs $tmp/${lie%%:*}.der"
        is_said_why "${lie#*:}" M-EKCERT "attest 0" "EK certificates"
done
head -c 100 "$tmp/leaf.der" >"$tmp/cut.der"
do_ "certs $tmp/cut.der"
is_said "half a certificate" M-EKCERT "attest 0"
do_ "certs"
is_said "without certificates those that it brought first are checked" ok "attest 0"
mv "$tmp/ek-ca/maker.pem" "$tmp/maker.away"
hup
is_said "its maker is not trusted any more: what was found once is not believed" M-EKCERT "attest 0"
is "and its record says so" none "$(admin GET /v1/nodes/r1 | jq -r .ek_chain | sed s/unmatched/none/)"
do_ "certs $tmp/leaf.der"
is_said "nor with the certificate" M-EKCERT "attest 0"
is "its approval now needs an exception" 409 "$(approve r1 '{}')"
mv "$tmp/maker.away" "$tmp/ek-ca/maker.pem"
hup
is_said "trusted again" ok "attest 0"
is "and its record too" ok "$(admin GET /v1/nodes/r1 | jq -r .ek_chain)"
admin DELETE /v1/nodes/r1 >/dev/null
is "what was kept of it goes with it" 0 "$(sqlite3 "$state/muster.db" "SELECT count(*) FROM settings WHERE key LIKE 'ek_cert%'")"
is "given by hand" enrolled "$(admin POST /v1/nodes "{\"name\":\"r1\",\"id\":\"$id\",\"ek_certificate\":\"$(base64 -w0 "$tmp/leaf.der")\"}" | jq -r .state)"
do_ "certs" "dial 0"
is_said "a TPM without a certificate is challenged" challenge "attest 0"
is_said "and boots" ok "activate 0"
mv "$tmp/ek-ca/maker.pem" "$tmp/maker.away"
musterd_stop
musterd_start || exit 1
do_ "dial 0"
is_said "until its maker is not trusted any more, even over a restart" M-EKCERT "attest 0"

# ---- a node that waits while its maker's CA comes ------------------------------
admin DELETE /v1/nodes/r1 >/dev/null
chain_is() { [ "$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].ek_chain')" = "$1" ]; }
do_ "certs $tmp/leaf.der" "dial 0"
is_said "a node whose maker is not known is challenged" challenge "attest 0"
do_ "activate 0"
check "it is pending" waiting 1
check "its chain is unmatched" chain_is unmatched
is "so approving it needs an exception" 409 "$(approve "$id" '{"name":"r1","learn":true}')"
cp "$tmp/maker.away" "$tmp/ek-ca/maker.pem"
hup
check "once its maker's CA is there, the pending node's chain is found" wait_for 10 chain_is ok
is "and approving it needs no exception" 200 "$(approve "$id" '{"name":"r1","learn":true}')"
answer
is "the request that was held all the while is judged by the CAs of now" ok "$got"
admin DELETE /v1/nodes/r1 >/dev/null
rm "$tmp/ek-ca/maker.pem"
hup
do_ "dial 0"
is_said "unknown again, it is challenged" challenge "attest 0"
do_ "activate 0"
check "it is pending once more" waiting 1
check "without its maker's CA its chain is unmatched" chain_is unmatched
musterd_stop
cp "$tmp/maker.away" "$tmp/ek-ca/maker.pem"
musterd_start || exit 1
check "its chain is found after a restart too" wait_for 10 chain_is ok
is "the journal holds" true "$(admin GET /v1/events/verify | jq .ok)"
musterd_stop
exec 9>&-
is "no sanitizer complained" 0 "$(grep -c 'Sanitizer' "$tmp/musterd.log")"
