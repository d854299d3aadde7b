#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes what all boot tests start from, once, under build/boot-fixture:
#   etc, state   a parent with keys, boot entry r1, image base, one enrolled node n1
#   node         that node after its first boot (TPM state, firmware variables)
#   r2.efi, rogue.efi, recorder.efi, image2.squashfs, image.squashfs, facts
#   stub.efi     with Debian 13's systemd-stub
#   open.efi, systemd.efi   with drivers for disks and fw_cfg; the second with systemd in the initramfs
# Made again when a program, the dracut module or the kernel has changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top"
make -s fixtures >&2
fixture=$top/build/boot-fixture
stamp=$(cat build/muster-node build/muster-node-test build/musterd build/muster dracut-module/90muster/* build/kernel/vmlinuz \
        qemu-harness/* ipxe/*.in "$here/fixture.sh" build/image/rootfs.tar | sha256sum | cut -d' ' -f1)
if [ "$(cat "$fixture/stamp" 2>/dev/null)" = "$stamp" ]; then
        echo "the boot fixture is up to date"
        exit 0
fi
. "$top/qemu-harness/cluster.sh"
fixture=$(cluster_dir "$fixture")

echo "== keys"
cluster_init "$fixture"
mkdir -p "$fixture/extra/etc"

echo "== UKIs"
cluster_uki "$fixture" "$fixture/r1.efi" build/muster-node
echo 'second release' >"$fixture/extra/release"
cluster_uki "$fixture" "$fixture/r2.efi" build/muster-node --include "$fixture/extra/release" /etc/muster/release
echo 'rogue' >"$fixture/extra/release"
cluster_uki "$fixture" "$fixture/rogue.efi" build/muster-node --include "$fixture/extra/release" /etc/muster/release
cluster_uki "$fixture" "$fixture/recorder.efi" build/muster-node-test
# all that a hostile machine could want, as images with modules have it: disks, USB, file systems, fw_cfg, EFI variables
hostile=(--add-drivers "qemu_fw_cfg efivarfs virtio_blk xhci-pci usb-storage uas sd_mod ext4 vfat nls_ascii nls_cp437"
        --include "$fixture/extra/softdep" /etc/modprobe.d/open.conf)
echo 'softdep loop pre: efivarfs qemu_fw_cfg' >"$fixture/extra/softdep"
cluster_uki "$fixture" "$fixture/open.efi" build/muster-node "${hostile[@]}"
CLUSTER_BUILD_OPTIONS=--with-systemd cluster_uki "$fixture" "$fixture/systemd.efi" build/muster-node "${hostile[@]}"
ipxe/apt-fetch.sh trixie build/stub-trixie systemd-boot-efi
CLUSTER_BUILD_OPTIONS="--stub $top/build/stub-trixie/usr/lib/systemd/boot/efi/linuxx64.efi.stub" \
        cluster_uki "$fixture" "$fixture/stub.efi" build/muster-node

echo "== images"
mksquashfs - "$fixture/image.squashfs" -tar -root-mode 0755 -comp zstd -Xcompression-level 3 -no-progress -quiet <build/image/rootfs.tar
mkdir -p "$fixture/extra/root"
echo 'image two' >"$fixture/extra/root/muster-image-two"
cp "$fixture/image.squashfs" "$fixture/image2.squashfs"
mksquashfs "$fixture/extra/root" "$fixture/image2.squashfs" -no-progress -quiet >/dev/null

echo "== parent and the node's first boot"
cluster_netns "$here/fixture-node.sh" "$fixture"
echo "$stamp" >"$fixture/stamp"
