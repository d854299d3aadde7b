#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A UKI with one changed file in its initramfs, served in the place of the real one, is refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
parent_start || exit 1
# the attacker holds the boot path, not the parent's catalogue: a proxy hands out another file
name=$(m boot list -o json | jq -r '.boots[] | select(.name == "r1") | .file')
parent_stop
mkdir -p "$tmp/www/boot"
cp "$fixture/rogue.efi" "$tmp/www/boot/$name"
sed -i "s/:18080/:18081/" "$tmp/etc/musterd.conf"
parent_start || exit 1
curl -sf "http://127.0.0.1:18081/ipxe?mac=52-54-00-6d-00-01&uuid=6d757374-6572-4000-8000-000000000001" | sed 's/:18081/:18080/g' >"$tmp/www/ipxe"
check "the rogue server has the node's script" grep -q "$name" "$tmp/www/ipxe"
python3 -m http.server --directory "$tmp/www" --bind 127.0.0.1 18080 >"$tmp/www.log" 2>&1 &
cleanup_pid $!
node_new "$d" "$fixture/node"
node_start "$d"
refused "$d" 'M-(CHAIN|UKI|INITRD)'
explained 'UKI'
