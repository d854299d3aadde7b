#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fetch-kernel.sh - get the distribution's current kernel without installing it.
#
#   fetch-kernel.sh [DIR]          (default: build/kernel)
#
# Leaves DIR/vmlinuz, DIR/version and DIR/lib/modules/VERSION with depmod's
# indexes, so that `muster boot build` and dracut can use it. Needs no root and
# changes nothing of the machine's own kernels or apt lists.
# A kernel that is there is kept. Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

die() {
	echo "fetch-kernel: $*" >&2
	exit 1
}

[ $# -le 1 ] || { echo "usage: ${0##*/} [DIR]" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${1:-$root/build/kernel}
if [ -s "$dir/vmlinuz" ] && [ -s "$dir/version" ]; then
	touch "$dir/vmlinuz"
	exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
command -v depmod >/dev/null || die "depmod is missing. Next: apt install kmod"
suite=$(sed -n 's|^VERSION_CODENAME=||p' /etc/os-release | tr -d '"')
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export MUSTER_BUILD=$dir/.fetch
trap 'rm -rf "$dir/.fetch"' EXIT
rm -rf "$dir/.fetch"
mkdir -p "$dir/.fetch"

# the metapackage brings the lists along; its dependency is the kernel
"$root/ipxe/apt-fetch.sh" "$suite" "$dir/.fetch/meta" linux-image-amd64
pkg=$(APT_CONFIG=$dir/.fetch/apt-$suite/apt.conf apt-cache depends --important linux-image-amd64 |
	sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
[ -n "$pkg" ] || die "find the kernel that linux-image-amd64 of $suite depends on: none. Next: check the mirror"
"$root/ipxe/apt-fetch.sh" "$suite" "$dir/.fetch/root" "$pkg"
version=${pkg#linux-image-}
rm -rf "${dir:?}/lib"
# /lib in Debian 12, /usr/lib later
for lib in lib usr/lib; do
	[ ! -d "$dir/.fetch/root/$lib/modules" ] || break
done
[ -d "$dir/.fetch/root/$lib/modules/$version" ] || die "unpack $pkg: it has no modules of $version"
mkdir -p "$dir/lib"
mv "$dir/.fetch/root/$lib/modules" "$dir/lib/modules"
depmod -b "$dir" "$version" || die "depmod for $version in $dir failed"
echo "$version" >"$dir/version"
install -m 0644 "$dir/.fetch/root/boot/vmlinuz-$version" "$dir/vmlinuz"
