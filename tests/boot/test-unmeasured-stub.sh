#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A newer systemd-stub takes words for the kernel command line from SMBIOS: a
# node whose hypervisor or BMC adds some is refused, and the admin reads where
# they were measured.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
parent_start || exit 1
check "a UKI with the newer stub is a boot entry" m boot add newer "$fixture/stub.efi" --default
check "its stub takes words from SMBIOS" grep -qa io.systemd.stub.kernel-cmdline-extra "$fixture/stub.efi"
node_new "$d" "$fixture/node"
check "the machine starts" "$vnode" start "$d" --parent-port "$boot_port" -- \
        -smbios "type=11,value=io.systemd.stub.kernel-cmdline-extra=rd.break dummy.numdummies=9"
[ "$failed" -eq 0 ] || exit 1
refused "$d" M-CMDLINE
explained 'PCR 12 was extended more than once'

# a stub since 257 adds an archive to the initrd, which its parent foresees
"$vnode" stop "$d"
check "without such words the machine starts" "$vnode" start "$d" --parent-port "$boot_port"
check "and with the newer stub it gets its image" console "$d" "$re_done"
check "the parent let it in" jq -e '.state == "released" and .boot == "newer"' < <(m node show n1 -o json)
