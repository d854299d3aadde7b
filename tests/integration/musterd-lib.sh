#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after ../lib.sh: a musterd with keys of its own, made with openssl,
# so that musterd is tested without the CLI.
# shellcheck shell=bash disable=SC2154
boot_port=$(free_port)
attest_port=$(free_port)
conf=$tmp/musterd.conf
sock=$tmp/run/admin.sock
state=$tmp/state
musterd_pid=

# sealed_file FILE: the shape of a sealed image of 100 bytes (header, list, noise for its chunk), and in $sealed_about
# what POST /v1/images wants to know of it
# shellcheck disable=SC2034 # sealed_about is for the tests that source this
sealed_file() {
        local header chunk list
        header=4d5553544552494d0000000200000012$(printf '%016x' 100)$(printf '11%.0s' {1..16})$(printf '22%.0s' {1..7})01$(printf '00%.0s' {1..16})
        chunk=$(head -c 116 /dev/urandom | xxd -p -c 200)
        list=$(xxd -r -p <<<"$chunk" | sha256sum | cut -d' ' -f1)
        printf '%s' "$header$list$chunk" | xxd -r -p >"$1"
        chmod 644 "$1"
        list=$(xxd -r -p <<<"$list" | sha256sum | cut -d' ' -f1)
        sealed_about="\"format\":\"squashfs\",\"size\":212,\"plain_size\":100,\"header\":\"$header\",\"list\":\"$list\""
}

p256() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }

make_parent() {
        mkdir -p "$tmp/pki" "$tmp/ek-ca" "$tmp/run" "$state/boot" "$state/images" "$state/ipxe"
        (
                cd "$tmp/pki" || exit 1
                p256 ca.key
                openssl req -new -x509 -key ca.key -subj "/CN=test cluster" -days 30 -addext keyUsage=critical,keyCertSign -out ca.pem
                p256 server.key
                openssl req -new -key server.key -subj "/CN=parent" -out server.csr
                printf 'extendedKeyUsage=serverAuth,2.25.212541937340190927170434927386158209537\nsubjectAltName=IP:127.0.0.1\n' >ext
                openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 30 -extfile ext -out server.pem
                p256 policy.key
                openssl genpkey -algorithm ed25519 -out ssh_ca
                head -c 32 /dev/urandom >store.key
                chmod 600 ./*.key ssh_ca
        ) >"$tmp/pki.log" 2>&1
        cat >"$conf" <<END
[musterd]
boot-listen = 127.0.0.1:$boot_port
attest-listen = 127.0.0.1:$attest_port
public-url = http://127.0.0.1:$boot_port
state-dir = $state
pki-dir = $tmp/pki
ek-ca-dir = $tmp/ek-ca
hooks-dir = $tmp/hooks.d
admin-socket = $sock
ipxe-template = $top/ipxe/muster.ipxe.in
user = nobody
group = nogroup
END
        if [ "$(id -u)" = 0 ]; then
                chmod 755 "$tmp"
                chown -R nobody "$state"
        fi
}

musterd_start() {
        "$bin/musterd" --config "$conf" >>"$tmp/musterd.log" 2>&1 &
        musterd_pid=$!
        cleanup_pid "$musterd_pid"
        wait_for 10 admin GET /v1/status || { echo "# musterd did not start"; cat "$tmp/musterd.log"; return 1; }
}

# musterd_stop: its exit code
musterd_stop() {
        local rc
        kill -TERM "$musterd_pid"
        wait "$musterd_pid"
        rc=$?
        musterd_pid=
        return "$rc"
}

# admin METHOD PATH [JSON]: the body; fails for 4xx and 5xx
admin() { curl -sS --fail-with-body --max-time 40 --unix-socket "$sock" -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "http://muster$2"; }
# admin_status METHOD PATH [JSON]: the HTTP status only
admin_status() { curl -s -o /dev/null -w '%{http_code}' --unix-socket "$sock" -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "http://muster$2"; }
# boot_status ARGS…: the HTTP status of curl ARGS on the boot listener
boot_status() { local path=$1; shift; curl -s -o /dev/null -w '%{http_code}' "$@" "http://127.0.0.1:$boot_port$path"; }
attest_status() { local path=$1; shift; curl -s -o /dev/null -w '%{http_code}' --cacert "$tmp/pki/ca.pem" "$@" "https://127.0.0.1:$attest_port$path"; }

# is NAME WANTED GOT
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }

# make_uki FILE TEXT: a small UKI whose initrd is TEXT; its kernel is systemd's stub, which is a PE image too
make_uki() {
        local stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
        printf 'ID=test\n' >"$tmp/osrel"
        printf '%s' "$2" >"$tmp/initrd"
        add_sections "$stub" "$1" .osrel="$tmp/osrel" .initrd="$tmp/initrd" .linux="$stub"
        chmod 644 "$1"
}
