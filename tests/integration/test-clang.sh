#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The programs build with clang too, and with the client linked dynamically, warnings as errors.
. "$(dirname "$0")/../lib.sh"
requires command -v clang
cd "$top" || exit 2
check "clang builds the programs without a warning" make -s -j2 CC=clang O="$tmp/clang" WERROR=1 all
check "the clang-built client runs" "$tmp/clang/muster-node" --version
check "STATIC=0 links the client dynamically" make -s -j2 STATIC=0 O="$tmp/dynamic" WERROR=1 "$tmp/dynamic/muster-node"
check "make install puts everything in its place" make -s install DESTDIR="$tmp/root"
for f in usr/bin/muster usr/sbin/musterd usr/sbin/muster-node usr/lib/dracut/modules.d/90muster/module-setup.sh \
        usr/lib/systemd/system/musterd.service usr/share/muster/muster.ipxe.in usr/share/man/man8/muster.8; do
        check "installed: $f" test -s "$tmp/root/$f"
done
