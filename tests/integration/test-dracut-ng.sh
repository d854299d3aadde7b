#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The module in dracut-ng: the packages of bookworm-backports, unpacked beside
# the machine's own dracut and not installed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dracut-lib.sh"
requires zstd --version
build_inputs
ng=$top/build/dracut-ng
check "fetches dracut-ng" "$top/ipxe/apt-fetch.sh" bookworm-backports "$ng" dracut-core dracut-network dracut-install
[ -x "$ng/usr/bin/dracut" ] || exit 1
sed -n 's/^DRACUT_VERSION=/# dracut /p' "$ng/usr/lib/dracut/dracut-version.sh"
check "builds with dracut-ng" boot_build --output "$tmp/a.efi" --keep-initrd "$tmp/a.img" --drivers virtio_net \
        --dracut "$ng/usr/bin/dracut"
check "the initramfs unpacks" unpack "$tmp/a.img" "$tmp/r"
[ -e "$tmp/r/init" ] || exit 1
check "the client is there as it was built" cmp "$bin/muster-node" "$tmp/r/usr/bin/muster-node"
for f in node.conf ca.pem policy.pem; do check "/etc/muster/$f" test -s "$tmp/r/etc/muster/$f"; done
for h in cmdline/20-muster-root initqueue/finished/50-muster-online initqueue/timeout/50-muster-timeout \
        mount/10-muster-mount emergency/01-muster-emergency; do
        check "hook $h can be run" test -x "$tmp/r/var/lib/dracut/hooks/$h.sh"
done
check "dhclient's script is the strict one" cmp "$top/dracut-module/90muster/muster-dhcp.sh" "$tmp/r/usr/sbin/dhclient-script"
for m in squashfs overlay loop virtio_net; do
        check "kernel module $m" sh -c "find '$tmp/r' -name '$m.ko*' | grep -q ."
done
check_lacks "no private key" 'PRIVATE KEY-' "$tmp/r/etc"
qemu=$(command -v qemu-system-x86_64)
requires test -x "$qemu"
"$qemu" -machine q35 -accel tcg -cpu max -smp 2 -m 1024 -nodefaults -display none -no-reboot -serial "file:$tmp/log" \
        -netdev user,id=n0 -device virtio-net-pci,netdev=n0,romfile= -kernel "$kernel" -initrd "$tmp/a.img" \
        -append "console=ttyS0 quiet root=muster ip=dhcp rd.neednet=1 rd.shell=0 rd.emergency=reboot rd.muster.onfail=reboot" \
        </dev/null >/dev/null 2>&1 &
vm=$!
cleanup_pid "$vm"
check "the machine runs" kill -0 "$vm"
check "booted, the client runs and says E-TPM" wait_for 120 grep -q 'E-TPM' "$tmp/log"
check "the node resets when told so" wait_for 60 sh -c "! kill -0 $vm"
[ "$failed" -eq 0 ] || tail -n 15 "$tmp/log"
