#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# initqueue/finished hook: holds the queue until there is a route (IPv4) or a
# global address (IPv6). Run in a subshell; its status counts.
[ "$(getarg root=)" = muster ] || exit 0
{ read -r _ && read -r _; } < /proc/net/route && exit 0
[ -r /proc/net/if_inet6 ] || exit 1
while read -r _ _ _ scope flags _; do
    # not link local, not tentative
    [ "$scope" = 00 ] && [ "$((0x$flags & 0x40))" -eq 0 ] && exit 0
done < /proc/net/if_inet6
exit 1
