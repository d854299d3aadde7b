#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A rogue iPXE script that adds rd.break gets a shell, and no more: the node is refused, and the admin reads which words
# were added. The shell is also the control of all other boot tests: what they look for on the console is there.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
sed 's/@CMDLINE@/@CMDLINE@ rd.break=pre-mount rd.emergency=none/' "$top/ipxe/muster.ipxe.in" >"$tmp/rogue.ipxe.in"
sed -i '/^ipxe-template/d' "$tmp/etc/musterd.conf"
echo "ipxe-template = $tmp/rogue.ipxe.in" >>"$tmp/etc/musterd.conf"
parent_start || exit 1
node_new "$d" "$fixture/node"
node_start "$d"
check "the added word opens a shell before the client runs" console "$d" 'Break before pre-mount|debug shell'
# its prompt comes without a newline, so nothing tells when it reads
answers() { shell_type "$d" && grep -aq MUSTER-42 "$d/console.log"; }
check "control: a shell answers what is typed on the console" wait_for 60 answers
check "control: and is seen by what all boot tests look for" shell_on "$d"
for sign in 'uid=0|MUSTER-42' 'debug shell|:/# '; do
        check "control: $sign" grep -qE "$sign" <(shell_on "$d")
done
"$vnode" type "$d" 'exit\n'
from=$(stat -c %s "$d/console.log")
refused "$d" M-CMDLINE "$from"
explained 'rd\.break'
