#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# musterd from outside: what each listener answers, what it refuses before
# reading, what survives a restart.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires objcopy --version
requires sqlite3 --version
. "$(dirname "$0")/musterd-lib.sh"
make_parent
json='Content-Type: application/json'
wire='Content-Type: application/x-muster'
# message HEAD: the head of a message with its length before it
message() { printf '%08x' ${#1} | xxd -r -p; printf %s "$1"; }

# ---- errors at start, each with its exit code and one line -------------------
start_fails() { # CODE NAME TEXT ARGS…
        local want=$1 name=$2 text=$3 out rc
        shift 3
        out=$("$bin/musterd" "$@" 2>&1)
        rc=$?
        if [ "$rc" -eq "$want" ] && grep -qF -e "$text" <<<"$out"; then ok "$name"; else not_ok "$name" "exit $rc: $out"; fi
}
start_fails 0 "--version" "musterd 0" --version
start_fails 2 "an unknown option" "--nonsense" --nonsense
start_fails 2 "a missing configuration names muster init" "muster init" --config "$tmp/nosuch"
sed 's/^threads.*//; $a colour = red' "$conf" >"$tmp/bad.conf"
start_fails 2 "an unknown key is named with its line" "line 13" --config "$tmp/bad.conf"
sed 's/127.0.0.1:'"$boot_port"'$/localhost:http/; /public-url/d' "$conf" >"$tmp/bad.conf"
start_fails 2 "an address that is none" "IP:PORT" --config "$tmp/bad.conf"
sed "s#$tmp/pki#$tmp/nopki#" "$conf" >"$tmp/bad.conf"
start_fails 3 "missing keys" "$tmp/nopki/ca.pem" --config "$tmp/bad.conf"
chmod 644 "$tmp/pki/policy.key"
start_fails 3 "a private key that others may read" "chmod 0600" --config "$conf"
chmod 600 "$tmp/pki/policy.key"
start_fails 0 "--check-config" "in order" --check-config --config "$conf"
cp -r "$tmp/pki" "$tmp/pki2" && p256 "$tmp/pki2/server.key" && chmod 600 "$tmp/pki2/server.key"
sed "s#$tmp/pki#$tmp/pki2#" "$conf" >"$tmp/bad.conf"
start_fails 3 "a key that is not the certificate's" "does not belong to server.pem" --config "$tmp/bad.conf"
head -c 8192 /dev/urandom >"$state/muster.db"
start_fails 4 "a damaged store" "muster.db" --config "$conf"
rm -f "$state"/muster.db*

mkdir -p "$tmp/hooks.d" "$tmp/heard"
chmod 777 "$tmp/heard"
printf '#!/bin/sh\ncat >>"%s"\n' "$tmp/heard/10" >"$tmp/hooks.d/10-first"
printf '#!/bin/sh\ngrep SigIgn /proc/self/status >"%s"\n' "$tmp/heard/15" >"$tmp/hooks.d/15-signals"
printf '#!/bin/sh\nexit 3\n' >"$tmp/hooks.d/20-fails"
printf 'not a program\n' >"$tmp/hooks.d/30-readme"
chmod 755 "$tmp"/hooks.d "$tmp"/hooks.d/[12]*
musterd_start || exit 1
start_fails 5 "a port in use" "127.0.0.1:$boot_port" --config "$conf"

# ---- isolation --------------------------------------------------------------
if [ "$(id -u)" = 0 ]; then
        is "it does not run as root" "$(id -u nobody)" "$(awk '/^Uid:/ { print $2 }' "/proc/$musterd_pid/status")"
        is "it has no supplementary groups" "" "$(awk '/^Groups:/ { print $2 }' "/proc/$musterd_pid/status")"
fi
is "no new privileges" 1 "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$musterd_pid/status")"
is "no core dumps" 0 "$(awk '/^Max core/ { print $6 }' "/proc/$musterd_pid/limits")"
is "the admin socket is not for others" 660 "$(stat -c %a "$sock")"

# ---- TLS --------------------------------------------------------------------
tls() { openssl s_client -connect "127.0.0.1:$attest_port" -CAfile "$tmp/pki/ca.pem" "$@" </dev/null 2>&1; }
check "TLS 1.3 with the cluster CA's certificate" grep -q 'Verify return code: 0' <(tls -tls1_3)
for v in tls1_2 tls1_1; do
        # the client's own policy lets it offer that version: it is the server that says no
        check "$v is refused" grep -q 'alert protocol version' <(OPENSSL_CONF=/dev/null tls "-$v" -cipher 'DEFAULT:@SECLEVEL=0')
done
ask_tls() { openssl s_client -connect "127.0.0.1:$1" -tls1_3 -ign_eof <<<$'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' 2>&1; }
tickets() { ask_tls "$1" | grep -c -e 'New Session Ticket' -e '^HTTP/1'; }
is "no session tickets, so no resumption: its answer is all that comes" 1 "$(tickets "$attest_port")"
other_port=$(free_port)
openssl s_server -accept "127.0.0.1:$other_port" -cert "$tmp/pki/server.pem" -key "$tmp/pki/server.key" -tls1_3 -www >/dev/null 2>&1 &
other_pid=$!
cleanup_pid "$other_pid"
gives_tickets() { [ "$(tickets "$other_port")" -ge 2 ]; }
check "control: of a server that gives tickets they are seen" wait_for 10 gives_tickets
kill "$other_pid"
is "control: on the boot port plain HTTP is answered" 404 "$(curl -s -o /dev/null -w '%{http_code}' --http0.9 "http://127.0.0.1:$boot_port/v2/attest")"
is "plain HTTP on the attest port gets nothing" 000 "$(curl -s -o /dev/null -w '%{http_code}' --http0.9 "http://127.0.0.1:$attest_port/v2/attest")"

# ---- the route table --------------------------------------------------------
is "an unknown path" 404 "$(boot_status /)"
is "no admin route on the boot listener" 404 "$(boot_status /v1/nodes)"
is "no admin route on the attest listener" 404 "$(attest_status /v1/nodes)"
is "no attest on the boot listener" 404 "$(boot_status /v2/attest -d '{}')"
is "no attest on the admin socket" 404 "$(admin_status POST /v2/attest '{}')"
is "a wrong method" 405 "$(boot_status /ipxe -X DELETE)"
is "a wrong method on attest" 405 "$(attest_status /v2/attest)"
check "405 says which are allowed" grep -qi '^allow: POST' <(curl -si --cacert "$tmp/pki/ca.pem" "https://127.0.0.1:$attest_port/v2/attest")
check "control: the files that are climbed to are there" test -e "$state/boot/../../pki/ca.key" -a -e "$state/boot/../muster.db"
is "a path that climbs by escaped slashes" 400 "$(boot_status /boot/..%2F..%2Fpki%2Fca.key --path-as-is)"
is "a path that climbs, plainly" 404 "$(boot_status /boot/../muster.db --path-as-is)"
is "a body where none belongs" 413 "$(boot_status /ipxe -X GET -H "$json" -d '{}')"

# ---- bodies -----------------------------------------------------------------
is "a chunked body" 411 "$(attest_status /v2/attest -H 'Transfer-Encoding: chunked' -H "$wire" -d '{}')"
is "another type" 415 "$(attest_status /v2/attest -H 'Content-Type: text/plain' -d '{}')"
is "JSON alone, as the admin socket takes it" 415 "$(attest_status /v2/attest -H "$json" -d '{}')"
is "no message" 400 "$(attest_status /v2/attest -H "$wire" -d 'nonsense')"
{ message '{"octets":[["secret",32]]}'; head -c 32 /dev/zero; } >"$tmp/activation"
is "an activation out of the blue is refused" 403 "$(attest_status /v2/activate -H "$wire" --data-binary "@$tmp/activation")"
is "and it is journalled with its code" M-ACTIVATE "$(admin GET '/v1/events?newest=1&limit=1' | jq -r '.events[0].code')"
# announces 200 MB and sends nothing: the refusal must come all the same
is "a body over the limit is refused before it is read" 413 "$(printf 'POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-muster\r\nContent-Length: 200000000\r\n\r\n' |
        timeout 10 openssl s_client -quiet -verify_quiet -ign_eof -connect "127.0.0.1:$attest_port" 2>/dev/null | head -n 1 | cut -d' ' -f2)"
