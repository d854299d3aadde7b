#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# muster node add --manifest: musterd has the nodes of a good manifest, and
# none of one with a bad row; Python's csv module as another writer.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/musterd-lib.sh"
requires jq --version
requires python3 --version
unset MUSTER_SOCKET MUSTER_CONFIG
m() { "$bin/muster" --socket "$sock" "$@"; }
add() { m node add --manifest "$@"; }
ids() { printf '%064x' "$1"; }
der=$made/ek-certs/swtpm_rsa.der
der2=$made/ek-certs/swtpm_ecc.der
der3=$made/ek-certs/swtpm2_ecc.der
id_of() { openssl x509 -inform DER -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1; }

# ---- without a server: the file is judged first ---------------------------------
mkdir -p "$tmp/rack/certs"
cp "$der" "$tmp/rack/certs/1.der"
openssl x509 -inform DER -in "$der2" -out "$tmp/rack/certs/2.pem"
rack=$tmp/rack/rack.csv
{
        printf 'name,ek_cert,ek_cert_base64,ek_cert_pem,ek_sha256,x-serial,without_ek_certificate,profile\r\n'
        printf 'r1n001,certs/1.der,,,%s,"7F0231, spare",yes,\r\n' "$(id_of "$der" | tr a-f A-F)"
        printf 'r1n002,certs/2.pem,,,,7F0232,,R640\r\n'
        printf 'r1n003,,%s,,,7F0233,no,\r\n' "$(base64 -w0 "$der3")"
        printf 'r1n004,,,,%s,7F0234,,' "$(ids 4)"
} >"$rack"
check_says 3 'connect to musterd at .*No such file' "a good manifest without a server exits with 3" add "$rack"
out=$(add "$rack" --dry-run)
is "a dry run needs no server, and shows each node" 4 "$(grep -c 'would be enrolled' <<<"$out")"
is "with the id of its certificate's key" "$(id_of "$der2")" "$(sed -n 's/^r1n002: .*id \([0-9a-f]*\),.*/\1/p' <<<"$out")"
out=$(add "$rack" --dry-run -o json)
check "as JSON too" jq -e '.dry_run and ([.nodes[] | [.line, .name, .ek_certificate, .without_ek_certificate, .profile]] ==
        [[2, "r1n001", true, true, null], [3, "r1n002", true, false, "R640"], [4, "r1n003", true, false, null], [5, "r1n004", false, false, null]])' <<<"$out"
check_says 2 'has at most 96 bytes' "a profile's name that is too long is refused before anything is read" add "$rack" --profile "$(printf 'x%.0s' {1..97})"
check "one of 96 bytes is not" add "$rack" --dry-run --profile "$(printf 'x%.0s' {1..96})"
check "--profile is for rows without their own" jq -e '[.nodes[].profile] == ["X", "R640", "X", "X"]' <<<"$(add "$rack" --dry-run -o json --profile X)"
check_says 2 '--dry-run goes with --manifest only' "--dry-run alone is a usage error" m node add r1n001 --dry-run --id "$(ids 1)"
check_says 2 '--manifest names the nodes' "a manifest and names are a usage error" m node add r1n001 --manifest "$rack"
check_says 2 '--manifest names the nodes' "a manifest and an id are a usage error" add "$rack" --id "$(ids 1)"
check_says 4 'absent\.csv: No such file' "a manifest that is not there exits with 4" add "$tmp/absent.csv"
check_says 4 'rack: Is a directory' "a directory exits with 4" add "$tmp/rack"

