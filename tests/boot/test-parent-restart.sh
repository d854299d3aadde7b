#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A parent that goes away in the middle of a boot and comes back: the node retries and boots.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
parent_start || exit 1
known_hosts
node_new "$d" "$fixture/node"
node_start "$d"
# iPXE has its files, and the client has not asked yet
check "iPXE fetches the UKI" console "$d" '/boot/r1-.*ok'
parent_stop
check "the client says that no parent answers, and that it tries again" console "$d" 'E-NET'
parent_start || exit 1
check "the node boots when the parent is back" console "$d" 'muster-node: .*: passed at'
check "ssh answers" ssh_up "$d"
