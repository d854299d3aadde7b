#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# /init of an initramfs with systemd: covers the EFI variables, which nothing
# measures and systemd takes options from, before systemd starts.
[ -d /sys/firmware ] || mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
if [ -d /sys/firmware/efi/efivars ] \
    && ! mount -t tmpfs -o ro,nosuid,nodev,noexec,size=4k,mode=0555 muster-none /sys/firmware/efi/efivars; then
    echo "muster: error: cover the EFI variables, which nothing measures. Next: build the boot entry again"
    exit 1 # the kernel panics, and panic= reboots
fi
exec /usr/lib/systemd/systemd "$@"
