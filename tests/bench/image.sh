#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# image.sh IMAGE_FETCH OUT.json: the client's image path against curl, on a
# sealed image of random bytes that a real musterd serves on loopback. All in
# memory; the ways take turns. Runs in a network namespace of its own.
set -euo pipefail
fetch=$1
result=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$top/qemu-harness/cluster.sh"
mib=${MUSTER_BENCH_IMAGE_MIB:-256}
rounds=${MUSTER_BENCH_ROUNDS:-7}
base=${TMPDIR:-/tmp}
[ "$(df --output=avail -BM /dev/shm 2>/dev/null | tail -n 1 | tr -dc 0-9)" -gt $((4 * mib)) ] && base=/dev/shm
dir=$(mktemp -d "$base/muster-bench.XXXXXX")
chmod 0711 "$dir"
stop_all() {
        cluster_stop || :
        rm -rf "$dir"
}
trap stop_all EXIT

cluster_init "$dir" >"$dir/init.log" 2>&1
cluster_start "$dir"
head -c "${mib}M" /dev/urandom >"$dir/plain"
file=bench-0000000000000000.sealed
"$fetch" seal "$dir/plain" "$dir/sealed" "$dir/meta"
install -m 0644 "$dir/sealed" "$dir/state/images/$file"
jq -cj --arg file "$file" '. + {name: "bench", file: $file, default: true}' "$dir/meta" >"$dir/body"
curl -sS --fail-with-body --unix-socket "$dir/run/admin.sock" -H 'Content-Type: application/json' \
        --data-binary "@$dir/body" http://localhost/v1/images >"$dir/added" || { cat "$dir/added" >&2; exit 1; }
url=http://127.0.0.1:$cluster_boot_port/image/$file

client() { "$fetch" fetch "$dir/meta" "$dir/out" "$url"; }
curl_sha256sum() { curl -sSf "$url" | sha256sum >/dev/null; }
curl_openssl() { curl -sSf "$url" | openssl dgst -sha256 >/dev/null; }
curl_null() { curl -sSf -o /dev/null "$url"; }
curl_file() { curl -sSf -o "$dir/out" "$url"; }

client
cmp "$dir/plain" "$dir/out"
rm -f "$dir/plain" "$dir/sealed"
bytes=$(stat -c %s "$dir/state/images/$file")
cpu=$(proc_cpu_ms "$cluster_pid")
runs=0
for ((i = 0; i < rounds; i++)); do
        for way in client curl_sha256sum curl_openssl curl_null curl_file; do
                rm -f "$dir/out"
                from=${EPOCHREALTIME/./}
                "$way"
                echo "$way $((${EPOCHREALTIME/./} - from))"
                runs=$((runs + 1))
        done
done >"$dir/times"
runs=$(wc -l <"$dir/times")
cpu=$(($(proc_cpu_ms "$cluster_pid") - cpu))
jq -Rn --argjson bytes "$bytes" --argjson rounds "$rounds" --argjson runs "$runs" --argjson cpu "$cpu" \
        --argjson peak "$(proc_kib "$cluster_pid" VmHWM)" "$bench_jq"'
        [inputs | split(" ") | {way: .[0], us: (.[1] | tonumber)}] | group_by(.way)
        | (map({key: .[0].way, value: map(.us)}) | from_entries) as $us
        | map({key: .[0].way, value: (map($bytes / .us)
                | {median: median, min: min, max: max} | map_values(. * 10 | round / 10))})
        | {bytes: $bytes, rounds: $rounds, mb_per_s: from_entries,
           of_curl_sha256sum: ($us | map_values([., $us.curl_sha256sum] | transpose | map(.[1] / .[0]) | median | . * 1000 | round / 1000)),
           musterd: {peak_kib: $peak, cpu_ms_per_gib: ($cpu / ($bytes * $runs / 1073741824) | round)}}' <"$dir/times" >"$result"
