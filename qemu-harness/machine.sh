# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# machine.sh - the machine around a node: OVMF, network, QEMU. Works in the
# node's directory after vnode_enter.
# shellcheck disable=SC2154 # vnode_* are set by vnode_enter, in vnode.sh

machine_firmware=${MUSTER_OVMF:-/usr/share/OVMF/OVMF_CODE_4M.fd}
# shellcheck disable=SC2034
machine_variables=${MUSTER_OVMF_VARS:-/usr/share/OVMF/OVMF_VARS_4M.fd}

# more arguments for QEMU, after all others
machine_more=()

# machine_tftp PORT [AUTOEXEC]: what the firmware's PXE and iPXE load
machine_tftp() {
	local ipxe=$vnode_build/ipxe/snponly.efi
	[ -s "$ipxe" ] || vnode_die "iPXE is missing: $ipxe. Next: ipxe/fetch.sh"
	mkdir -p tftp
	cp "$ipxe" tftp/snponly.efi
	if [ -n "${2:-}" ]; then
		cp "$2" tftp/autoexec.ipxe
	else
		sed "s|@BOOT_URL@|http://10.0.2.2:$1|g" \
			"$vnode_top/ipxe/autoexec.ipxe.in" >tftp/autoexec.ipxe
	fi
}

# machine_args NET TAP: fill the array args
machine_args() {
	local accel=$1 net=$2 tap=$3
	# shellcheck disable=SC2054
	args=(-name muster-vnode -nodefaults -no-user-config -display none
		-machine q35 -accel "$accel" -cpu max -smp 2 -m "${MUSTER_VNODE_MEMORY:-2048}"
		-uuid "$vnode_uuid"
		-smbios "type=1,manufacturer=Muster,product=vnode,serial=$vnode_serial,uuid=$vnode_uuid"
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$machine_firmware"
		-drive "if=pflash,format=raw,unit=1,file=vars.fd"
		-chardev socket,id=tpm,path=run/tpm.sock
		-tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0
		-chardev socket,id=con,path=run/console.sock,server=on,wait=off,logfile=console.log
		-serial chardev:con
		-chardev socket,id=qmp,path=run/qmp.sock,server=on,wait=off
		-mon chardev=qmp,mode=control
		-device "virtio-net-pci,netdev=n0,mac=$vnode_mac,romfile=,bootindex=1")
	if [ "$net" = tap ]; then
		args+=(-netdev "tap,id=n0,ifname=$tap,script=no,downscript=no")
	else
		args+=(-netdev "user,id=n0,tftp=tftp,bootfile=snponly.efi,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:0-:8443")
	fi
}

# machine_start NET TAP NETNS
machine_start() {
	local net=$1 tap=$2 netns=$3 accel args=() wrap=() qemu
	accel=$(accel_name)
	[ "$accel" != tcg ] || accel=tcg,thread=multi
	machine_args "$accel" "$net" "$tap"
	args+=("${machine_more[@]}")
	[ -z "$netns" ] || wrap=(ip netns exec "$netns")
	rm -f run/console.sock run/qmp.sock run/ports
	"${wrap[@]}" qemu-system-x86_64 "${args[@]}" </dev/null >run/qemu.err 2>&1 &
	qemu=$!
	if ! proc_record run/qemu.pid "$qemu" || ! proc_listens run/qmp.sock run/qemu.pid; then
		vnode_die "start QEMU for $vnode_dir failed: $(cat run/qemu.err)"
	fi
	(console_stamp "$qemu") </dev/null >/dev/null 2>&1 &
	[ "$net" = tap ] || machine_ports
}

# machine_qmp JSON...: run QMP commands, print their replies
machine_qmp() {
	local cmd reply
	coproc QMP { exec socat - UNIX-CONNECT:run/qmp.sock; }
	local pid=$QMP_PID in=${QMP[0]} out=${QMP[1]} rc=0
	for cmd in '{"execute":"qmp_capabilities"}' "$@"; do
		printf '%s\n' "$cmd" >&"$out"
		reply=
		while [[ $reply != *'"return"'* && $reply != *'"error"'* ]]; do
			IFS= read -r -t 10 reply <&"$in" || { rc=1; break 2; }
		done
		[[ $reply != *'"error"'* ]] || rc=1
		printf '%s\n' "$reply"
	done
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return "$rc"
}

# machine_ports: write run/ports, "ssh PORT" and "tls PORT", as QEMU chose them
machine_ports() {
	local reply
	reply=$(machine_qmp '{"execute":"human-monitor-command","arguments":{"command-line":"info usernet"}}') ||
		vnode_die "ask QEMU of $vnode_dir for its ports failed: $reply"
	printf '%b' "$reply" | awk '/TCP\[HOST_FORWARD\]/ {
		if ($6 == 22) print "ssh", $4
		if ($6 == 8443) print "tls", $4 }' >run/ports
	[ "$(wc -l <run/ports)" -eq 2 ] || vnode_die "QEMU of $vnode_dir forwards no ports: $reply"
}

machine_port() {
	local port
	port=$(awk -v k="$1" '$1 == k { print $2 }' run/ports 2>/dev/null)
	[ -n "$port" ] || vnode_die "$vnode_dir has no $1 port. Next: vnode start it with user networking"
	echo "$port"
}

machine_stop() {
	local rc=0
	proc_stop run/qemu.pid || rc=1
	proc_stop run/swtpm.pid || rc=1
	rm -f run/*.sock run/ports
	return "$rc"
}
