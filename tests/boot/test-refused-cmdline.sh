#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A rogue iPXE script that adds rd.break is refused, and the admin reads which words were added.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
sed 's/@CMDLINE@/@CMDLINE@ rd.break/' "$top/ipxe/muster.ipxe.in" >"$tmp/rogue.ipxe.in"
sed -i '/^ipxe-template/d' "$tmp/etc/musterd.conf"
echo "ipxe-template = $tmp/rogue.ipxe.in" >>"$tmp/etc/musterd.conf"
parent_start || exit 1
node_new "$d" "$fixture/node"
node_start "$d"
refused "$d" M-CMDLINE
explained 'rd\.break'
