# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# vnode.sh - virtual nodes: sourced by `vnode` and by scripts that need more
# than its commands. One directory is one node; it may be copied (cp -a) while
# the node is stopped. Nothing is shared between nodes but the local TPM CA.
#
#   DIR/config        mac=, uuid=, serial= (one a line)
#   DIR/tpm/          the TPM's state
#   DIR/ek-ecc.der, ek-rsa.der   EK certificates; DIR/ek-ca/*.pem who signed them
#   DIR/vars.fd       firmware variables
#   DIR/tftp/         what the firmware loads: snponly.efi, autoexec.ipxe
#   DIR/console.log   the serial console of this power-on (console.log.1: before)
#   DIR/console.ts    "<unix time, ms> <line>" for each console line
#   DIR/run/          sockets and pid files, empty while stopped

vnode_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vnode_top=$(cd "$vnode_here/.." && pwd)
# shellcheck disable=SC2034
vnode_build=${MUSTER_BUILD:-$vnode_top/build}

vnode_die() {
	echo "vnode: $*" >&2
	exit 1
}

vnode_need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null ||
			vnode_die "$tool is missing. Next: make deps"
	done
}

# vnode_enter DIR: change into a node's directory, load its config
# shellcheck disable=SC2034
vnode_enter() {
	[ -r "$1/config" ] || vnode_die "'$1' is no virtual node. Next: vnode create '$1'"
	cd "$1" || exit 1
	vnode_dir=$PWD
	local key value
	while IFS='=' read -r key value; do
		case $key in
		mac) vnode_mac=$value ;;
		uuid) vnode_uuid=$value ;;
		serial) vnode_serial=$value ;;
		esac
	done <config
}

for vnode_lib in proc accel tpm console machine; do
	# shellcheck source=/dev/null
	. "$vnode_here/$vnode_lib.sh"
done
unset vnode_lib
