#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-tss.sh - build tpm2-tss as small static archives for muster-node.
#
#   build-tss.sh [BUILDDIR]        (default: build/tss)
#
# No distribution ships these archives. Source: tpm2-tss of Debian trixie.
# Leaves BUILDDIR/include/tss2/*.h and BUILDDIR/lib/libtss2-{esys,sys,mu,rc,
# tcti-device,tcti-swtpm}.a. There is no loader to choose a TCTI by name: call
# Tss2_Tcti_Device_Init or Tss2_Tcti_Swtpm_Init yourself. The ESYS archive
# names only the device TCTI (a NULL TCTI means /dev/tpmrm0 or /dev/tpm0), and
# Tss2_Tcti_Info is local to each TCTI archive, so a test binary may link both:
#   -ltss2-esys -ltss2-sys -ltss2-mu -ltss2-rc -ltss2-tcti-swtpm \
#   -ltss2-tcti-device -lcrypto
# A finished build is not repeated. CC and AR are honoured.
# Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/build-lib.sh"

readonly version=4.1.3
# bump when the recipe changes, so that old builds are redone
readonly recipe=1

configure() {
	run "$work/configure.log" "$src/configure" --quiet --prefix="$work/inst" \
		--disable-shared --enable-static --with-pic \
		--disable-dependency-tracking \
		--enable-nodl --disable-fapi --disable-policy \
		--disable-unit --disable-integration --disable-doxygen-doc \
		--disable-tcti-mssim --disable-tcti-pcap --disable-tcti-libtpms \
		--disable-tcti-cmd --disable-tcti-spi-helper \
		--disable-tcti-spi-ltt2go --disable-tcti-spidev \
		--disable-tcti-spi-ftdi --disable-tcti-i2c-helper \
		--disable-tcti-i2c-ftdi --with-crypto=ossl \
		--with-maxloglevel=none --disable-log-file --disable-defaultflags \
		CFLAGS="-Os -ffunction-sections -fdata-sections -fstack-protector-strong -ffile-prefix-map=$src=tpm2-tss" "$@"
}

[ $# -le 1 ] || { echo "usage: ${0##*/} [BUILDDIR]" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-$root/build/tss}
mkdir -p "$out"
out=$(cd "$out" && pwd)
stamp="$version recipe $recipe ${CC:-cc}"
if [ -e "$out/stamp" ] && [ "$(cat "$out/stamp")" = "$stamp" ]; then
	exit 0
fi
exec 9>"$out/lock"
flock 9
# another run may have finished while this one waited
if [ -e "$out/stamp" ] && [ "$(cat "$out/stamp")" = "$stamp" ]; then
	exit 0
fi
for tool in autoreconf libtoolize pkg-config make objcopy; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing. Next: apt install build-essential autoconf autoconf-archive automake libtool pkg-config"
done
pkg-config --exists libcrypto || die "libcrypto is missing. Next: apt install libssl-dev"

# a source tree that an interrupted run left half prepared is not reused
[ -e "$out/source/prepared" ] || rm -rf "$out/source"
"$root/ipxe/apt-fetch.sh" --source trixie "$out/source" tpm2-tss
src=$out/source/tpm2-tss
work=$out/work
rm -rf "$work"
mkdir -p "$work/device" "$work/swtpm"
echo "build-tss: building tpm2-tss $version (about a minute)" >&2
if [ ! -e "$out/source/prepared" ]; then
	cd "$src"
	# bootstrap would ask the changelog; nothing is loaded at run time, so
	# libltdl's macro is not needed either
	sed -i "s/^dpkg-parsechangelog .*/printf %s $version >VERSION/" bootstrap
	sed -i '/^LT_LIB_DLLOAD$/d' configure.ac
	run "$work/bootstrap.log" ./bootstrap
	touch "$out/source/prepared"
fi

jobs=$(nproc)
cd "$work/device"
configure --disable-tcti-swtpm
libs=()
for l in mu sys esys rc; do
	libs+=("src/tss2-$l/libtss2-$l.la")
done
run "$work/make-device.log" make -j"$jobs" "${libs[@]}" src/tss2-tcti/libtss2-tcti-device.la
cd "$work/swtpm"
configure --disable-tcti-device --enable-tcti-swtpm
run "$work/make-swtpm.log" make -j"$jobs" src/tss2-tcti/libtss2-tcti-swtpm.la

mkdir -p "$out/lib" "$out/include"
rm -rf "$out/include/tss2"
cp -r "$src/include/tss2" "$out/include/"
for l in mu sys esys rc; do
	cp "$work/device/src/tss2-$l/.libs/libtss2-$l.a" "$out/lib/"
done
for t in device swtpm; do
	objcopy --localize-symbol=Tss2_Tcti_Info \
		"$work/$t/src/tss2-tcti/.libs/libtss2-tcti-$t.a" \
		"$out/lib/libtss2-tcti-$t.a"
done
rm -rf "$work"
echo "$stamp" >"$out/stamp"
