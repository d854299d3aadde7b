#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Images do not keep attestations waiting: with 200 slow readers of an image
# every node is released, and little waits in the kernel for a reader; with
# image-sends further readers are told to come again, and all get theirs.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
. "$top/tests/storm/lib.sh"
requires test -x "$storm"
requires test -x "$objs/bench/image_fetch"
requires ss -V
fetch=$objs/bench/image_fetch
n=12
# a slow reader is cut off in time, which has its own test
storm_parent 'rate-per-address = 1000000' 'rate-strangers = 1000000' 'min-rate = 0' 'timeout = 600' || { not_ok "musterd starts"; exit 1; }
metric() { curl -s --unix-socket "$sock" http://m/metrics | sed -n "s/^$1 //p"; }
sending() { [ "$(metric muster_image_sends)" = "$1" ]; }

head -c 40000000 /dev/urandom >"$tmp/plain"
"$fetch" seal "$tmp/plain" "$tmp/sealed" "$tmp/meta"
install -m 0644 "$tmp/sealed" "$state/images/large.sealed"
check "an image is added" admin POST /v1/images "$(jq -c '. + {name: "large", file: "large.sealed", default: false}' "$tmp/meta")"
url=http://127.0.0.1:$boot_port/image/large.sealed

# ---- priorities --------------------------------------------------------------------
nices() { awk '{ sub(/.*\) /, ""); print $17 }' "/proc/$musterd_pid"/task/*/stat | sort -n | uniq -c | awk '{ print $2 ":" $1 }' | paste -sd' '; }
read -r own behind <<<"$(nices)"
check "threads of the boot listener run behind all others" test "${own%:*}" -lt "${behind%:*}" -a "${behind#*:}" -ge 2
check "which do not" test "${own#*:}" -ge 4

# ---- 200 that hold on ----------------------------------------------------------------
# hold N: so many connections that read the head of the image and then nothing, until its stdin ends
hold() { python3 -c '
import socket, sys
held = []
for i in range(int(sys.argv[1])):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.bind((f"127.7.{i // 50}.{i % 50 + 1}", 0))
    s.connect(("127.0.0.1", int(sys.argv[2])))
    s.sendall(b"GET /image/large.sealed HTTP/1.1\r\nHost: x\r\n\r\n")
    if not s.recv(12).startswith(b"HTTP/1.1 200"):
        sys.exit("refused")
    held.append(s)
print("held", flush=True)
sys.stdin.read()' "$1" "$boot_port"; }
mkfifo "$tmp/hold"
begin() { hold "$1" <"$tmp/hold" >"$tmp/held" 2>&1 & holder=$!; cleanup_pid "$holder"; exec 7>"$tmp/hold"; wait_for 60 grep -q held "$tmp/held"; }
end() { exec 7>&-; wait "$holder"; }

storm_keys "$n"
check "nodes are enrolled" storm_enrol
if begin 200; then ok "200 read an image, slowly"; else not_ok "200 read an image, slowly" "$(cat "$tmp/held")"; fi
check "which musterd counts" wait_for 10 sending 200
check "meanwhile every node is released" storm_go "$n" --limit 120 --json "$tmp/said"
is "and nothing else was answered" '{}' "$(jq -c .failures "$tmp/said")"
check "the readers are still there" sending 200
is "and one more gets the image" "$(stat -c %s "$tmp/sealed")" "$(curl -s "$url" | wc -c)"
# what waits in the kernel for one that reads and then stops: of 256 MiB that all share it has under 1.5 MiB, where tcp_wmem
# would allow more
unsent=$(python3 -c '
import socket, subprocess, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET /image/large.sealed HTTP/1.1\r\nHost: x\r\n\r\n")
got = 0
while got < 8 << 20:
    got += len(s.recv(65536))
before, now, end = -1, 0, time.monotonic() + 30
while (now == 0 or now != before) and time.monotonic() < end: # until it grows no more
    before = now
    time.sleep(0.5)
    rows = subprocess.run(["ss", "-Htn", "sport", "=", ":" + sys.argv[1], "and", "dport", "=", f":{s.getsockname()[1]}"], capture_output=True, text=True).stdout
    now = max([int(r.split()[2]) for r in rows.splitlines()] or [0])
print(now)' "$boot_port")
echo "# $unsent bytes wait for one more that has stopped"
check "some of an image waits for one more that has stopped, and under 1.5 MiB" test "$unsent" -gt 0 -a "$unsent" -lt 1572864
end
check "when they go, nothing is left" wait_for 30 sending 0

# ---- image-sends -----------------------------------------------------------------------
musterd_stop
echo 'image-sends = 3' >>"$conf"
if storm_start; then ok "musterd starts with image-sends"; else not_ok "musterd starts with image-sends"; fi
begin 3
curl -s -D "$tmp/head" -o "$tmp/busy" "$url"
check "with as many as may be, one more is told to come again" grep -q '^HTTP/1.1 503' "$tmp/head"
check "and when" grep -qi '^retry-after: [0-9]' "$tmp/head"
check "no cache is to keep that" grep -qi '^cache-control: no-store' "$tmp/head"
is "the size is still told" 200 "$(boot_status /image/large.sealed -I)"
check "scripts and UKIs are not counted" test "$(boot_status /boot/r9.efi)" = 200
pids=()
for i in 1 2 3 4 5 6; do
        "$fetch" fetch "$tmp/meta" "$tmp/out.$i" "$url" 2>"$tmp/err.$i" 7>&- & # the FIFO ends with this shell
        pids+=($!)
        cleanup_pid $!
done
refused() { [ "$(metric muster_image_busy_total)" -ge 7 ]; }
check "six nodes wait for a place" wait_for 60 refused
check "with no more than three served" sending 3
check "and nodes are released all the same" storm_go "$n" --steady --boot 8 --limit 120
end
whole=0
for i in "${!pids[@]}"; do
        wait "${pids[i]}" && cmp -s "$tmp/out.$((i + 1))" "$tmp/plain" && whole=$((whole + 1))
done
is "when the places are free, all six get the image" 6 "$whole"

# ---- image-rate --------------------------------------------------------------------------
musterd_stop
echo 'image-rate = 20000000' >>"$conf"
if storm_start; then ok "musterd starts with image-rate"; else not_ok "musterd starts with image-rate"; fi
# a lower bound: a loaded machine only makes it longer. Kernels pace all but the first window.
seconds=$(curl -s -o /dev/null -w '%{time_total}' "$url")
check "40 MB at 20 MB/s take no less than a second and a half" awk "BEGIN { exit !($seconds >= 1.5) }"
