#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-tss.sh - build tpm2-tss as small static archives for muster-node.
#
#   build-tss.sh [BUILDDIR]        (default: build/tss)
#
# No distribution ships these archives. Source: the newest source package of
# tpm2-tss that any suite lists and gives, asked for at every run; a build of
# an older one is redone. A source that cannot be fetched or built is passed
# over for the next older one, and that is said. Sources older than 4.1.3 are
# refused. Versions before 4.1.4 have two known flaws (the lengths in a TPM's
# answer are used before its HMAC is checked: GHSA-7638-f8gq-c475; the error
# of a nested unmarshal is dropped: GHSA-p3px-r4mm-jpw5): they are repaired
# here, the build says so, and so does `muster-node --version`.
# Leaves BUILDDIR/include/tss2/*.h and BUILDDIR/lib/libtss2-{esys,sys,mu,rc,
# tcti-device,tcti-swtpm}.a. There is no loader to choose a TCTI by name: call
# Tss2_Tcti_Device_Init or Tss2_Tcti_Swtpm_Init yourself. The ESYS archive
# names only the device TCTI (a NULL TCTI means /dev/tpmrm0 or /dev/tpm0), and
# Tss2_Tcti_Info is local to each TCTI archive, so a test binary may link both:
#   -ltss2-esys -ltss2-sys -ltss2-mu -ltss2-rc -ltss2-tcti-swtpm \
#   -ltss2-tcti-device -lcrypto
# BUILDDIR/stamp begins with the version that was built; "+muster" at its end
# stands for the repairs. CC and AR are honoured. Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/build-lib.sh"

# the oldest source that the client works with, and the oldest without the two flaws
readonly oldest=4.1.3 repaired=4.1.4
# bump when the recipe changes, so that old builds are redone
readonly recipe=2

say() { echo "build-tss: $*" >&2; }

configure() {
	run "$work/configure.log" "$src/configure" --quiet --prefix="$work/inst" \
		--disable-shared --enable-static --with-pic \
		--disable-dependency-tracking \
		--enable-nodl --disable-fapi --disable-policy --disable-pqc \
		--disable-unit --disable-integration --disable-doxygen-doc \
		--disable-tcti-mssim --disable-tcti-pcap --disable-tcti-libtpms \
		--disable-tcti-cmd --disable-tcti-spi-helper \
		--disable-tcti-spi-ltt2go --disable-tcti-spidev \
		--disable-tcti-spi-ftdi --disable-tcti-i2c-helper \
		--disable-tcti-i2c-ftdi --with-crypto=ossl \
		--with-maxloglevel=none --disable-log-file --disable-defaultflags \
		CFLAGS="-Os -ffunction-sections -fdata-sections -fstack-protector-strong -ffile-prefix-map=$src=tpm2-tss" "$@"
}

