#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same boot on a network of its own, with dnsmasq set up as the README
# says: firmware gets iPXE by DHCP and TFTP, iPXE gets its script by DHCP.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

requires test "$(id -u)" -eq 0
requires dnsmasq --version
d=$tmp/node
ns=muster-$$
export MUSTER_NETNS_ADDRESS=10.0.2.2 # what the fixture's node.conf calls the parent
cleanup_fn "'$top/qemu-harness/netns.sh' delete $ns"
check "a network with DHCP and TFTP is there" "$top/qemu-harness/netns.sh" create "$ns" --taps 1 --boot-port "$boot_port"
parent_new
ip netns exec "$ns" "$bin/musterd" --config "$tmp/etc/musterd.conf" >>"$tmp/musterd.log" 2>&1 &
cleanup_pid $!
wait_for 20 m status || { not_ok "musterd starts" "$(cat "$tmp/musterd.log")"; exit 1; }
node_new "$d" "$fixture/node"
"$vnode" start "$d" --net tap tap0 --netns "$ns"
check "the node boots" console "$d" 'muster-node: .*: passed at'
check "the parent saw it ask for its script" jq -e '.last_ipxe > 0' <<<"$(m node show n1 -o json)"
lease=$(cut -d' ' -f3 "$top/build/netns/$ns/leases" | tail -n 1)
check "dnsmasq gave it an address" test -n "$lease"
known_hosts
login() {
        ip netns exec "$ns" ssh -F none -i "$top/build/image/id_ed25519" -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$tmp/known_hosts" \
                -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=n1 -o ConnectTimeout=10 -o BatchMode=yes "root@$lease" hostname
}
check "ssh with strict host key checking works" wait_for "$boot_seconds" login
"$vnode" stop "$d"
