# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# accel.sh - which accelerator works here. /dev/kvm may exist and yet hang every
# guest, so a guest is tried once per boot of this machine. MUSTER_ACCEL=tcg or
# kvm overrides.

# accel_try_kvm: does a BIOS say its name within two seconds?
accel_try_kvm() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	timeout -s KILL 2 qemu-system-x86_64 -accel kvm -machine q35 -cpu max -m 64 \
		-nodefaults -no-user-config -display none \
		-chardev stdio,id=dbg -device isa-debugcon,iobase=0x402,chardev=dbg \
		</dev/null 2>/dev/null | grep -aqm1 SeaBIOS
}

# accel_name: kvm or tcg
accel_name() {
	local cache boot id name=tcg
	if [ -n "${MUSTER_ACCEL:-}" ]; then
		echo "$MUSTER_ACCEL"
		return
	fi
	boot=$(cat /proc/sys/kernel/random/boot_id)
	cache=$vnode_build/accel
	if [ -r "$cache" ] && read -r name id <"$cache" && [ "$id" = "$boot" ]; then
		echo "$name"
		return
	fi
	name=tcg
	! accel_try_kvm || name=kvm
	mkdir -p "$vnode_build"
	echo "$name $boot" >"$cache"
	echo "$name"
}
