#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cmdline hook: root=muster. Sourced. What the kernel command line does not
# say is set here; what it says wins, and is measured. netroot stays unset, so
# that nothing a DHCP server sends is ever taken for a root.
if [ "$(getarg root=)" = muster ]; then
    # shellcheck disable=SC2034
    root=muster rootok=1
    unset netroot
    mkdir -p /etc/cmdline.d
    {
        echo "rd.neednet=1 rd.shell=0 rd.emergency=reboot rd.retry=30"
        getarg ip= > /dev/null || echo "ip=dhcp"
    } > /etc/cmdline.d/00-muster.conf
fi
