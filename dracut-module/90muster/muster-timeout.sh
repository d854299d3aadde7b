#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# initqueue/timeout hook, sourced: no network yet. Says so, asks every
# interface again, and starts dracut's count anew, so that waiting for a
# switch or a DHCP server never ends in dracut's emergency handling.
if [ "$(getarg root=)" = muster ] && ! (. "$hookdir/initqueue/finished/50-muster-online.sh"); then
    . /lib/muster-lib.sh
    muster_say "error: bring the network up: no address yet (E-NET). Next: check cable, switch port and the DHCP server"
    muster_onfail
    for _if in /sys/class/net/*; do
        _if=${_if##*/}
        if [ "$_if" = lo ] || [ ! -x /sbin/ifup ]; then continue; fi
        rm -f "/tmp/dhclient.$_if.pid" "/tmp/net.$_if.up"
        /sbin/initqueue --name "ifup-$_if" --unique --onetime /sbin/ifup "$_if"
    done
    # shellcheck disable=SC2034
    main_loop=0
fi
