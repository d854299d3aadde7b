#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# emergency hook, sourced when dracut gives up: no shell unless the (measured)
# command line asks for one with rd.shell or rd.break.
if [ "$(getarg root=)" = muster ] && ! getargbool 1 rd.shell && ! getarg rd.break > /dev/null; then
    . /lib/muster-lib.sh
    muster_say "error: dracut gave up before or after muster-node ran, see the lines above"
    case "$(getarg rd.emergency=)" in
        halt | poweroff) muster_stop halt ;;
        *) muster_stop reboot ;;
    esac
fi
