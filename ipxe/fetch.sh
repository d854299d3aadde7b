#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fetch.sh - get iPXE binaries that can boot nodes of Muster.
#
#   fetch.sh [DIR]                 (default: build/ipxe)
#
# Debian 12's iPXE runs no autoexec.ipxe and speaks no HTTPS, so these are
# Debian trixie's:
#   snponly.efi     uses the network driver of the firmware that loaded it;
#                   the one to hand out by TFTP or HTTP boot
#   ipxe-amd64.efi  brings its own drivers; for firmware whose driver fails
# How a node gets there: DHCP names snponly.efi; iPXE then runs autoexec.ipxe
# of the same TFTP server (see autoexec.ipxe.in), or the script that DHCP names
# for user class iPXE. Both ask musterd for the node's own script, which
# musterd makes of muster.ipxe.in.
# Files that are there are not fetched again. Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

[ $# -le 1 ] || { echo "usage: ${0##*/} [DIR]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:-$here/../build/ipxe}
files=(snponly.efi ipxe-amd64.efi)

complete() {
	local f
	for f in "${files[@]}"; do
		[ -s "$dir/$f" ] || return 1
	done
}

! complete || exit 0
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
trap 'rm -rf "$dir/.fetch"' EXIT
MUSTER_BUILD=$dir/.fetch "$here/apt-fetch.sh" trixie "$dir/.fetch/root" ipxe
for f in "${files[@]}"; do
	install -m 0644 "$dir/.fetch/root/usr/lib/ipxe/$f" "$dir/$f.new"
	mv "$dir/$f.new" "$dir/$f"
done
