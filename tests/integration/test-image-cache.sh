#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# An nginx cache in front of musterd, with the configuration that is shipped:
# it takes the bytes off musterd, is trusted with nothing, and what it spoils
# is refused and fetched elsewhere. The clients are muster-node's own code.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$top/tests/nginx-lib.sh"
node_requires
requires test -x "$objs/bench/image_fetch"
requires "$nginx_bin" -v
fetch=$objs/bench/image_fetch
clients=250

p=$tmp/parent
node_files
parent_init "$p"
parent_start "$p"
parent_content "$p" 5
boot_port=$(cat "$p/boot-port")
cache_port=$(free_port)
metric() { curl -s --unix-socket "$p/admin.sock" http://m/metrics | sed -n "s/^muster_file_bytes_total{what=\"image\"} //p"; }
own=http://127.0.0.1:$boot_port/image/many.sealed
cached=http://127.0.0.1:$cache_port/image/many.sealed

head -c $((9 * 1048576 + 4321)) /dev/urandom >"$tmp/plain"
"$fetch" seal "$tmp/plain" "$tmp/sealed" "$tmp/meta"
size=$(stat -c %s "$tmp/sealed")
install -m 0644 "$tmp/sealed" "$p/state/images/many.sealed"
check "a sealed image is added" curl -sS --fail-with-body --unix-socket "$p/admin.sock" -H 'Content-Type: application/json' \
        -d "$(jq -c '. + {name: "many", file: "many.sealed", default: false}' "$tmp/meta")" http://m/v1/images

mkdir -p "$tmp/nginx"
sed -e "s|192.0.2.10:8080|127.0.0.1:$boot_port|" -e "s|listen 8081|listen 127.0.0.1:$cache_port|" -e "s|/var/cache/nginx/muster|$tmp/nginx/cache|" \
        "$top/bootserver/nginx-cache.conf" | nginx_conf "$tmp/nginx"
nginx_start "$tmp/nginx" "$cache_port" || { not_ok "nginx starts with bootserver/nginx-cache.conf"; exit 1; }
cleanup_fn nginx_stop
ok "nginx starts with bootserver/nginx-cache.conf"

# ---- who has the bytes to send -----------------------------------------------------
before=$(metric)
one() { "$fetch" fetch "$tmp/meta" "$tmp/out.$1" "$cached" && cmp -s "$tmp/out.$1" "$tmp/plain" && rm "$tmp/out.$1" && echo whole; }
export -f one
export fetch tmp cached
whole=$(seq "$clients" | xargs -P 8 -I{} bash -c 'one {}' 2>"$tmp/clients.err" | grep -c whole)
[ "$whole" -eq "$clients" ] && ok "$clients clients get the image through the cache" || not_ok "$clients clients get the image through the cache" "$whole: $(tail -n 3 "$tmp/clients.err")"
from_musterd=$(($(metric) - before))
echo "# musterd sent $from_musterd of $((clients * size)) bytes"
check "at least 99 % of the bytes are the cache's" test $((from_musterd * 100)) -le $((clients * size))
counted() { [ $(($(metric) - before)) -ge "$size" ]; }
check "musterd counts what it sent: no less than the image" wait_for 10 counted
before=$(metric)
status=$(curl -s -o "$tmp/part" -w '%{http_code}' -r 5000000-5000099 "$cached")
is_part() { cmp -s "$tmp/part" <(tail -c +5000001 "$tmp/sealed" | head -c 100); }
check "a part is answered out of the cache" test "$status $(metric)" = "206 $before"
check "with the right bytes" is_part

# ---- what it does not have -----------------------------------------------------------
holds() { python3 - "$@" <<'END'
import base64, json, os, sys
key = base64.b64decode(json.load(open(sys.argv[2]))["key"])
plain = open(sys.argv[3], "rb").read()
wanted = [key, base64.b64encode(key), key.hex().encode()] + [plain[i:i + 64] for i in range(0, len(plain), 1 << 16)]
n = 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        n += 1
        data = open(os.path.join(folder, name), "rb").read()
        if any(w in data for w in wanted):
            sys.exit(0)
sys.exit(1 if n else 2)
END
}
check_exit 1 "the cache's files hold neither the key nor the image" holds "$tmp/nginx" "$tmp/meta" "$tmp/plain"
cp "$tmp/meta" "$tmp/nginx/seen"
jq -r .key "$tmp/meta" | base64 -d >"$tmp/nginx/seen"
check_exit 0 "which would be seen" holds "$tmp/nginx" "$tmp/meta" "$tmp/plain"
rm "$tmp/nginx/seen"
check "it has no script, and no other path" test "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$cache_port/ipxe?mac=52:54:00:12:34:56")" = 404

