#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No way in by the console: when attest or mount fail the console shows why,
# and no shell answers; and boot add refuses a command line that could open one.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
parent_start || exit 1
line=$(m boot list -o json | jq -r '.boots[] | select(.name == "r1") | .cmdline')
check "the served command line carries rd.shell=0 and rd.emergency" grep -qE 'rd\.shell=0.*rd\.emergency=' <<<"$line"
check_exit 1 "boot add refuses a command line without rd.shell=0" m boot add bad "$fixture/r2.efi" --cmdline 'root=muster rd.emergency=reboot'
check_exit 1 "boot add refuses rd.break" m boot add bad "$fixture/r2.efi" --cmdline "$line rd.break"
check_exit 1 "boot add refuses init=" m boot add bad "$fixture/r2.efi" --cmdline "$line init=/bin/sh"
check "unless told otherwise" m boot add odd "$fixture/r2.efi" --cmdline "$line rd.break" --allow-shell --no-default

# an image that verifies and is no root file system: the mount fails
head -c 3145728 /dev/urandom >"$tmp/noise"
printf 'hsqs' | dd of="$tmp/noise" conv=notrunc status=none
check_exit 2 "image add refuses what is no file system" m image add noise "$tmp/noise"
mkdir -p "$tmp/empty/nothing-to-boot"
mksquashfs "$tmp/empty" "$tmp/empty.squashfs" -quiet -no-progress >/dev/null
check "an image without an init can be added" m image add empty "$tmp/empty.squashfs"
node_new "$d" "$fixture/node"
node_start "$d"
check "the console says why the image cannot be started" console "$d" 'E-MOUNT'
no_shell "$d" E-MOUNT
