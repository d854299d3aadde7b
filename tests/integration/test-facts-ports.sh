#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# A machine with more network ports than a client names: it names the same ones
# at each boot, in whatever order the kernel found them.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
node_files
p=$tmp/parent
parent_init "$p"
parent_start "$p"
parent_content "$p" 1
node_facts 1
net=$MUSTER_FACTS/class/net
# ports LAST…: the ports' addresses, in this order of the ports' names
ports() {
        local i=10
        rm -rf "${net:?}"
        for last in "$@"; do
                mkdir -p "$net/eth$i"
                printf '52:54:00:12:35:%02x\n' "$last" >"$net/eth$i/address"
                i=$((i + 1))
        done
}
facts() { "$bin/muster" node list -o json | jq -c '.nodes[0].facts.macs'; }
boots() {
        tpm_on "$tmp/tpm"
        node_boot "$tmp/run.$1" "$p/node.conf"
        local rc=$?
        tpm_off
        return "$rc"
}
first='["52:54:00:12:35:01","52:54:00:12:35:02","52:54:00:12:35:03","52:54:00:12:35:04","52:54:00:12:35:05","52:54:00:12:35:06"'
# shellcheck disable=SC2046
ports $(seq 20)
check_exit 8 "a node of twenty ports is pending" boots pending
id=$("$bin/muster" node list -o json | jq -r '.nodes[0].id')
check "and approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
check "it names sixteen of its ports" test "$(facts | jq length)" = 16
check "the first by address" test "$(facts | cut -c1-${#first})" = "$first"
# shellcheck disable=SC2046
ports $(seq 20 -1 1)
check "with its ports found in another order it boots" boots other
check "it names the same ones" test "$(facts | jq length) $(facts | cut -c1-${#first})" = "16 $first"
check "and its machine is no other" test "$("$bin/muster" node list -o json | jq -c '.nodes[0].facts_changed')" = '[]'
# shellcheck disable=SC2046
ports $(seq 30 49)
check "control: with other ports it boots" boots changed
check "and is marked" test "$("$bin/muster" node list -o json | jq -c '.nodes[0].facts_changed')" = '["macs"]'
