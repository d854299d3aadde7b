#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# What a backup gives away, what a restore takes back, and whose backup it is:
# in the middle of the replacement of each key, over a newer state, and after
# somebody wrote in the backup.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
requires sqlite3 --version
requires openssl version
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
mkdir -p "$tmp/ipxe" && echo x >"$tmp/ipxe/snponly.efi"
p=$tmp/p
pki=$p/etc/pki
m() { "$bin/muster" "$@"; }
parent_init "$p"
parent_start "$p"
etc=(--etc "$p/etc")
backup() { m backup "$1" "${etc[@]}" --state "$p/state" "${@:2}"; }

# ---- in the middle of the replacement of each key, a plain backup holds no key ----
public='^(ca|server|policy|ca-previous|server-previous|policy-previous)\.pem$|^ssh_ca(-previous)?\.pub$'
# private DIR: names of its files that are not known to be public
private() { find "$1" -type f -printf '%f\n' | grep -vE "$public"; }
# secrets DIR: how many of the parent's private files are somewhere in it, by their bytes
secrets() { find "$1" -type f -exec sha256sum {} + | cut -c1-64 | sort -u | comm -12 - "$tmp/private" | wc -l; }
n=0
for key in policy server ca store ssh-ca; do
        check "rotate $key" m rotate "$key" "${etc[@]}"
        # what an interruption leaves: the new files, not in place yet
        for f in policy.key server.key ca.key store.key ssh_ca; do cp -p "$pki/$f" "$pki/$f.new"; done
        (cd "$pki" && private . | xargs sha256sum | cut -c1-64 | sort -u) >"$tmp/private"
        n=$((n + 1))
        check "a plain backup while the $key key is replaced" backup "$tmp/plain$n"
        is "the $key key being replaced: no private file is in it" 0 "$(secrets "$tmp/plain$n")"
        is "the $key key being replaced: nothing but public names" "" "$(private "$tmp/plain$n/etc/pki")"
        check "one with keys" backup "$tmp/keys$n" --with-keys
        is "holds each of them" "$(wc -l <"$tmp/private")" "$(secrets "$tmp/keys$n")"
        is "and none that others may read" "" "$(find "$tmp/keys$n/etc/pki" -type f -perm /077 -printf '%f\n' | grep -vE "$public")"
        rm "$pki"/*.new
        [ "$key" = server ] || check "rotate $key ends" m rotate "$key" --finish --force "${etc[@]}"
done
echo secret >"$p/etc/notes"
out=$(backup "$tmp/left" 2>&1)
check "what is not known to be public is left out, and it says so" grep -q 'left out.*etc/notes' <<<"$out"
is "it is not there" 0 "$(find "$tmp/left" -name notes | wc -l)"
check "with the keys it is taken" backup "$tmp/left2" --with-keys
is "for nobody else" 600 "$(stat -c %a "$tmp/left2/etc/notes")"
rm "$p/etc/notes"

# the mode is the name's, whatever the backup's is
chmod 644 "$tmp/left2/etc/pki/"*
user=$(id -un)
[ "$user" != root ] || user=daemon
check "restored elsewhere, from files of mode 0644" m restore "$tmp/left2" --etc "$tmp/e/etc" --state "$tmp/e/state" --user "$user"
is "private keys are put back for nobody else" "" "$(find "$tmp/e/etc/pki" -type f -perm /077 -printf '%f\n' | grep -vE "$public")"
is "all five of them" 5 "$(find "$tmp/e/etc/pki" -type f -perm 600 | wc -l)"
is "certificates for everybody" 644 "$(stat -c %a "$tmp/e/etc/pki/ca.pem")"
parent_stop
