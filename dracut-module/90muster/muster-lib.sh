#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sourced by the hooks.
command -v getarg > /dev/null || . /lib/dracut-lib.sh

muster_say() {
    echo "muster: $*" > /dev/console
}

# muster_stop reboot|halt: never returns. Nothing is mounted, so the kernel is
# asked directly: systemd's own commands want a running systemd.
muster_stop() {
    if [ "$1" = reboot ]; then
        muster_say "rebooting in 10 seconds"
        sleep 10
        echo b > /proc/sysrq-trigger
    else
        muster_say "halted; switch the node off and on to try again"
    fi
    while :; do sleep 3600; done
}

# muster_onfail: what rd.muster.onfail asks for: retry (default), reboot, halt
muster_onfail() {
    case "$(getarg rd.muster.onfail=)" in
        reboot) muster_stop reboot ;;
        halt) muster_stop halt ;;
    esac
}