mkdir "$tmp/py"
python3 "$(dirname "$0")/csv-write.py" 1 "$tmp/py"
same=0
for f in "$tmp"/py/*.csv; do
        add "$f" --dry-run -o json >"$tmp/out" 2>"$tmp/err"
        if diff <(jq -c '[.nodes[] | [.name, .id, .profile]]' "$tmp/out") <(jq -c . "${f%.csv}.json") >"$tmp/diff" 2>&1; then
                same=$((same + 1))
        else
                sed 's/^/# /' "$tmp/err" "$tmp/diff"
        fi
done
is "what Python's csv module writes is read as it was meant" 12 "$same"

# ---- one bad row: none is added ---------------------------------------------------
make_parent
musterd_start || { not_ok "musterd starts"; exit 1; }
count() { admin GET '/v1/nodes' | jq '.nodes | length'; }
bad() { # BEHAVIOUR EXIT WHERE HEADER ROW: behind a good row
        local f=$tmp/rack/bad.csv out rc
        printf '%s\n' "$4" >"$f"
        printf '%b' "$5" >>"$f"
        out=$(add "$f" 2>&1)
        rc=$?
        if [ "$rc" = "$2" ] && grep -qF "$f: $3" <<<"$out" && grep -q '\. Next: .' <<<"$out" && [ "$(count)" = 0 ]; then
                ok "$1 adds none"
        else
                not_ok "$1 adds none" "exit $rc, $(count) nodes, wanted '$3': $out"
        fi
}
good="g1,$(ids 1)"
bad "a bad name" 2 'line 3, column 1 (name)' name,ek_sha256 "$good\nG2,$(ids 2)\n"
bad "a name that comes twice" 2 'line 3, column 1 (name)' name,ek_sha256 "$good\ng1,$(ids 2)\n"
bad "an id that comes twice" 2 'line 3, column 2 (ek_sha256)' name,ek_sha256 "$good\ng2,$(ids 1)\n"
bad "a certificate that comes twice, once as its id" 2 'line 3, column 3 (ek_cert)' name,ek_sha256,ek_cert "g1,$(id_of "$der"),\ng2,,certs/1.der\n"
bad "a bad id" 2 'line 3, column 2 (ek_sha256)' name,ek_sha256 "$good\ng2,12\n"
bad "a row with neither id nor certificate" 2 'line 3, column 1 (name)' name,ek_sha256 "$good\ng2,\n"
bad "an unknown column" 2 "line 1, column 3 ('serial')" name,ek_sha256,serial "$good,7\n"
bad "a short row" 2 'line 3, column 1:' name,ek_sha256 "$good\ng2\n"
bad "a quote that does not close" 2 'line 3, column 2:' name,ek_sha256 "$good\ng2,\"$(ids 2)\n"
bad "a NUL byte" 2 'line 3, column 1:' name,ek_sha256 "$good\ng2\0,$(ids 2)\n"
bad "a certificate that is not there" 4 'line 3, column 3 (ek_cert)' name,ek_sha256,ek_cert "$good,\ng2,,certs/9.der\n"
bad "a certificate in another directory" 2 'line 3, column 3 (ek_cert)' name,ek_sha256,ek_cert "$good,\ng2,,../rack/certs/1.der\n"
bad "a certificate of another key than its id" 2 'line 3, column 3 (ek_cert)' name,ek_sha256,ek_cert "$good,\ng2,$(ids 2),certs/1.der\n"
head -c 300 /dev/urandom >"$tmp/rack/noise"
bad "a file that is no certificate" 2 'line 3, column 3 (ek_cert)' name,ek_sha256,ek_cert "$good,\ng2,,noise\n"
head -c 20000 /dev/zero >"$tmp/rack/large"
bad "a file too large for a certificate" 2 'line 3, column 3 (ek_cert)' name,ek_sha256,ek_cert "$good,\ng2,,large\n"
bad "a certificate for signing" 2 'line 3, column 3 (ek_cert_base64)' name,ek_sha256,ek_cert_base64 \
        "$good,\ng2,,$(base64 -w0 "$made/ek-certs/signing.der")\n"
bad "a certificate that is no base64" 2 'line 3, column 3 (ek_cert_base64)' name,ek_sha256,ek_cert_base64 "$good,\ng2,,MII?\n"
check "an error is JSON too" jq -e '(.error | contains("line 3")) and .next' <<<"$(add "$tmp/rack/bad.csv" -o json 2>/dev/null)"
check "a dry run adds none" bash -c "'$bin/muster' --socket '$sock' node add --manifest '$rack' --dry-run"
is "really none" 0 "$(count)"

# ---- a good one ---------------------------------------------------------------------
check_exit 0 "a good manifest is added" add "$rack"
nodes=$(admin GET /v1/nodes)
is "musterd has its nodes, and no other" 'r1n001 r1n002 r1n003 r1n004' "$(jq -r '[.nodes[].name] | sort | join(" ")' <<<"$nodes")"
of() { jq -r --arg n "$1" ".nodes[] | select(.name == \$n) | $2" <<<"$nodes"; }
is "one from a DER file" "$(id_of "$der") enrolled without" "$(of r1n001 '"\(.id) \(.state) \(.ek_mode)"')"
is "one from a PEM file, with its profile" "$(id_of "$der2") R640 certificate unmatched" "$(of r1n002 '"\(.id) \(.profile) \(.ek_mode) \(.ek_chain)"')"
is "one from base64" "$(id_of "$der3") unmatched" "$(of r1n003 '"\(.id) \(.ek_chain)"')"
is "one by its id alone" "$(ids 4) none" "$(of r1n004 '"\(.id) \(.ek_chain)"')"
{
        echo 'name,ek_cert_pem,x-serial'
        printf 'pem1,"'
        openssl x509 -inform DER -in "$made/ek-certs/swtpm2_rsa.der"
        printf '",7\n'
} >"$tmp/rack/pem.csv"
(cd "$tmp/rack" && m node add --manifest pem.csv) >/dev/null 2>&1
is "one from PEM within quotes" "$(id_of "$made/ek-certs/swtpm2_rsa.der")" "$(admin GET /v1/nodes/pem1 | jq -r .id)"

# ---- what the server refuses ----------------------------------------------------------
{
        echo name,ek_sha256
        echo "n1,$(ids 11)"
        echo "r1n001,$(ids 12)"
        echo "n3,$(ids 4)"
        echo "n4,$(ids 14)"
} >"$tmp/rack/part.csv"
out=$(add "$tmp/rack/part.csv" -o json 2>"$tmp/err")
is "a manifest refused in part exits with 1" 1 $?
check "it tells what was added and what was not, with the line" jq -e '([.nodes[].name] == ["n1", "n4"]) and ([.failed[].node] == ["r1n001", "n3"]) and
        (.failed[0].error | contains("part.csv line 3: ")) and (.failed[1].error | contains("part.csv line 4: ")) and ([.failed[].next] | all(. != ""))' <<<"$out"
is "on standard error too" 2 "$(grep -c '^muster: .*part.csv line [34]: ' "$tmp/err")"
is "and the others are added" 'enrolled enrolled' "$(admin GET /v1/nodes/n1 | jq -r .state) $(admin GET /v1/nodes/n4 | jq -r .state)"
{ echo name,ek_sha256; for i in {100..199}; do echo "h$i,$(ids "$i")"; done; } >"$tmp/rack/hundred.csv"
check_exit 0 "a hundred nodes are added" add "$tmp/rack/hundred.csv"
is "all of them" 100 "$(admin GET '/v1/nodes?limit=1000' | jq '[.nodes[] | select(.name | startswith("h"))] | length')"

# ---- sent again, and many ---------------------------------------------------------------
seq() { admin GET /v1/status | jq .journal.seq; }
before=$(seq)
out=$(add "$tmp/rack/hundred.csv" -o json)
is "a manifest that is there already is added again: none is refused" "0 100 true" "$? $(jq '.nodes | length' <<<"$out") $(jq '.nodes | all(.known)' <<<"$out")"
is "and nothing is recorded" "$before" "$(seq)"
m node quarantine h100 >/dev/null
check_says 1 'h100.*(quarantine|there already)' "but a node in quarantine is not enrolled so" add "$tmp/rack/hundred.csv"
{ echo name,ek_sha256; for i in {1000..2200}; do echo "k$i,$(ids "$i")"; done; echo "r1n001,$(ids 12)"; } >"$tmp/rack/many.csv"
requests() { curl -s --unix-socket "$sock" http://m/metrics | sed -n 's/^muster_requests_total{listener="admin"} //p'; }
asked=$(requests)
out=$(add "$tmp/rack/many.csv" 2>"$tmp/err")
is "1,201 nodes are added but for the one that is refused" "1 1201" "$? $(grep -c '^k' <<<"$out")"
check "which is named with its line" grep -q 'many.csv line 1203: add node r1n001: ' "$tmp/err"
asked=$(($(requests) - asked - 1))
check "in few requests ($asked)" [ "$asked" -le 4 ]

# ---- pages ----------------------------------------------------------------------------
total=$(admin GET /v1/status | jq '.nodes | add')
list=$(m node list -o json)
is "node list has each of many once, in one document" "$total $total" "$(jq '.nodes | length' <<<"$list") $(jq '[.nodes[].id] | unique | length' <<<"$list")"
is "and as a table" "$((total + 1))" "$(m node list | wc -l)"
is "by state too" "$((total - 1))" "$(m node list --state enrolled -o json | jq '.nodes | length')"
is "the others" h100 "$(m node list --state quarantined -o json | jq -r '.nodes[].name')"
is "of a range only that is asked for" "k1000 k1001" "$(m node list 'k[1000-1001]' -o json | jq -r '[.nodes[].name] | join(" ")')"
next="" n=0 pages=0
while page=$(admin GET "/v1/nodes?limit=500${next:+&after=$next}"); do
        n=$((n + $(jq '.nodes | length' <<<"$page"))) pages=$((pages + 1))
        next=$(jq -r '.next // empty' <<<"$page")
        [ -n "$next" ] || break
done
is "the pages of 500 hold them all" "$total $(((total + 499) / 500))" "$n $pages"
for q in 'limit=0' 'limit=1001' 'limit=x' 'limit=-1' 'limit=' 'after=k1000' 'after=00' "after=$(printf '%064d' 0 | tr 0 G)"; do
        is "a page of $q is refused" 400 "$(admin_status GET "/v1/nodes?$q")"
done
for q in 'limit=0' 'limit=1001' 'after=x' 'after=-1'; do is "events of $q are refused" 400 "$(admin_status GET "/v1/events?$q")"; done
check "in words" jq -e '(.error | contains("limit is no number from 1 to 1000")) and .next' <<<"$(curl -s --unix-socket "$sock" 'http://m/v1/nodes?limit=0')"
is "no body is no enrolment" 400 "$(admin_status POST /v1/enrol)"
curl -s --unix-socket "$sock" -H 'Content-Type: application/json' --data-binary @- http://m/v1/enrol \
        < <(for i in {1..501}; do echo "{\"name\":\"z$i\",\"id\":\"$(ids "$i")\"}"; done) >"$tmp/out"
check "501 nodes at once are refused" jq -e '.error | contains("1 to 500 nodes")' "$tmp/out"
is "all of them" 404 "$(admin_status GET /v1/nodes/z1)"

# ---- the server goes away in the middle: one that takes the first lot and is gone -----
cat >"$tmp/gone.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print('ready', flush=True)
c, _ = s.accept()
os.unlink(sys.argv[1])
s.close()
asked = b''
while True:  # all of it: what is left unread when it closes resets the connection
    asked += c.recv(65536)
    head, _, got = asked.partition(b'\r\n\r\n')
    length = [int(h.split(b':')[1]) for h in head.split(b'\r\n') if h.lower().startswith(b'content-length:')]
    if got and length and len(got) >= length[0]:
        break
lines = got.count(b'\n')
body = b'{"nodes":[' + b','.join([b'{"name":"x","state":"enrolled","id":"00"}'] * lines) + b']}'
c.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' % len(body) + body)
c.close()
END
python3 "$tmp/gone.py" "$tmp/gone.sock" >"$tmp/gone.log" &
cleanup_pid $!
wait_for 10 grep -q ready "$tmp/gone.log"
out=$("$bin/muster" --socket "$tmp/gone.sock" node add --manifest "$tmp/rack/many.csv" -o json 2>"$tmp/err")
is "a server that goes away ends it with 3" 3 $?
check "it tells what was added" jq -e '(.nodes | length == 500) and ([.failed[].node] == ["k1500"])' <<<"$out"
check "and where it stopped" grep -q 'rows from line 502 on were not added' "$tmp/err"

# ---- a start that has all nodes' EK chains checked already ------------------------------
checked() { grep -c 'EK chains checked' "$tmp/musterd.log"; }
wait_for 10 grep -q 'EK chains checked' "$tmp/musterd.log"
musterd_stop
before=$(checked)
musterd_start
musterd_stop
is "a start with the same EK CAs looks at no node" "$before" "$(checked)"
openssl req -new -x509 -key "$tmp/pki/ca.key" -subj "/CN=maker" -days 30 -out "$tmp/ek-ca/maker.pem" 2>/dev/null
chmod 644 "$tmp/ek-ca/maker.pem"
musterd_start
again() { [ "$(checked)" -gt "$before" ]; }
check "with others it does" wait_for 20 again
