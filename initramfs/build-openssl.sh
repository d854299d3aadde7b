#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-openssl.sh - build OpenSSL as small static archives for muster-node.
#
#   build-openssl.sh [BUILDDIR]        (default: build/openssl)
#
# Only what the client uses: TLS 1.3, P-256/384/521, X25519, Ed25519, RSA,
# AES, ChaCha20-Poly1305, SHA-1/2, SM3, HMAC, HKDF, X.509. Source: the one of
# this machine's own distribution, its security suite first, and never one that
# is older than the installed libssl-dev: what was repaired there is repaired
# here. Leaves BUILDDIR/include/openssl/*.h and BUILDDIR/lib/lib{ssl,crypto}.a.
# Where no such source can be fetched, nothing is left, and the client is linked
# with the distribution's own, larger archives; that is said, and no error.
# A finished build is not repeated, unless libssl-dev has become newer. CC and
# AR are honoured. Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/build-lib.sh"

# bump when the recipe changes, so that old builds are redone
readonly recipe=1

# Link-time optimisation of it would save another twentieth of the client, and
# cost half a minute for each program that is linked: not used.

# what the client does not use. Releases differ in what they have: configure()
# leaves out what this one does not know
readonly without="shared module tests docs apps legacy deprecated autoload-config
	ssl3 ssl3-method tls1 tls1-method tls1_1 tls1_1-method tls1_2 tls1_2-method dtls dtls1-method dtls1_2-method quic
	engine static-engine dynamic-engine dso async ui-console uplink thread-pool default-thread-pool pinshared
	cms ts ocsp cmp comp ct srp psk srtp nextprotoneg ssl-trace rfc3779 multiblock ktls http tls-deprecated-ec
	aria bf blake2 camellia cast des dsa dh ec2m gost idea md4 mdc2 ml-dsa ml-kem slh-dsa lms argon2 rc2 rc4 rc5 rmd160
	scrypt seed siphash siv sm2 whirlpool ocb cmac"

# use_distribution WHY: no archives of our own
use_distribution() {
	rm -rf "${out:?}/lib" "${out:?}/include" "${out:?}/stamp"
	cat >&2 <<-TEXT
		build-openssl: $1
		build-openssl: NOT building a small OpenSSL: muster-node gets the distribution's archives (libssl-dev $have)
		build-openssl: and becomes about half a MiB larger. Next, if that matters: a mirror that carries that source; make deps
	TEXT
	exit 0
}

# newest_source: the first suite whose source is not older than libssl-dev and
# can be fetched; sets version and src
newest_source() {
	local suite v
	for suite in "$codename-security" "$codename-updates" "$codename"; do
		v=$("$root/ipxe/apt-fetch.sh" --source-version "$suite" openssl 2>>"$work/fetch.log") || continue
		if [ -z "$v" ] || dpkg --compare-versions "$v" lt "$have"; then
			tried+=" $suite has ${v:-none};"
			continue
		fi
		rm -rf "$work/source"
		if "$root/ipxe/apt-fetch.sh" --source "$suite" "$work/source" openssl >>"$work/fetch.log" 2>&1; then
			src=$work/source/openssl
			version=$(dpkg-parsechangelog -l "$src/debian/changelog" -S Version)
			! dpkg --compare-versions "$version" lt "$have" || { tried+=" $suite gave $version;"; continue; }
			return 0
		fi
		tried+=" $suite has $v, but the mirror does not give it;"
	done
	return 1
}

# configure: again without the options that this release does not know
configure() {
	local args=() w unknown
	for w in $without; do args+=("no-$w"); done
	while ! ./Configure "linux-$(uname -m)" --libdir=lib enable-ec_nistp_64_gcc_128 "${args[@]}" \
		-Os -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong -fcf-protection \
		-D_FORTIFY_SOURCE=2 "-ffile-prefix-map=$src=openssl" >"$work/configure.log" 2>&1; do
		unknown=$(sed -n 's/^\*\*\*\*\* Unsupported options: //p' "$work/configure.log" | tr -d ',')
		[ -n "$unknown" ] || { tail -n 30 "$work/configure.log" >&2; die "Configure failed; the whole log is $work/configure.log"; }
		for w in $unknown; do
			[[ " ${args[*]} " == *" $w "* ]] || die "Configure does not know $w; the whole log is $work/configure.log"
			mapfile -t args < <(printf '%s\n' "${args[@]}" | grep -vxF -- "$w")
		done
	done
}

[ $# -le 1 ] || { echo "usage: ${0##*/} [BUILDDIR]" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-$root/build/openssl}
mkdir -p "$out"
out=$(cd "$out" && pwd)
have=$(dpkg-query -W -f='${Version}' libssl-dev 2>/dev/null) || die "libssl-dev is missing. Next: apt install libssl-dev"
codename=$(sed -n 's|^VERSION_CODENAME=||p' /etc/os-release | tr -d '"')
done_already() {
	local v r
	read -r v r 2>/dev/null <"$out/stamp" && [ "$r" = "recipe $recipe ${CC:-cc}" ] && ! dpkg --compare-versions "$v" lt "$have"
}
! done_already || exit 0
exec 8>"$out/lock"
flock 8
# another run may have finished while this one waited
! done_already || exit 0
[ -n "$codename" ] || use_distribution "/etc/os-release names no suite"
for tool in perl make dpkg-parsechangelog; do
	command -v "$tool" >/dev/null || die "$tool is missing. Next: apt install build-essential dpkg-dev perl"
done

work=$out/work
rm -rf "$work"
mkdir -p "$work"
tried=''
version='' src=''
newest_source || use_distribution "no source of OpenSSL that is as new as libssl-dev $have:$tried see $work/fetch.log"
echo "build-openssl: building OpenSSL $version (about a minute)" >&2
cd "$src"
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
export SOURCE_DATE_EPOCH
configure
run "$work/make.log" make -j"$(nproc)" build_generated
run "$work/make.log" make -j"$(nproc)" libcrypto.a libssl.a
mkdir -p "$out/lib"
rm -rf "$out/include"
cp -r include "$out/include"
cp libcrypto.a libssl.a "$out/lib/"
rm -rf "$work"
echo "$version recipe $recipe ${CC:-cc}" >"$out/stamp"
