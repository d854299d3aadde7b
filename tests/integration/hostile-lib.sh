#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after musterd-lib.sh: a musterd that serves the boot of hostile/'s
# software TPM, and that node, which does what it is told.
# shellcheck shell=bash disable=SC2154

hostile_build() {
        "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -I"$top/common" -I"$top/bootserver" -o "$tmp/hostile" "$top"/tests/integration/hostile/*.c \
                "$objs/libserver.a" "$objs/libcommon.a" -ljson-c -lsqlite3 -lssl -lcrypto
}

r9='root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no console=ttyS0'
# add_image NAME: the shape of a sealed image, as the default
add_image() {
        sealed_file "$state/images/$1.img"
        admin POST /v1/images "{\"name\":\"$1\",\"file\":\"$1.img\",$sealed_about,\"key\":\"$(head -c 32 /dev/urandom | base64)\",\"default\":true}"
}
add_boot() { admin POST /v1/boots "{\"name\":\"$1\",\"file\":\"$1.efi\",\"cmdline\":\"$r9\",\"default\":true}"; }

# hostile_parent [CONF LINE…]: a parent with boot r9 and image i
hostile_parent() {
        set -- 'rate-per-address = 1000000' 'rate-strangers = 1000000' "$@" # those limits have their own tests
        hostile_build || return 1
        make_parent
        "$tmp/hostile" files "$tmp" && mv "$tmp"/r[89].efi "$state/boot/" && mv "$tmp/snponly.efi" "$state/ipxe/"
        chmod 644 "$state"/boot/* "$state"/ipxe/*
        printf '%s\n' "$@" >>"$conf"
        musterd_start && add_boot r9 >/dev/null && add_image i >/dev/null
}

# hostile_start: one identity for the whole test
hostile_start() {
        mkfifo "$tmp/orders" "$tmp/answers"
        "$tmp/hostile" talk "$tmp/pki/ca.pem" "$attest_port" <"$tmp/orders" >"$tmp/answers" 2>"$tmp/hostile.err" &
        cleanup_pid $!
        exec 9>"$tmp/orders" 8<"$tmp/answers"
}
do_() { printf '%s\n' "$@" >&9; }
# answer: the next line that the node prints, in $got
answer() {
        got=
        read -r -t 60 got <&8 || got="no answer"
}
is_said() { # NAME WANTED ORDER
        do_ "$3"
        answer
        is "$1" "$2" "$got"
}
node() { admin GET /v1/nodes | jq -r ".nodes[0].$1"; }
rows() { admin GET /v1/status | jq .journal.seq; }
last_event() { admin GET "/v1/events?newest=1&limit=1${1:+&node=$1}" | jq -r ".events[0].${2:-code}"; }
waiting() { wait_for 10 sh -c "curl -s --unix-socket '$sock' http://m/v1/status | grep -q '\"waiting\":$1'"; }

# enrol NAME: on link 0, a new connection; the answer is in $got
enrol() {
        do_ "dial 0" "attest 0"
        answer
        do_ "activate 0"
        waiting 1
        admin POST "/v1/nodes/$(admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].id')/approve" \
                "{\"name\":\"$1\",\"learn\":true,\"without_ek_certificate\":true}" >/dev/null
        answer
}
