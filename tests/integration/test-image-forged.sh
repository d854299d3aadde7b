#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: one boot for each forgery
# Whoever has one node's image key can seal other bytes under the same header.
# A node takes none of that from a mirror or through a cache: the manifest
# commits to every chunk. Each forgery is refused, and left for the next URL.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$top/tests/nginx-lib.sh"
node_requires
requires test -x "$objs/bench/image_fetch"
requires python3 -c 'import cryptography'
fetch=$objs/bench/image_fetch

p=$tmp/parent
node_files
parent_init "$p"
parent_start "$p"
parent_content "$p"
boot_port=$(cat "$p/boot-port")
own=http://127.0.0.1:$boot_port
mksquashfs "$tmp/root" "$tmp/plain" -quiet -no-progress >/dev/null
"$fetch" seal "$tmp/plain" "$tmp/sealed" "$tmp/meta"
install -m 0644 "$tmp/sealed" "$p/state/images/known.sealed"
check "an image whose key is known here is the default" curl -sS --fail-with-body --unix-socket "$p/admin.sock" \
        -H 'Content-Type: application/json' -d "$(jq -c '. + {name: "known", file: "known.sealed", default: true}' "$tmp/meta")" http://m/v1/images

mkdir -p "$tmp/mirror/image" "$tmp/nginx"
port=$(free_port)
nginx_conf "$tmp/nginx" <<END
server { listen 127.0.0.1:$port; root $tmp/mirror; }
END
requires "$nginx_bin" -v
nginx_start "$tmp/nginx" "$port" || { not_ok "a mirror starts"; exit 1; }
cleanup_fn nginx_stop
serve() { python3 "$top/tests/integration/forge_image.py" "$tmp/meta" "$tmp/sealed" "$tmp/mirror/image/known.sealed" "$1"; }
url=http://127.0.0.1:$port/image/known.sealed

# ---- the client's image path alone ---------------------------------------------------
serve true
check "control: the true image is taken from the mirror" "$fetch" fetch "$tmp/meta" "$tmp/out" "$url"
check "control: and is whole" cmp "$tmp/out" "$tmp/plain"
# Chunks are opened by several cores at once: one that comes later may stand behind the hole of the refused one.
true_or_hole() { # OUT PLAIN
        python3 - "$1" "$2" <<'END'
import sys
out, plain = (open(path, "rb").read() for path in sys.argv[1:])
chunk = 1 << 18
for at in range(0, len(out), chunk):
    got = out[at:at + chunk]
    if got != plain[at:at + len(got)] and any(got):
        sys.exit(f"the chunk at byte {at} is neither the true one nor a hole")
END
}
check "control: the whole image passes the look at each chunk" true_or_hole "$tmp/out" "$tmp/plain"
python3 - "$tmp/out" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek((1 << 18) + 100)
    f.write(b"forged")
END
check_exit 1 "and one with a forged chunk does not" true_or_hole "$tmp/out" "$tmp/plain"
forged() { # HOW WHY
        local out
        serve "$1"
        rm -f "$tmp/out"
        out=$("$fetch" fetch "$tmp/meta" "$tmp/out" "$url" 2>&1)
        if [ $? -eq 1 ] && grep -q "E-IMAGE.*$2" <<<"$out"; then ok "refused: $1"; else not_ok "refused: $1" "$out"; fi
        check "$1: every chunk that was written is the true one" true_or_hole "$tmp/out" "$tmp/plain"
        check "$1: the next URL has the true one" "$fetch" fetch "$tmp/meta" "$tmp/out" "$url" "$own/image/known.sealed"
        check "$1: and it is whole" cmp "$tmp/out" "$tmp/plain"
}
forged chunk 'chunk 1 does not verify'
forged listed "list of chunk digests is not the manifest's"
forged whole "list of chunk digests is not the manifest's"
forged list "list of chunk digests is not the manifest's"
forged short "length is not the manifest's"
forged long "length is not the manifest's"

# ---- a node --------------------------------------------------------------------------
node_facts 1
tpm_on "$tmp/tpm"
check_exit 8 "a node is pending" node_boot "$tmp/run" "$p/node.conf"
id=$("$bin/muster" node list -o json | jq -r '.nodes[0].id')
check "and approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
tpm_off
cp "$p/etc/musterd.conf" "$tmp/musterd.conf"
urls() { # PUBLIC [CACHE]
        parent_stop
        sed -e "s|^public-url = .*|public-url = $1|" -e "s|^#*image-urls.*|image-urls = ${2:-}|" "$tmp/musterd.conf" >"$p/etc/musterd.conf"
        parent_start "$p"
}
boots() { node_boot "$tmp/run" "$p/node.conf"; }
fresh() { rm -rf "$tmp/run"; tpm_on "$tmp/tpm"; }
urls "http://127.0.0.1:$port"
serve true
fresh
check "control: the node boots the true image from the mirror" boots
tpm_off
for how in chunk whole; do
        serve "$how"
        fresh
        check_exit 9 "the node refuses a resealed $how" boots
        tpm_off
done
urls "$own" "http://127.0.0.1:$port"
fresh
check "with its parent's URL behind the forger's it boots" boots
tpm_off
check "the true image" cmp "$tmp/run/image" "$tmp/plain"
