#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sourced by the hooks.
command -v getarg > /dev/null || . /lib/dracut-lib.sh

muster_say() { echo "muster: $*" > /dev/console; }

# muster_stop reboot|halt: never returns; halt powers off, as muster-node does. Asks the
# kernel, as nothing is mounted and systemd's own commands want a running systemd.
muster_stop() {
    if [ "$1" = reboot ]; then
        muster_say "rebooting in 10 seconds"
        _key=b
    else
        muster_say "powering off in 10 seconds"
        _key=o
    fi
    sleep 10
    echo $_key > /proc/sysrq-trigger
    while :; do sleep 3600; done
}

# muster_hide: systemd takes options from EFI variables, which nothing measures:
# covers them. 0 when they are covered, or not there.
muster_hide() {
    rm -rf /run/systemd/efivars # what systemd has read of them
    [ -d /sys/firmware/efi/efivars ] || return 0
    ! grep -q '^muster-none /sys/firmware/efi/efivars ' /proc/mounts || return 0
    mount -t tmpfs -o ro,nosuid,nodev,noexec,size=4k,mode=0555 muster-none /sys/firmware/efi/efivars
}

# muster_onfail: what rd.muster.onfail asks for: retry (default), reboot, halt
muster_onfail() {
    case "$(getarg rd.muster.onfail=)" in
        reboot) muster_stop reboot ;;
        halt) muster_stop halt ;;
    esac
}
