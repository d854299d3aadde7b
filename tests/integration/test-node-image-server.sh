#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: one boot for each lie
# What an image server in bad hands can make of a boot: nothing. Redirects are
# not followed, lengths and heads that lie end the try; the next URL is asked.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires

p=$tmp/parent
node_files
parent_init "$p"
parent_start "$p"
parent_content "$p"
node_facts 1
tpm_on "$tmp/tpm"
check_exit 8 "the node is pending" node_boot "$tmp/run" "$p/node.conf"
id=$("$bin/muster" node list -o json | jq -r '.nodes[0].id')
check "and approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
tpm_off

port=$(free_port)
python3 "$top/tests/integration/hostile_mirror.py" "$port" "$tmp/mirror.log" 2>"$tmp/mirror.err" &
cleanup_pid $!
wait_for 10 bash -c ": </dev/tcp/127.0.0.1/$port"
own=http://127.0.0.1:$(cat "$p/boot-port")
cp "$p/etc/musterd.conf" "$tmp/musterd.conf"
for lie in redirect refresh giant many negative overflow twice chunked gzip range interim nul raw noise; do
        parent_stop
        sed -e "s|^public-url = .*|public-url = $own|" -e "s|^#*image-urls.*|image-urls = http://127.0.0.1:$port/$lie|" \
                "$tmp/musterd.conf" >"$p/etc/musterd.conf"
        parent_start "$p"
        : >"$tmp/mirror.log"
        rm -rf "$tmp/run"
        tpm_on "$tmp/tpm"
        check "$lie: the node boots from the next URL" node_boot "$tmp/run" "$p/node.conf"
        check "$lie: the liar was asked" grep -q "^/$lie/" "$tmp/mirror.log"
        check "$lie: and nothing else of it" sh -c "! grep -v '^/$lie/' '$tmp/mirror.log'"
        check "$lie: the image is whole" unsquashfs -d "$tmp/out.$lie" -q -n "$tmp/run/image"
        tpm_off
done
