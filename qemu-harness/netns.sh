#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# netns.sh - a provisioning network in a network namespace: bridge, taps, and
# dnsmasq with real DHCP and TFTP, set up as README.md tells an admin to.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/vnode.sh"

readonly address=${MUSTER_NETNS_ADDRESS:-10.77.0.1}

usage() {
	cat <<-HELP
		usage: netns.sh create NAME [--taps N] [--boot-port PORT] [--dhcp no]
		       netns.sh delete NAME
		Needs root. create makes the namespace NAME with br0 at $address/24, the
		taps tap0 … tapN-1 (default 2) and dnsmasq: firmware gets snponly.efi by
		TFTP, iPXE gets http://$address:PORT/ipxe (default 8080). Then:
		  ip netns exec NAME musterd …
		  vnode start DIR --net tap tap0 --netns NAME
		--dhcp no leaves DHCP to somebody else; dnsmasq then serves TFTP only.
		delete stops dnsmasq and removes the namespace with all that is in it.
		State is in build/netns/NAME. MUSTER_NETNS_ADDRESS is another address
		for br0. Exit: 0 done, 1 failed, 2 usage.
	HELP
}

bad_usage() {
	echo "netns.sh: $*. See netns.sh --help" >&2
	exit 2
}

# netns_bridge NAME TAPS
netns_bridge() {
	local i
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip -n "$1" link add br0 type bridge
	ip -n "$1" addr add "$address/24" dev br0
	ip -n "$1" link set br0 up
	for ((i = 0; i < $2; i++)); do
		ip -n "$1" tuntap add "tap$i" mode tap
		ip -n "$1" link set "tap$i" master br0 up
	done
}

# netns_dnsmasq NAME STATE PORT
netns_dnsmasq() {
	local ipxe=$vnode_build/ipxe/snponly.efi
	# shellcheck disable=SC2016 # iPXE expands these
	local query='mac=${net0/mac:hexhyp}&uuid=${uuid}&serial=${serial:uristring}'
	[ -s "$ipxe" ] || vnode_die "iPXE is missing: $ipxe. Next: ipxe/fetch.sh"
	mkdir -p "$2/tftp"
	cp "$ipxe" "$2/tftp/snponly.efi"
	cat >"$2/dnsmasq.conf" <<-CONF
		port=0
		interface=br0
		bind-interfaces
		except-interface=lo
		dhcp-range=${address%.*}.100,${address%.*}.250,1h
		dhcp-leasefile=$2/leases
		enable-tftp
		tftp-root=$2/tftp
		dhcp-userclass=set:ipxe,iPXE
		dhcp-match=set:efi64,option:client-arch,7
		dhcp-match=set:efi64,option:client-arch,9
		dhcp-boot=tag:efi64,tag:!ipxe,snponly.efi
		dhcp-boot=tag:ipxe,http://$address:$3/ipxe?$query
		log-dhcp
		log-facility=$2/dnsmasq.log
		user=root
		group=root
	CONF
	[ "$dhcp" = yes ] || sed -i '/^dhcp-/d' "$2/dnsmasq.conf"
	ip netns exec "$1" dnsmasq --keep-in-foreground --conf-file="$2/dnsmasq.conf" \
		</dev/null >"$2/dnsmasq.err" 2>&1 &
	proc_record "$2/dnsmasq.pid" $!
	proc_until "$2/dnsmasq.pid" grep -qs 'sockets bound\|DHCP, IP range\|TFTP root is' "$2/dnsmasq.log" ||
		vnode_die "start dnsmasq in namespace $1 failed: $(cat "$2/dnsmasq.err" "$2/dnsmasq.log" 2>/dev/null)"
}

netns_delete() {
	proc_stop "$vnode_build/netns/$1/dnsmasq.pid"
	! ip netns list | grep -q "^$1\b" || ip netns delete "$1"
	rm -rf "${vnode_build:?}/netns/$1"
}

cmd=${1:-}
case $cmd in
-h | --help)
	usage
	exit 0
	;;
create | delete) ;;
*) bad_usage "create or delete is needed" ;;
esac
name=${2:-}
[[ $name =~ ^[a-z0-9][a-z0-9-]*$ ]] || bad_usage "'$name' is not a namespace name"
shift 2
[ "$(id -u)" -eq 0 ] || vnode_die "make network namespaces: needs root. Next: sudo, or user networking"
vnode_need ip
PATH=$PATH:/usr/sbin:/sbin
if [ "$cmd" = delete ]; then
	netns_delete "$name"
	exit
fi
taps=2 port=8080 dhcp=yes
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || bad_usage "$1 needs a value"
	case $1 in
	--taps) taps=$2 ;;
	--boot-port) port=$2 ;;
	--dhcp)
		[ "$2" = no ] || bad_usage "--dhcp '$2' is not no"
		dhcp=no
		shift 2
		continue
		;;
	*) bad_usage "unknown option $1" ;;
	esac
	[[ $2 =~ ^[0-9]{1,5}$ ]] || bad_usage "$1 '$2' is not a number"
	shift 2
done
vnode_need dnsmasq
! ip netns list | grep -q "^$name\b" || vnode_die "namespace $name is there already. Next: netns.sh delete $name"
state=$vnode_build/netns/$name
mkdir -p "$state"
trap 'netns_delete "$name"' EXIT
netns_bridge "$name" "$taps"
netns_dnsmasq "$name" "$state" "$port"
trap - EXIT