# ---- a chunk that was sealed anew with the right key -------------------------------------
requires python3 -c 'import cryptography'
# cache_holds WHAT INSTEAD: the slices of the file WHAT in the cache's files become those of INSTEAD
cache_holds() {
        python3 - "$tmp/nginx/cache" "$1" "$2" <<'END'
import os, sys
what, instead = (open(p, "rb").read() for p in sys.argv[2:])
done = 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        data = open(path, "rb").read()
        for first in range(0, len(what), 4 << 20):
            at = data.find(what[first:first + (4 << 20)])
            if at >= 0:
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(instead[first:first + (4 << 20)])
                done += 1
sys.exit(done != -(-len(what) // (4 << 20)))
END
}
python3 "$top/tests/integration/forge_image.py" "$tmp/meta" "$tmp/sealed" "$tmp/forged" chunk
check "somebody puts a resealed chunk into the cache" cache_holds "$tmp/sealed" "$tmp/forged"
from_cache() { curl -sf "$cached" | cmp - "$1"; }
check "which serves it" from_cache "$tmp/forged"
check_says 1 'E-IMAGE.*chunk 1 does not verify' "the resealed chunk is refused" "$fetch" fetch "$tmp/meta" "$tmp/out" "$cached"
check "nothing of it was written" test "$(grep -c forged "$tmp/out")" -eq 0
before=$(metric)
check "with musterd's own URL after it the image is whole" "$fetch" fetch "$tmp/meta" "$tmp/out" "$cached" "$own"
check "to the byte, in spite of the resealed chunk" cmp "$tmp/out" "$tmp/plain"
check "and musterd sent what came after chunk 0" test $(($(metric) - before)) -ge $((size - (1 << 19)))
check "control: with the true chunk in its place again" cache_holds "$tmp/forged" "$tmp/sealed"
check "control: the cache alone gives the image" "$fetch" fetch "$tmp/meta" "$tmp/out" "$cached"

# ---- a byte that turned over -----------------------------------------------------------
# in the third slice: bytes 8 MiB and on, which are in chunk 31
python3 - "$tmp/nginx/cache" "$tmp/sealed" <<'END' || not_ok "a cache file is found to spoil"
import os, sys
want = open(sys.argv[2], "rb").read()[8 << 20:][:64]
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        at = open(path, "rb").read().find(want)
        if at >= 0:
            with open(path, "r+b") as f:
                f.seek(at + 1000)
                b = f.read(1)
                f.seek(at + 1000)
                f.write(bytes([b[0] ^ 1]))
            sys.exit(0)
sys.exit(1)
END
check_exit 1 "a spoilt image is refused" "$fetch" fetch "$tmp/meta" "$tmp/out" "$cached"
check "with E-IMAGE, and the chunk's number" grep -q 'E-IMAGE.*chunk 31 does not verify' <("$fetch" fetch "$tmp/meta" "$tmp/out" "$cached" 2>&1)
check "what came before the bad chunk was written" cmp -n $((31 << 18)) "$tmp/out" "$tmp/plain"
check "nothing of the bad chunk was" test -z "$(tail -c +$(((31 << 18) + 1)) "$tmp/out" | head -c 262144 | tr -d '\0')"
before=$(metric)
check "with musterd's own URL after it the image is whole" "$fetch" fetch "$tmp/meta" "$tmp/out" "$cached" "$own"
check "to the byte, too" cmp "$tmp/out" "$tmp/plain"
check "and musterd had to send the rest only" test $(($(metric) - before)) -le $((2 << 20))

# ---- a node: its parent names the cache first --------------------------------------------
parent_stop
echo "image-urls = http://127.0.0.1:$cache_port" >>"$p/etc/musterd.conf"
parent_start "$p"
node_facts 1
tpm_on "$tmp/tpm"
check_exit 8 "a node is pending" node_boot "$tmp/run" "$p/node.conf"
id=$("$bin/muster" node list -o json | jq -r '.nodes[0].id')
check "and approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
tpm_off
for time in first second; do
        before=$(metric)
        rm -rf "$tmp/run"
        tpm_on "$tmp/tpm"
        check "$time boot: the node has its image" node_boot "$tmp/run" "$p/node.conf"
        check "$time boot: it is whole" unsquashfs -d "$tmp/out.$time" -q -n "$tmp/run/image"
        tpm_off
        sent=$(($(metric) - before))
done
check "the second boot took nothing of musterd's" test "$sent" -eq 0

# ---- the cache is gone -----------------------------------------------------------------------
nginx_stop
tpm_on "$tmp/tpm"
rm -rf "$tmp/run"
check "without its cache a node boots from its parent" node_boot "$tmp/run" "$p/node.conf"
tpm_off
