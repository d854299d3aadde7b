#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An image that is not what the parent sealed. A mirror in `image-urls` has a chunk that was sealed anew with the right
# key, as whoever holds one node's image key can make it; the parent's own file has a flipped byte in the same chunk.
# The client refuses both. Then comes an image that verifies and has no init, and the console says so. When the mirror has
# the true image the client boots it: all of it one boot of one node. That nothing refused is mounted is seen in
# test-node-mount.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
. "$top/tests/nginx-lib.sh"

requires test -x "$objs/bench/image_fetch"
requires python3 -c 'import cryptography'
d=$tmp/node
mirror_port=18090
mkdir -p "$tmp/mirror/image" "$tmp/nginx"
nginx_conf "$tmp/nginx" <<END
server { listen 127.0.0.1:$mirror_port; root $tmp/mirror; }
END
requires "$nginx_bin" -v
nginx_start "$tmp/nginx" "$mirror_port" || { not_ok "a mirror starts"; exit 1; }
cleanup_fn nginx_stop

# the fixture's image under a key that is known here, as it is to root on every node that runs it
"$objs/bench/image_fetch" seal "$fixture/image.squashfs" "$tmp/sealed" "$tmp/meta" || exit 1
parent_new
own=$tmp/state/images/known.sealed
install -m 0644 "$tmp/sealed" "$own"
# in the middle of chunk 1, before musterd sees the file (it serves none that changes
# later): before it stand the header, a digest for each chunk, and chunk 0
python3 - "$own" "$(jq '.plain_size / 262144 | ceil' "$tmp/meta")" <<'EOP'
import sys
at = 64 + 32 * int(sys.argv[2]) + (262144 + 16) * 3 // 2
with open(sys.argv[1], "r+b") as f:
    f.seek(at); b = f.read(1)
    f.seek(at); f.write(bytes([b[0] ^ 1]))
EOP
sed -i '/^image-urls/d' "$tmp/etc/musterd.conf"
echo "image-urls = http://10.0.2.2:$mirror_port" >>"$tmp/etc/musterd.conf"
parent_start || exit 1
check "an image whose key is known here is the default" curl -sS --fail-with-body --unix-socket "$MUSTER_SOCKET" \
        -H 'Content-Type: application/json' -d "$(jq -c '. + {name: "known", file: "known.sealed", default: true}' "$tmp/meta")" http://m/v1/images

# serve HOW: the mirror has what forge_image.py makes of the image; whole, at once
serve() {
        python3 "$top/tests/integration/forge_image.py" "$tmp/meta" "$tmp/sealed" "$tmp/mirror/next" "$1" &&
                mv "$tmp/mirror/next" "$tmp/mirror/image/known.sealed"
}
check "the mirror has a chunk that was sealed anew" serve chunk
node_new "$d" "$fixture/node"
node_start "$d"
refused "$d" E-IMAGE
said() { # NAME TEXT: a line of the console has TEXT
        if grep -aqF "$2" "$d/console.log"; then ok "$1"; else not_ok "$1" "$(grep -a muster-node "$d/console.log")"; fi
}
said "the resealed chunk of the mirror does not verify" "image from http://10.0.2.2:$mirror_port/image/known.sealed: chunk 1 does not verify"
said "nor does the chunk with the flipped byte of the parent" "image known from http://10.0.2.2:$boot_port/image/known.sealed: chunk 1 does not verify"
explained 'is failed: .*E-IMAGE'
explained 'failed with E-IMAGE: the image could not be fetched'

# an image that verifies and is no root file system: the mount fails
head -c 3145728 /dev/urandom >"$tmp/noise"
printf 'hsqs' | dd of="$tmp/noise" conv=notrunc status=none
check_exit 2 "image add refuses what is no file system" m image add noise "$tmp/noise"
mkdir -p "$tmp/empty/nothing-to-boot"
mksquashfs "$tmp/empty" "$tmp/empty.squashfs" -quiet -no-progress >/dev/null
check "an image without an init can be added unchecked, and be the default" m image add empty "$tmp/empty.squashfs" --unchecked --default
check "the console says why the image cannot be started" console "$d" 'E-MOUNT'
no_shell "$d" E-MOUNT

check "control: the mirror has the true image" serve true
check "control: which is the default again" m image default known
check "control: the node boots it from there" console "$d" "$re_done"
check "control: all of it" test "$(awk -v n="$(stat -c %s "$tmp/sealed")" '$10 > n / 2' "$tmp/nginx/access.log" | wc -l)" -ge 1
check "control: and what shows a started image is seen" shell_on "$d"
