#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A provisioning network in bad hands: its DHCP answers hold commands, roots,
# names and routes, well formed and not, while router advertisements and LLDP
# say more. The node takes its address, and nothing else changes.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/unmeasured-lib.sh"

d=$tmp/node
parent_new
hostile_network
node_new "$d" "$fixture/node"
check "the machine starts" "$vnode" start "$d" --net tap tap0 --netns "$ns"
check "the node passes all the same" console "$d" 'muster-node: .*: passed at'
if [ "$failed" -ne 0 ]; then
        cat "$tmp/net.log"
        exit 1
fi
check "offered: the system's own client was answered" grep -q 'acknowledged system' "$tmp/net.log"
known_hosts
check "ssh answers with the node's own key" wait_for "$boot_seconds" on_net_ssh true
[ "$failed" -eq 0 ] || exit 1
not_taken "no DHCP option, advertisement or LLDP frame ran a command" 'ls -d /run/PWNED* /tmp/PWNED* 2>/dev/null'
not_taken "the node's name is the attested one" 'hostname | grep -vx n1'
not_taken "host, domain, NIS and search names of DHCP are in no file" \
        'grep -rlsI PWNED /etc /run --exclude-dir=udev; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname | grep PWNED'
not_taken "routes: only the router; none of options 33, 121 and 249" 'ip -4 route | grep -vE "^default via 10.0.2.2 dev|^10.0.2.0/24 dev"'
not_taken "the MTU of 68 is not taken" 'ip -o link show up | grep -E "mtu (68|576) "'
not_taken "no root, NFS or iSCSI of DHCP is mounted" 'grep -E " (nfs4?|cifs|ext4|fuse[.a-z]*) |^/dev/(sd|vd|nbd)" /proc/mounts'
not_taken "the root is the attested image" 'grep -q "^muster-root / overlay" /proc/mounts || cat /proc/mounts'
not_taken "advertisements: no name server or search domain of theirs" 'grep -s -e fd66 -e PWNED /etc/resolv.conf'
ask_node on_net_ssh sh -s
if grep -aqE 'PWNED|dracut:/#|emergency mode|sh-5' "$d/console.log"; then
        not_ok "the console shows no shell and none of it" "$(grep -aE 'PWNED|dracut:/#|emergency mode|sh-5' "$d/console.log")"
else
        ok "the console shows no shell and none of it"
fi
check "the parent counted it as released" test "$(m node show n1 -o json | jq -r .state)" = released
"$vnode" stop "$d"