is "a Content-Length that is none" 400 "$(printf 'POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-muster\r\nContent-Length: 0x10\r\n\r\n' |
        timeout 10 openssl s_client -quiet -verify_quiet -ign_eof -connect "127.0.0.1:$attest_port" 2>/dev/null | head -n 1 | cut -d' ' -f2)"
is "an unknown member" 400 "$(admin_status POST /v1/nodes '{"name":"n1","colour":"red"}')"

# ---- limits -----------------------------------------------------------------
is "one address gets so many connections and no more" "64 closed" "$(python3 - "$boot_port" <<'END'
import socket, sys
held = []
for i in range(64):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(5)
    s.sendall(b"GET /boot/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    if not s.recv(4096).startswith(b"HTTP/1.1 404"):
        break
    held.append(s)
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(5)
try:
    s.sendall(b"GET /boot/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    got = s.recv(4096)
except OSError:
    got = b""
print(len(held), "open" if got else "closed")
END
)"
wait_for 5 sh -c "curl -s 'http://127.0.0.1:$boot_port/x'"

# ---- nodes ------------------------------------------------------------------
id=$(printf a%.0s {1..64})
is "pre-enrols by id" enrolled "$(admin POST /v1/nodes "{\"name\":\"n1\",\"id\":\"$id\"}" | jq -r .state)"
is "the same EK again" 409 "$(admin_status POST /v1/nodes "{\"name\":\"n2\",\"id\":\"$id\"}")"
is "the same name again" 409 "$(admin_status POST /v1/nodes "{\"name\":\"n1\",\"id\":\"$(printf b%.0s {1..64})\"}")"
is "a name that is none" 400 "$(admin_status POST /v1/nodes "{\"name\":\"N_1\",\"id\":\"$id\"}")"
is "found by name" "$id" "$(admin GET /v1/nodes/n1 | jq -r .id)"
is "found by prefix" n1 "$(admin GET "/v1/nodes/${id:0:8}" | jq -r .name)"
is "not by a short one" 404 "$(admin_status GET "/v1/nodes/${id:0:7}")"
is "listed" 1 "$(admin GET '/v1/nodes?state=enrolled' | jq '.nodes | length')"
is "quarantined" quarantined "$(admin POST /v1/nodes/n1/quarantine '{"reason":"smoke"}' | jq -r .state)"
is "approved back without a certificate, knowingly" without "$(admin POST /v1/nodes/n1/approve '{"without_ek_certificate":true}' | jq -r .ek_mode)"
is "approving one without a chain needs that" 409 "$(admin POST /v1/nodes "{\"name\":\"n3\",\"id\":\"$(printf c%.0s {1..64})\"}" >/dev/null; admin_status POST /v1/nodes/n3/approve '{}')"
is "removed" "$(printf c%.0s {1..64})" "$(admin DELETE /v1/nodes/n3 | jq -r .removed)"
is "revoked" revoked "$(admin POST /v1/nodes/n1/revoke | jq -r .state)"
is "a revoked node is not approved again" 409 "$(admin_status POST /v1/nodes/n1/approve '{"without_ek_certificate":true}')"
# enrolled, quarantined, enrolled, enrolled (n3), removed (n3), revoked
check "each change of state reaches the hooks" wait_for 5 sh -c "[ \$(grep -o '\"to\"' '$tmp/heard/10' | wc -l) = 6 ]"
is "with what changed" "quarantined enrolled" "$(jq -r 'select(.from == "quarantined") | .from + " " + .to' "$tmp/heard/10")"
# 32 and 33 are glibc's own
is "hooks ignore no signal" 0 "$((0x$(awk '{ print $2 }' "$tmp/heard/15") & 0x7fffffff))"
check "a hook that fails is logged" grep -q 'hook .*20-fails failed with status 3' "$tmp/musterd.log"

# ---- boots ------------------------------------------------------------------
line='root=muster console=ttyS0 rd.shell=0 rd.emergency=reboot systemd.import_credentials=no'
make_uki "$state/boot/one.efi" "initrd one"
make_uki "$state/boot/two.efi" "initrd two"
is "nothing to boot yet" 404 "$(boot_status /ipxe)"
for bad in "root=muster" "$line rd.break" "$line init=/bin/sh" "$line rd.shell=1" "$line systemd.debug-shell" "$line \${x}" "$line single"; do
        is "boot add refuses: ${bad#"$line "}" 400 "$(admin_status POST /v1/boots "{\"name\":\"x\",\"file\":\"one.efi\",\"cmdline\":\"$bad\",\"default\":true,\"allow_shell\":false}")"
done
is "a file that is not there" 404 "$(admin_status POST /v1/boots "{\"name\":\"x\",\"file\":\"no.efi\",\"cmdline\":\"$line\",\"default\":true}")"
is "a file name with a path" 400 "$(admin_status POST /v1/boots "{\"name\":\"x\",\"file\":\"../muster.db\",\"cmdline\":\"$line\",\"default\":true}")"
echo text >"$state/boot/text.efi"
is "a file that is no UKI" 400 "$(admin_status POST /v1/boots "{\"name\":\"x\",\"file\":\"text.efi\",\"cmdline\":\"$line\",\"default\":true}")"
is "a boot is added" "$(sha256sum <"$state/boot/one.efi" | cut -d' ' -f1)" \
        "$(admin POST /v1/boots "{\"name\":\"one\",\"file\":\"one.efi\",\"cmdline\":\"$line\",\"default\":true,\"allow_shell\":false}" | jq -r .sha256)"
is "its name is taken" 409 "$(admin_status POST /v1/boots "{\"name\":\"one\",\"file\":\"one.efi\",\"cmdline\":\"$line\"}")"
curl -sS "http://127.0.0.1:$boot_port/ipxe?mac=52-54-00-00-00-01&uuid=6d757374-6572-4000-8000-000000000001&serial=A%201" >"$tmp/script"
check "the script chains it with its command line" grep -qF "kernel --name one.efi http://127.0.0.1:$boot_port/boot/one.efi $line" "$tmp/script"
is "no placeholder is left" 0 "$(grep -c '@[A-Z]' "$tmp/script")"
for bad in 'mac=52' 'mac=52:54:00:00:00:01%0Ashell' 'uuid=x' 'serial=%24%7Bx%7D' "serial=$(printf a%.0s {1..80})"; do
        is "an argument is refused: ${bad:0:40}" 400 "$(boot_status "/ipxe?$bad")"
done
is "a served file is whole" "$(sha256sum <"$state/boot/one.efi")" "$(curl -s "http://127.0.0.1:$boot_port/boot/one.efi" | sha256sum)"
is "HEAD of a script" 200 "$(boot_status /ipxe -I)"
is "a file of the folder that is no entry" 404 "$(boot_status /boot/two.efi)"
admin POST /v1/boots "{\"name\":\"two\",\"file\":\"two.efi\",\"cmdline\":\"$line\",\"default\":true}" >/dev/null
is "the former default is the previous one" one "$(admin GET /v1/boots | jq -r '.boots[] | select(.previous).name')"
is "the default cannot be removed" 409 "$(admin_status DELETE /v1/boots/two)"
is "a node gets what it is assigned" one "$(admin POST /v1/nodes/n1/assign '{"boot":"one"}' | jq -r .boot)"
is "an assigned one cannot be removed" 409 "$(admin_status DELETE /v1/boots/one)"
is "null follows the default" two "$(admin POST /v1/nodes/n1/assign '{"boot":null}' | jq -r .boot)"
is "an unknown entry" 404 "$(admin_status POST /v1/nodes/n1/assign '{"boot":"three"}')"

# ---- images -----------------------------------------------------------------
sealed_file "$state/images/i.img"
image() { printf '{"name":"%s","file":"i.img",%s,"key":"%s","default":true}' "$1" "$2" "$3"; }
key=$(head -c 32 /dev/urandom | base64)
is "an image whose size is another" 400 "$(admin_status POST /v1/images "$(image i "${sealed_about/212/213}" "$key")")"
is "a short key" 400 "$(admin_status POST /v1/images "$(image i "$sealed_about" AAAA)")"
case $sealed_about in *0\") digit=1 ;; *) digit=0 ;; esac # another than the digest's last
is "a list whose digest is another" 400 "$(admin_status POST /v1/images "$(image i "${sealed_about%??}$digit\"" "$key")")"
is "an erofs, which no node mounts" 400 "$(admin_status POST /v1/images "$(image i "${sealed_about/squashfs/erofs}" "$key")")"
is "an image is added" i "$(admin POST /v1/images "$(image i "$sealed_about" "$key")" | jq -r .name)"
is "its key is never shown" "0 1" "$(admin GET /v1/images | grep -cF -e "$key" -e '"key"') $(admin GET /v1/images | grep -cF i.img)"
raw=$(base64 -d <<<"$key" | xxd -p -c 64)
stored() { cat "$state"/muster.db* | xxd -p | tr -d '\n' | grep -c "$1"; }
is "nor is it in the store" 0 "$(stored "$raw")"
is "control: the image's name is found there" 1 "$(stored "$(printf i.img | xxd -p)")"
url=http://127.0.0.1:$boot_port/image/i.img
is "HEAD" "212" "$(curl -sI "$url" | tr -d '\r' | awk 'tolower($1) == "content-length:" { print $2 }')"
is "a range" "$(dd if="$state/images/i.img" bs=1 skip=64 count=16 2>/dev/null | sha256sum)" "$(curl -s -r 64-79 "$url" | sha256sum)"
is "a range to the end" 206 "$(boot_status /image/i.img -r 64-)"
check "Content-Range says where" grep -qi '^content-range: bytes 64-211/212' <(curl -s -r 64- -D - -o /dev/null "$url" | tr -d '\r')
is "a range beyond the end" 416 "$(boot_status /image/i.img -r 212-)"
is "several ranges: all of it" 200 "$(boot_status /image/i.img -r 0-1,4-5)"

head_of() { curl -s -o /dev/null -D - "$@" | tr -d '\r'; }
tag='"11111111111111111111111111111111"' # the image id of its header
check "an image's tag is its id" grep -qix "etag: $tag" <(head_of "$url")
check "caches may keep it for good" grep -qix 'cache-control: public, max-age=31536000, immutable' <(head_of "$url")
is "whoever has it is told so" 304 "$(boot_status /image/i.img -H "If-None-Match: \"x\", $tag")"
check "with the tag" grep -qix "etag: $tag" <(head_of -H "If-None-Match: $tag" "$url")
is "whoever has another gets it" 200 "$(boot_status /image/i.img -H 'If-None-Match: "x"')"
is "a part of the file it was begun of" 206 "$(boot_status /image/i.img -r 64- -H "If-Range: $tag")"
is "of another file: the whole" 200 "$(boot_status /image/i.img -r 64- -H 'If-Range: "x"')"
is "a date is no tag: the whole" 200 "$(boot_status /image/i.img -r 64- -H 'If-Range: Sat, 28 Nov 2026 18:00:00 GMT')"
is "HEAD has no parts" 200 "$(boot_status /image/i.img -I -H 'Range: bytes=64-')"
check "a UKI's tag is its digest" grep -qix "etag: \"$(sha256sum <"$state/boot/one.efi" | cut -d' ' -f1)\"" <(head_of "http://127.0.0.1:$boot_port/boot/one.efi")
check "an error is not kept" grep -qix 'cache-control: no-store' <(head_of "http://127.0.0.1:$boot_port/image/none")
check "nor a node's script" grep -qix 'cache-control: no-store' <(head_of "http://127.0.0.1:$boot_port/ipxe?mac=52:54:00:12:34:56")
file_bytes() { admin GET /metrics | sed -n "s/^muster_file_bytes_total{what=\"$1\"} //p"; }
before=$(file_bytes image)
curl -s -r 10-19 -o /dev/null "$url"
more() { [ "$(file_bytes image)" -eq $((before + 10)) ]; }
check "bytes of images are counted" wait_for 10 more

