#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# images.sh OUT.json: what part-images measures, in a network and mount
# namespace of its own. Readers run at idle priority: they stand for other
# machines, whose CPU is not the server's.
# shellcheck disable=SC1091,SC2154
result=$1
bench=$(cd "$(dirname "$0")" && pwd)
. "$bench/../lib.sh"
. "$top/tests/integration/musterd-lib.sh"
. "$top/tests/integration/hostile-lib.sh"
. "$top/tests/storm/lib.sh"
. "$top/tests/nginx-lib.sh"
set -e
rounds=${MUSTER_BENCH_ROUNDS:-7}
mib=${MUSTER_BENCH_IMAGE_MIB:-256}
nodes=${MUSTER_BENCH_NODES:-400}
readers=${MUSTER_BENCH_READERS:-200}
seconds=${MUSTER_BENCH_SECONDS:-20}
fetch=$objs/bench/image_fetch
tls_port=$((boot_port + 2))
web_port=$((boot_port + 3))
cleanup_fn nginx_stop
cleanup_fn 'umount "$tmp/ram" 2>/dev/null'
say() { echo "bench: images: $*" >&2; }
idle() { chrt --idle 0 "$@"; }

# image NAME MIB: of random bytes, in musterd and below nginx's root; its meta in $tmp/NAME.meta
image() {
        head -c "${2}M" /dev/urandom >"$tmp/plain"
        "$fetch" seal "$tmp/plain" "$tmp/$1.sealed" "$tmp/$1.meta"
        rm "$tmp/plain"
        install -m 0644 "$tmp/$1.sealed" "$state/images/$1.sealed"
        ln "$state/images/$1.sealed" "$tmp/web/image/"
        admin POST /v1/images "$(jq -c --arg n "$1" '. + {name: $n, file: "\($n).sealed", default: false}' "$tmp/$1.meta")" >/dev/null
}

web() {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/nginx/key.pem" -out "$tmp/nginx/cert.pem" \
                -subj /CN=bench -days 2 2>/dev/null
        nginx_conf "$tmp/nginx" <<END
        access_log off; sendfile on; tcp_nopush on; root $tmp/web;
        server { listen 127.0.0.1:$web_port; }
        server { listen 127.0.0.1:$tls_port ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;
                 ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384; }
END
        nginx_start "$tmp/nginx" "$web_port"
}