# candidates: `VERSION SUITE` of each version that a suite lists, the newest first
candidates() {
	local suite v seen=' ' list=()
	for suite in unstable testing stable stable-security "$codename-security" "$codename"; do
		v=$("$root/ipxe/apt-fetch.sh" --source-version "$suite" tpm2-tss 2>>"$out/fetch.log") || continue
		if [ -z "$v" ] || [[ $seen == *" $v "* ]] || dpkg --compare-versions "$v" lt "$oldest"; then
			continue
		fi
		seen+="$v "
		list+=("$v $suite")
	done
	[ ${#list[@]} -eq 0 ] || printf '%s\n' "${list[@]}" | sort -rV
}

# flawed VERSION: has the two flaws
flawed() { dpkg --compare-versions "$1" lt "$repaired"; }

# edit FILE SED-PROGRAM LINES: changes exactly that many lines, or dies
edit() {
	local n
	cp "$1" "$work/before"
	sed -i "$2" "$1"
	n=$(diff "$work/before" "$1" | grep -c '^>') || true
	[ "$n" -eq "$3" ] || die "repair $1: $n lines changed, not $3. Next: a mirror that carries tpm2-tss $repaired or newer"
}

# repair: what 4.1.4 puts right, by the facts of the two advisories
repair() {
	local too_long='return TSS2_SYS_RC_MALFORMED_RESPONSE;'
	# the parameters are hashed for the HMAC: they end within the answer
	edit src/tss2-sys/api/Tss2_Sys_GetRpBuffer.c \
		"/\*rpBuffer = ctx->cmdBuffer + offset;/{x;s/^/x/;/^x\$/{x;s/^/        if (parameterSize > ctx->rsp_header.responseSize - offset)\n                $too_long\n/;b};x}" 2
	# the first parameter is decrypted: it ends within the answer too
	edit src/tss2-sys/api/Tss2_Sys_GetEncryptParam.c \
		"s/^    \*encryptParamBuffer = offset + sizeof(UINT16);/    if ((size_t)(offset - ctx->cmdBuffer) + sizeof(UINT16) + *encryptParamSize > ctx->rsp_header.responseSize)\n        $too_long\n&/" 2
	# each authorization is read from the answer, not from what an earlier one left behind it
	edit src/tss2-sys/api/Tss2_Sys_GetRspAuths.c \
		"s/^\( *\)ctx->maxCmdSize,/\1ctx->rsp_header.responseSize,/" 1
	# what is nested in a TPM2B and cannot be read is an error
	edit src/tss2-mu/tpm2b-types.c \
		's/^        Tss2_MU_##subtype##_Unmarshal(buffer/        rc = Tss2_MU_##subtype##_Unmarshal(buffer/' 1
}

# prepare VERSION SUITE: its source in $src, made ready; false where the mirror does not give it
prepare() {
	src=$out/source/tpm2-tss
	# a source tree that an interrupted run left half prepared is not reused
	if [ "$(cat "$out/source/prepared" 2>/dev/null)" = "$1 recipe $recipe" ]; then
		return 0
	fi
	rm -rf "$out/source"
	"$root/ipxe/apt-fetch.sh" --source "$2" "$out/source" tpm2-tss >>"$out/fetch.log" 2>&1 || return 1
	cd "$src"
	if flawed "$1"; then
		repair
	fi
	# bootstrap would ask the changelog; nothing is loaded at run time, so
	# libltdl's macro is not needed either
	sed -i "s/^dpkg-parsechangelog .*/printf %s ${1%%-*} >VERSION/" bootstrap
	sed -i '/^LT_LIB_DLLOAD$/d' configure.ac
	run "$work/bootstrap.log" ./bootstrap
	echo "$1 recipe $recipe" >"$out/source/prepared"
}

# build: leaves archives and headers in $work/new
build() {
	local jobs l t
	local libs=()
	jobs=$(nproc)
	mkdir -p "$work/device" "$work/swtpm" "$work/new/lib" "$work/new/include"
	cd "$work/device"
	configure --disable-tcti-swtpm
	for l in mu sys esys rc; do
		libs+=("src/tss2-$l/libtss2-$l.la")
	done
	run "$work/make-device.log" make -j"$jobs" "${libs[@]}" src/tss2-tcti/libtss2-tcti-device.la
	cd "$work/swtpm"
	configure --disable-tcti-device --enable-tcti-swtpm
	run "$work/make-swtpm.log" make -j"$jobs" src/tss2-tcti/libtss2-tcti-swtpm.la
	cp -r "$src/include/tss2" "$work/new/include/"
	for l in mu sys esys rc; do
		cp "$work/device/src/tss2-$l/.libs/libtss2-$l.a" "$work/new/lib/"
	done
	for t in device swtpm; do
		objcopy --localize-symbol=Tss2_Tcti_Info \
			"$work/$t/src/tss2-tcti/.libs/libtss2-tcti-$t.a" \
			"$work/new/lib/libtss2-tcti-$t.a"
	done
}

# one VERSION SUITE: in a shell of its own, so that what fails in it ends it alone. Exit 3: the mirror does not give it
if [ "${1:-}" = --one ]; then
	root=$2 out=$3
	work=$out/work
	rm -rf "$work"
	mkdir -p "$work"
	prepare "$4" "$5" || exit 3
	say "building tpm2-tss $4 of $5 (one to three minutes)"
	build
	exit 0
fi

[ $# -le 1 ] || { echo "usage: ${0##*/} [BUILDDIR]" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-$root/build/tss}
mkdir -p "$out"
out=$(cd "$out" && pwd)
codename=$(sed -n 's|^VERSION_CODENAME=||p' /etc/os-release | tr -d '"')
[ -n "$codename" ] || die "/etc/os-release names no suite. Next: run on Debian"
exec 9>"$out/lock"
flock 9
: >"$out/fetch.log"

have=
if read -r v r 2>/dev/null <"$out/stamp" && [ "$r" = "recipe $recipe ${CC:-cc}" ]; then
	have=${v%+muster}
fi
# warn VERSION: about a build of an old version, at each run
warn() {
	! flawed "$1" || say "WARNING: tpm2-tss $1 is older than $repaired: GHSA-7638-f8gq-c475 and GHSA-p3px-r4mm-jpw5 are repaired by this build itself. Next: a mirror that carries $repaired or newer; make deps"
}
mapfile -t found < <(candidates)
if [ ${#found[@]} -eq 0 ]; then
	[ -n "$have" ] || die "no suite lists a source of tpm2-tss that is at least $oldest (see $out/fetch.log). Next: check network and mirror"
	say "no suite lists tpm2-tss just now (see $out/fetch.log): $have, built before, stays"
	warn "$have"
	exit 0
fi
for tool in autoreconf libtoolize pkg-config make objcopy; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing. Next: apt install build-essential autoconf autoconf-archive automake libtool pkg-config"
done
pkg-config --exists libcrypto || die "libcrypto is missing. Next: apt install libssl-dev"
for line in "${found[@]}"; do
	read -r version suite <<<"$line"
	if [ -n "$have" ] && dpkg --compare-versions "$version" le "$have"; then
		warn "$have"
		exit 0
	fi
	# what failed is not tried again at each run of one day
	if [ -n "$(find "$out/failed-$version-$recipe" -mmin -720 2>/dev/null)" ]; then
		say "tpm2-tss $version of $suite: $(cat "$out/failed-$version-$recipe") (tried again after half a day)"
		continue
	fi
	rc=0
	"${BASH_SOURCE[0]}" --one "$root" "$out" "$version" "$suite" || rc=$?
	if [ "$rc" -eq 0 ]; then
		rm -rf "${out:?}/lib" "${out:?}/include" "${out:?}/stamp"
		mv "$out/work/new/lib" "$out/work/new/include" "$out/"
		rm -rf "$out/work"
		flawed "$version" && mark=+muster || mark=
		echo "$version$mark recipe $recipe ${CC:-cc}" >"$out/stamp"
		warn "$version"
		exit 0
	fi
	[ "$rc" -eq 3 ] && why="listed, but the mirror does not give it" || why="its build failed"
	echo "$why" >"$out/failed-$version-$recipe"
	say "WARNING: tpm2-tss $version of $suite: $why. The next older one is taken"
done
[ -z "$have" ] || { warn "$have"; exit 0; }
die "no source of tpm2-tss that is at least $oldest could be fetched and built: ${found[*]} (see $out/fetch.log). Next: check network and mirror"