# ---- altered on disk, restart, journal ---------------------------------------
printf x >>"$state/boot/one.efi"
is "a boot altered while serving is not served" 503 "$(boot_status /boot/one.efi)"
before=$(admin GET /v1/status | jq -c '[.journal, .boots, .images, .default_boot]')
musterd_stop
is "SIGTERM ends it cleanly" 0 $?
musterd_start || exit 1
is "state survives a restart" "$before" "$(admin GET /v1/status | jq -c '[.journal, .boots, .images, .default_boot]')"
is "a boot altered on disk is not served after a restart" 404 "$(boot_status /boot/one.efi)"
check "and the log says so" grep -q 'boot one is not served.*altered' "$tmp/musterd.log"
is "the journal holds" true "$(admin GET /v1/events/verify | jq .ok)"
is "events of one node" "enrolled quarantined approved revoked assigned assigned" "$(admin GET /v1/events?node=n1 | jq -r '[.events[].event] | join(" ")')"
is "metrics count them" 1 "$(admin GET /metrics | grep -c '^muster_nodes{state="revoked"} 1$')"
musterd_stop
check_says 19 'the journal is append-only' "the journal cannot be changed by SQL" sqlite3 "$state/muster.db" "UPDATE journal SET event = 'x' WHERE seq = 2"
check_says 19 'the journal is append-only' "nor shortened" sqlite3 "$state/muster.db" "DELETE FROM journal"
sqlite3 "$state/muster.db" "UPDATE images SET list = NULL, header = x'4d5553544552494d0000000100000014' || substr(header, 17)"
sqlite3 "$state/muster.db" "DROP TRIGGER journal_no_update; UPDATE journal SET event = 'approved' WHERE seq = 2"
musterd_start || exit 1
check "an image of an older version keeps no musterd from starting; it is said what to do" \
        grep -q 'image i is not served: .*older version.*Next: `muster image add` it again' "$tmp/musterd.log"
