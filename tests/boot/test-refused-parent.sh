#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The client refuses a server whose certificate is from another CA.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
. "$top/qemu-harness/cluster.sh"
cluster_init "$tmp/other" >/dev/null
cp "$tmp/other/etc/pki/server.pem" "$tmp/other/etc/pki/server.key" "$tmp/etc/pki/"
parent_start || exit 1
node_new "$d" "$fixture/node"
node_start "$d"
refused "$d" E-PARENT
check "the parent released nothing new" test "$(m log -o json n1 | jq '[.events[] | select(.event == "ok")] | length')" -eq 1
