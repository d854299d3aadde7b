#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The initramfs under QEMU (TCG), without a TPM and without a network: the
# console says why, no shell appears, and the node does what it was told.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dracut-lib.sh"
requires qemu-system-x86_64 --version
build_inputs
check "builds" boot_build --output "$tmp/a.efi" --keep-initrd "$tmp/a.img" --drivers virtio_net
[ -s "$tmp/a.img" ] || exit 1

# boot LOG CMDLINE QEMU-ARGUMENT…: until the guest resets or powers off
boot() {
        local log=$1 cmdline=$2
        shift 2
        qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 2 -m 1024 -nodefaults -display none -no-reboot \
                -serial "file:$log" -kernel "$kernel" -initrd "$tmp/a.img" -append "console=ttyS0 quiet $cmdline" "$@" \
                </dev/null >/dev/null 2>&1 &
        vm=$!
        cleanup_pid "$vm"
}
gone() { ! kill -0 "$vm" 2>/dev/null; }
stop() {
        kill "$vm" 2>/dev/null
        wait "$vm" 2>/dev/null
}
no_shell() { ! grep -qiE 'debug shell|emergency shell|# $|press enter|sulogin' "$1"; }
default="root=muster ip=dhcp rd.neednet=1 rd.shell=0 rd.emergency=reboot panic=30"
net=(-netdev "user,id=n0" -device "virtio-net-pci,netdev=n0,romfile=")

began=$SECONDS
boot "$tmp/tpm.log" "$default rd.muster.onfail=reboot" "${net[@]}"
check "no TPM: the client says E-TPM on the console" wait_for 120 grep -q 'E-TPM' "$tmp/tpm.log"
echo "# kernel to error: $((SECONDS - began)) s"
check "no TPM, rd.muster.onfail=reboot: the node resets" wait_for 60 gone
check "no TPM: no shell" no_shell "$tmp/tpm.log"
stop

boot "$tmp/halt.log" "$default rd.muster.onfail=halt" "${net[@]}"
check "rd.muster.onfail=halt: the node powers off" wait_for 180 gone
check "powered off, not reset" grep -q 'Power down' "$tmp/halt.log"
check "halt: no shell" no_shell "$tmp/halt.log"
stop

boot "$tmp/net.log" "$default rd.muster.onfail=reboot"
check "no network: the console says E-NET and what to look at" wait_for 180 grep -q 'E-NET.*Next: check cable' "$tmp/net.log"
check "no network: the node resets when told so" wait_for 60 gone
check "no network: no shell" no_shell "$tmp/net.log"
stop

boot "$tmp/root.log" "root=nonsense rd.shell=0 rd.emergency=reboot panic=5 rd.retry=5" "${net[@]}"
check "another root=: dracut gives up and the node resets" wait_for 120 gone
check "another root=: no shell" no_shell "$tmp/root.log"
[ "$failed" -eq 0 ] || tail -n 15 "$tmp"/*.log
