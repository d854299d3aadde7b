#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The three programs built again in another folder are the same, byte for
# byte, so that anyone can check what a parent or a node runs.
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib.sh"
requires make --version
copy=$tmp/another/folder/with/a/longer/name
mkdir -p "$copy/build"
cp -r "$top"/{Makefile,common,bootserver,provisioning,initramfs,ipxe,tests} "$copy"
ln -s "$top/build/tss" "$copy/build/tss"
[ ! -e "$top/build/openssl" ] || ln -s "$top/build/openssl" "$copy/build/openssl"
check "it builds in another folder" make -C "$copy" -j"$(nproc)" O=build all
for p in musterd muster muster-node; do
        check "$p is the same from both" cmp "$bin/$p" "$copy/build/$p"
        check_exit 1 "$p does not name a folder it was built in" grep -aqF -e "$top" -e "$copy" "$bin/$p"
done
echo "int main(void) { return 1; }" >"$copy/provisioning/muster.c"
make -C "$copy" O=build build/muster >/dev/null 2>&1
check_exit 1 "and another source gives another program" cmp -s "$bin/muster" "$copy/build/muster"
