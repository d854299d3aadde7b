#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mount hook, sourced: everything is done by muster-node, in one process, until
# the image is mounted. It retries what can be retried; when it gives up, so
# does this boot: as rd.muster.onfail says, and never to a shell.
if [ "$(getarg root=)" = muster ] && ! ismounted "$NEWROOT"; then
    . /lib/muster-lib.sh
    modprobe -a -b -q tpm_crb tpm_tis loop squashfs overlay
    ismounted /sys/kernel/security \
        || mount -t securityfs -o nosuid,noexec,nodev securityfs /sys/kernel/security
    until muster_hide; do
        muster_say "error: cover the EFI variables, which nothing measures. Next: build the boot entry again"
        muster_onfail
        sleep 30
    done
    _i=0
    while [ ! -e /dev/tpmrm0 ] && [ $_i -lt 25 ]; do
        sleep 0.2
        _i=$((_i + 1))
    done
    until muster-node boot --sysroot "$NEWROOT" < /dev/null > /dev/console 2>&1; do
        muster_onfail
        muster_say "trying again in 30 seconds"
        sleep 30
    done
fi
