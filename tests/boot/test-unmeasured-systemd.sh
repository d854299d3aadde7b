#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same machine, and an initramfs with systemd, which looks for credentials,
# options and disks by itself, on a network whose DHCP server means ill.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/unmeasured-lib.sh"

objcopy -O binary --only-section=.initrd "$fixture/systemd.efi" "$tmp/initrd"
initramfs_part "$tmp/initrd" | zstd -dcq | cpio -t --quiet >"$tmp/files"
check "the initramfs has systemd" grep -qx usr/lib/systemd/systemd "$tmp/files"
looks='(gpt-auto|debug|hibernate-resume|cryptsetup)-generator$|debug-shell|/(lvm|mdadm|dmraid|multipathd?|iscsid?|iscsistart|mount\.nfs|nbd-client|resume|cryptsetup|kpartx|sysext|repart)$'
if grep -qE "$looks" "$tmp/files"; then
        not_ok "nothing in it looks for roots, volumes, memory images on disks, or opens a debug shell" "$(grep -E "$looks" "$tmp/files")"
else
        ok "nothing in it looks for roots, volumes, memory images on disks, or opens a debug shell"
fi
unmeasured_machine "$fixture/systemd.efi" dhcp