is "and it is not served" 404 "$(boot_status /image/i.img)"
is "a row changed behind its back is found" 2 "$(admin GET /v1/events/verify | jq .bad)"
# ---- a file that is of no use, in each directory that is read whole ----------
# a CA of a maker's with a line break behind its DER, as their servers send it, and beside it what does not belong there
openssl x509 -in "$tmp/pki/ca.pem" -outform DER -out "$tmp/ek-ca/maker.crt" && printf '\r\n' >>"$tmp/ek-ca/maker.crt"
cp "$tmp/pki/policy.key" "$tmp/ek-ca/oops.pem"
chmod 644 "$tmp"/ek-ca/*
head -c 300 /dev/urandom >"$state/ipxe/noise.efi"
chmod 644 "$state/ipxe/noise.efi"
reloaded() { tail -n +"$((lines + 1))" "$tmp/musterd.log" | grep -q "reloaded.*EK CA"; }
lines=$(wc -l <"$tmp/musterd.log")
kill -HUP "$musterd_pid"
check "a reload with a file of no use" wait_for 10 reloaded
new=$(tail -n +"$((lines + 1))" "$tmp/musterd.log")
check "keeps the CA beside it, and counts what is not used" grep -q 'reloaded: 1 EK CA certificates, .*; 2 files are not used, named' <<<"$new"
check "it is named in the log with the reason" grep -q "$tmp/ek-ca/oops.pem is not used as an EK CA: it holds a private key" <<<"$new"
check "so is the one among the iPXE binaries" grep -q "$state/ipxe/noise.efi is not used as iPXE" <<<"$new"
is "muster status has the CA" 1 "$(admin GET /v1/status | jq .ek_cas)"
is "and names each file" "$tmp/ek-ca/oops.pem $state/ipxe/noise.efi" \
        "$(admin GET /v1/status | jq -r '[.unused_files[].file] | join(" ")')"
is "and the boot entry and the image that are not served" "boot one.efi image i.img" \
        "$(admin GET /v1/status | jq -r '[.unusable[] | .kind, .file] | join(" ")')"
start_fails 0 "--check-config names a CA file that is not used" "$tmp/ek-ca/oops.pem is not used as an EK CA" --check-config --config "$conf"
start_fails 0 "and an iPXE binary" "$state/ipxe/noise.efi is not used as iPXE" --check-config --config "$conf"
start_fails 0 "and a hook" "$tmp/hooks.d/30-readme is not used as a hook: musterd's user may not execute it" --check-config --config "$conf"
start_fails 0 "and does not say that all is in order" "but 3 files would not be used" --check-config --config "$conf"
check "a start names the hook" grep -q "$tmp/hooks.d/30-readme is not used as a hook" "$tmp/musterd.log"
if [ "$(id -u)" = 0 ]; then
        chmod 600 "$tmp/ek-ca/maker.crt"
        start_fails 0 "a CA that only root can read is found as musterd's user" "maker.crt is not used as an EK CA: it cannot be read: Permission denied" --check-config --config "$conf"
        chmod 644 "$tmp/ek-ca/maker.crt"
fi
lines=$(wc -l <"$tmp/musterd.log")
musterd_stop
musterd_start || exit 1
check "at the next start the file is named again" grep -q "oops.pem is not used" <(tail -n +"$((lines + 1))" "$tmp/musterd.log")
is "and the CA beside it is in use" 1 "$(admin GET /v1/status | jq .ek_cas)"
rm "$tmp/ek-ca/oops.pem" "$state/ipxe/noise.efi" "$tmp/hooks.d/30-readme"
start_fails 0 "control: without them --check-config finds all in order" "are in order" --check-config --config "$conf"
is "and names nothing" 0 "$("$bin/musterd" --check-config --config "$conf" 2>&1 | grep -c 'not used')"
is "SIGHUP keeps it running" 200 "$(kill -HUP "$musterd_pid"; sleep 0.3; admin_status GET /v1/status)"
musterd_stop
in_log() { cat "$@" | grep -cF -e "$key" -e "$(sed -n 2p "$tmp/pki/ca.key")"; }
is "no secret of the parent is in the log" 0 "$(in_log "$tmp/musterd.log")"
is "control: the same search finds the key in its file" 1 "$(in_log "$tmp/musterd.log" "$tmp/pki/ca.key")"
