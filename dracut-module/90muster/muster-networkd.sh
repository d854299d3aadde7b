#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run before systemd-networkd starts. Of what DHCP servers, routers and neighbours send, the node takes addresses and
# routes only: every .network file gets a drop-in that says so. A server's NTP, DNS and name settings would otherwise
# lie below /run/systemd/netif, where timesyncd and resolved of the image look for them.
for _f in /etc/systemd/network/*.network /run/systemd/network/*.network /usr/lib/systemd/network/*.network; do
    [ -e "$_f" ] || continue
    _dir=/etc/systemd/network/${_f##*/}.d
    mkdir -p "$_dir" || exit 1
    cat > "$_dir/99-muster.conf" << 'CONF' || exit 1
[Network]
LLDP=no
[DHCPv4]
UseDNS=no
UseNTP=no
UseSIP=no
UseHostname=no
UseDomains=no
UseTimezone=no
[DHCPv6]
UseDNS=no
UseNTP=no
UseHostname=no
UseDomains=no
[IPv6AcceptRA]
UseDNS=no
UseDomains=no
CONF
done