# cpu_us PID: of it and its children, to the microsecond
cpu_us() {
        local p
        for p in "$1" $(pgrep -P "$1" || :); do cat /proc/"$p"/task/*/schedstat; done | awk '{ ns += $1 } END { printf "%d", ns / 1000 }'
}
# per_gib PID URL: CPU ms
per_gib() {
        local from
        from=$(cpu_us "$1")
        idle curl -sSfk -o /dev/null "$2" -o /dev/null "$2" -o /dev/null "$2" -o /dev/null "$2"
        echo $((($(cpu_us "$1") - from) * 1073741 / (4 * bytes)))
}
wall_us() {
        local from=${EPOCHREALTIME/./}
        "$@" >/dev/null
        echo $((${EPOCHREALTIME/./} - from))
}
by_sha256sum() { curl -sSfk "$1" | sha256sum; }
by_openssl() { curl -sSfk "$1" | openssl dgst -sha256; }

# The file in RAM stays for the next to write over: memory that is new to this machine, when it is a virtual one,
# would cost more than all else.
one_round() {
        local floor opened two client
        floor=$("$fetch" floor "$tmp/big.meta" "$tmp/big.sealed")
        opened=$("$fetch" open "$tmp/big.meta" "$tmp/big.sealed" "$tmp/ram/out")
        two=$("$fetch" open "$tmp/big.meta" "$tmp/big.sealed" "$tmp/ram/out" 2)
        client=$("$fetch" time "$tmp/big.meta" "$tmp/ram/out" "$at_musterd")
        jq -cn --argjson bytes "$bytes" --argjson floor "$floor" --argjson open "$opened" --argjson two "$two" --argjson client "$client" \
                --argjson sha256sum_us "$(wall_us by_sha256sum "$at_tls")" --argjson openssl_us "$(wall_us by_openssl "$at_tls")" '
                {bytes: $bytes, floor_cpu_us: ($floor.user_us + $floor.sys_us),
                 open_cpu_us: ($open.user_us + $open.sys_us), client_cpu_us: ($client.user_us + $client.sys_us), client_us: $client.us,
                 floor_us: $floor.us, open_us: $open.us, two_us: $two.us, $sha256sum_us, $openssl_us}'
}

# by_turns: the servers' CPU for a GiB, three times, each time another one first
by_turns() {
        local i way
        local -A ms
        for i in 0 1 2; do
                for way in $((i % 3)) $(((i + 1) % 3)) $(((i + 2) % 3)); do
                        case $way in
                        0) ms[0]=$(per_gib "$musterd_pid" "$at_musterd") ;;
                        1) ms[1]=$(per_gib "$nginx_pid" "$at_web") ;;
                        2) ms[2]=$(per_gib "$nginx_pid" "$at_tls") ;;
                        esac
                done
                echo "{\"musterd\":${ms[0]},\"nginx\":${ms[1]},\"nginx_tls\":${ms[2]}}"
        done
}

# fair URL: so many readers at once, for so many seconds; the bytes of each.
# Long enough for buffers, which take some megabytes at once, not to matter.
fair() {
        local i
        for ((i = 0; i < readers; i++)); do printf 'url = "%s"\noutput = /dev/null\n' "$1"; done >"$tmp/many"
        idle curl -s -Z --parallel-immediate --parallel-max "$readers" --max-time "$seconds" -w '%{size_download}\n' -K "$tmp/many" >"$tmp/shares" 2>/dev/null || :
        sort -n "$tmp/shares" | awk -v seconds="$seconds" '{ v[NR] = $1; s += $1; q += $1 * $1 }
                END { printf "{\"readers\":%d,\"seconds\":%d,\"min_mb\":%.1f,\"median_mb\":%.1f,\"max_mb\":%.1f,\"jain\":%.4f}\n",
                        NR, seconds, v[1] / 1e6, v[int((NR + 1) / 2)] / 1e6, v[NR] / 1e6, s * s / (NR * q) }'
}

image_bytes() { curl -s --unix-socket "$sock" http://m/metrics | sed -n 's/^muster_file_bytes_total{what="image"} //p'; }
# storm NAME: p50 and p99 of steady boots, from dial to verdict
attests() {
        boot=$((boot + 1))
        storm_go "$nodes" --steady --boot "$boot" --arrival poisson:20 --json "$tmp/storm.json" >/dev/null
        jq -c '.ms.since_dial | {p50, p99}' "$tmp/storm.json"
}
attest_round() {
        local i calm busy from us pids=()
        calm=$(attests)
        for i in 1 2 3 4 5 6 7 8; do
                (trap 'kill $!; exit' TERM
                while :; do
                        idle curl -s -o /dev/null "$at_musterd" &
                        wait $!
                done) &
                pids+=($!)
        done
        from=$(image_bytes)
        us=${EPOCHREALTIME/./}
        busy=$(attests)
        us=$((${EPOCHREALTIME/./} - us))
        kill "${pids[@]}"
        wait "${pids[@]}" 2>/dev/null || :
        jq -cn --argjson idle "$calm" --argjson busy "$busy" --argjson rate $((($(image_bytes) - from) / us)) \
                '{$idle, $busy, image_mb_per_s: $rate}'
}

boot=7
mkdir -p "$tmp/web/image" "$tmp/nginx" "$tmp/ram"
mount -t tmpfs -o huge=always none "$tmp/ram" 2>/dev/null || mount -t tmpfs none "$tmp/ram"
storm_parent 'max-connections-per-address = 4096' 'rate-per-address = 1000000' 'rate-strangers = 1000000' || exit 1
image big "$mib"
web
bytes=$(stat -c %s "$tmp/big.sealed")
at_musterd=http://127.0.0.1:$boot_port/image/big.sealed
at_web=http://127.0.0.1:$web_port/image/big.sealed
at_tls=https://127.0.0.1:$tls_port/image/big.sealed
say "server and client, $rounds rounds of $mib MiB"
one_round >/dev/null # memory and caches are warm
for ((i = 0; i < rounds; i++)); do
        one_round >>"$tmp/rounds"
        by_turns >>"$tmp/serve"
done
say "$readers readers at once"
many_musterd=$(fair "$at_musterd")
many_nginx=$(fair "$at_web")
say "attests, $rounds times idle and with images"
storm_keys "$nodes"
storm_enrol || exit 1
storm_go "$nodes" --boot "$boot" --arrival poisson:50 >/dev/null
for ((i = 0; i < rounds; i++)); do attest_round; done >"$tmp/attests"
jq -n --argjson readers "$readers" --argjson musterd "$many_musterd" --argjson nginx "$many_nginx" --slurpfile rounds "$tmp/rounds" \
        --slurpfile serve "$tmp/serve" --slurpfile attest "$tmp/attests" '{$readers, fair: {$musterd, $nginx}, $rounds, $serve, $attest}' >"$result"
