#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The client's OpenSSL is never built from a source that is older than the
# libssl-dev that is installed, and the build goes on without one. Nothing is
# fetched: the program that fetches is replaced.
. "$(dirname "$0")/../lib.sh"
requires dpkg-query -W libssl-dev
have=$(dpkg-query -W -f='${Version}' libssl-dev)
tree=$tmp/tree
mkdir -p "$tree/initramfs" "$tree/ipxe"
cp "$top/initramfs/build-openssl.sh" "$top/initramfs/build-lib.sh" "$tree/initramfs/"

# mirror LISTED GIVEN: what each suite says it has, and what it gives ('' for nothing)
mirror() {
        cat >"$tree/ipxe/apt-fetch.sh" <<END
#!/bin/sh
if [ "\$1" = --source-version ]; then echo "$1"; exit 0; fi
echo "\$*" >>"$tmp/fetched"
[ -n "$2" ] || exit 1
mkdir -p "\$3/openssl/debian"
printf 'openssl ($2) stable; urgency=low\n\n  * x\n\n -- A B <a@b.org>  Mon, 04 May 2026 20:47:50 +0200\n' >"\$3/openssl/debian/changelog"
printf '#!/bin/sh\necho "\$*" >"$tmp/configured"; exit 1\n' >"\$3/openssl/Configure"
chmod +x "\$3/openssl/Configure"
END
        chmod +x "$tree/ipxe/apt-fetch.sh"
        rm -f "$tmp/fetched" "$tmp/configured"
        # of another day
        mkdir -p "$tmp/out/lib" "$tmp/out/include"
        echo old >"$tmp/out/lib/libcrypto.a"
        echo "0.9 recipe 0 cc" >"$tmp/out/stamp"
}
build() { "$tree/initramfs/build-openssl.sh" "$tmp/out" 2>"$tmp/err"; }
without() { [ ! -e "$tmp/out/lib" ] && [ ! -e "$tmp/out/include" ] && [ ! -e "$tmp/out/stamp" ]; }

mirror 1.0-1 1.0-1
check "an older source is no error" build
check "and is not fetched" test ! -e "$tmp/fetched"
check "it is said, with both versions" grep -qF "as new as libssl-dev $have: " "$tmp/err"
check "and what that means" grep -q 'NOT building a small OpenSSL: muster-node gets the distribution' "$tmp/err"
check "what was built before, from an older one still, does not stay" without

mirror "$have" ''
check "a source that the mirror lists and does not give is no error" build
check "it is said" grep -qF "has $have, but the mirror does not give it" "$tmp/err"
check "the security suite was asked first" sh -c "head -n 1 '$tmp/fetched' | grep -q -- '-security '"
check "and nothing stays" without

mirror "$have" 1.0-1
check "a source that is older than it was listed is no error" build
check "it is not configured" test ! -e "$tmp/configured"
check "and nothing stays" without

mirror "$have" "$have"
check_exit 1 "a source that is new enough is built: its Configure fails here" build
check "without what the client does not use" grep -q 'no-tls1_2 .*no-engine .*no-cms ' "$tmp/configured"
echo "$have recipe $(sed -n 's/^readonly recipe=//p' "$top/initramfs/build-openssl.sh") ${CC:-cc}" >"$tmp/out/stamp"
rm -f "$tmp/fetched"
check "a build that is there already is not repeated" build
check "nothing is fetched for it" test ! -e "$tmp/fetched"
