#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dhclient's script in place of dracut's. A DHCP server is not trusted: only
# address, mask, routers, MTU and name servers are taken, and only when made
# of the characters of such values; nothing it sends reaches a shell again.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
command -v getarg > /dev/null || . /lib/dracut-lib.sh
command -v linkup > /dev/null || . /lib/net-lib.sh
# shellcheck disable=SC2154
netif=$interface

# shellcheck disable=SC2018
plain() { case "$1" in *[!0-9a-f.:\ ]*) ;; *) echo "$1" ;; esac }

# shellcheck disable=SC2154
case "$reason" in
    PREINIT) linkup "$netif" && exit ;;
    PREINIT6) linkup "$netif" && wait_for_ipv6_dad_link "$netif" && exit ;;
    BOUND | REBOOT)
        mask=$(plain "$new_subnet_mask") gw=$(plain "$new_routers")
        ip addr replace "$(plain "$new_ip_address")/${mask:-32}" broadcast + dev "$netif" || exit 1
        case "$new_interface_mtu" in [6-9][0-9][0-9] | [1-9][0-9][0-9][0-9]) ip link set "$netif" mtu "$new_interface_mtu" ;; esac
        [ -z "$gw" ] || ip route replace default via "${gw%% *}" dev "$netif" onlink
        ;;
    BOUND6) ip -6 addr replace "$(plain "$new_ip6_address")/$(plain "$new_ip6_prefixlen")" dev "$netif" || exit 1 ;;
    *) exit 0 ;;
esac
for ns in $(plain "$new_domain_name_servers $new_dhcp6_name_servers"); do
    echo "nameserver $ns"
done > "/tmp/net.$netif.resolv.conf"
: > "/tmp/net.$netif.up"
job=$hookdir/initqueue/setup_net_$netif.sh
echo ". /lib/net-lib.sh; setup_net $netif; source_hook initqueue/online $netif; rm -f $job" > "$job"
