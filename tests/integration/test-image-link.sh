#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# A client at the far end of a slow, lossy link that breaks: muster-node's own
# code gets the whole image, going on where it was. In network namespaces of
# its own.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$top/qemu-harness/cluster.sh"
if [ "${1:-}" != inside ]; then
        requires unshare --net true
        requires test -w /dev/net/tun
        requires test -x "$objs/bench/image_fetch"
        cluster_netns "$0" inside
        failed=$?
        exit "$failed"
fi
. "$(dirname "$0")/musterd-lib.sh"
fetch=$objs/bench/image_fetch
chunk=262160
cuts=3
make_parent
sed -i "s/^boot-listen.*/boot-listen = 0.0.0.0:$boot_port/" "$conf"
musterd_start || { not_ok "musterd starts"; exit 1; }
head -c $((5 * 1048576 + 77)) /dev/urandom >"$tmp/plain"
"$fetch" seal "$tmp/plain" "$tmp/sealed" "$tmp/meta"
size=$(stat -c %s "$tmp/sealed")
install -m 0644 "$tmp/sealed" "$state/images/far.sealed"
check "a sealed image is added" admin POST /v1/images "$(jq -c '. + {name: "far", file: "far.sealed", default: false}' "$tmp/meta")"

# ---- the link: 10 ms and 5 % of loss each way, 10 Mbit/s ------------------------------
unshare --net sleep 600 &
far=$!
cleanup_pid "$far"
other_ns() { [ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 10 other_ns
python3 "$top/tests/integration/lossy_link.py" near far 0.05 10 1250000 1400000 "$cuts" "$tmp/link.log" &
link=$!
cleanup_pid "$link"
wait_for 10 grep -q ready "$tmp/link.log"
there() { nsenter -t "$far" -n "$@"; }
ip link set far netns "$far" && ip addr add 10.9.0.1/24 dev near && ip link set near up &&
        there ip addr add 10.9.0.2/24 dev far && there ip link set far up || { not_ok "the link is up"; exit 1; }
url=http://10.9.0.1:$boot_port/image/far.sealed

sent() { curl -s --unix-socket "$sock" http://m/metrics | sed -n 's/^muster_file_bytes_total{what="image"} //p'; }
sending() { curl -s --unix-socket "$sock" http://m/metrics | sed -n 's/^muster_image_sends //p'; }
before=$(sent)
check "the client gets the image" there timeout 240 "$fetch" fetch "$tmp/meta" "$tmp/out" "$url"
check "every byte of it" cmp "$tmp/out" "$tmp/plain"
is "its connection was cut on the way" "$cuts" "$(grep -c '^cut after' "$tmp/link.log")"
none() { [ "$(sending)" = 0 ]; }
check "musterd knows that nobody reads any more" wait_for 60 none
twice=$(($(sent) - before - size))
echo "# $twice bytes more than the image's $size"
# a chunk that was under way is fetched again, and what had come behind it
check "of a chunk under way no more than that is fetched twice" test "$twice" -le $((cuts * (chunk + 262144)))
check "and something is, or nothing was cut" test "$twice" -gt 0
kill "$link" && wait "$link"
lost=$(sed -n 's/^lost \([0-9]*\) packets/\1/p' "$tmp/link.log")
check "packets were lost" test "${lost:-0}" -gt 20
