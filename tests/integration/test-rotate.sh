#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# muster rotate: each key of the cluster is replaced while a node goes on
# booting, with the former initramfs and with one that holds the new key. What
# is refused at the end of a replacement was accepted before it.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires command -v ssh-keygen
node_files
p=$tmp/parent
pki=$p/etc/pki
parent_init "$p"
parent_start "$p"
parent_content "$p" 1
node_facts 1
run=$tmp/run

rotate() { "$bin/muster" rotate "$@" --etc "$p/etc"; }
again() { parent_stop; second_over; parent_start "$p"; }
# initramfs NAME: what an initramfs made now would hold
initramfs() {
        mkdir "$tmp/$1"
        cp "$pki/ca.pem" "$pki/policy.pem" "$tmp/$1/"
        sed -e "s|^ca = .*|ca = $tmp/$1/ca.pem|" -e "s|^policy-key = .*|policy-key = $tmp/$1/policy.pem|" "$p/node.conf" >"$tmp/$1/node.conf"
}
# boots NAME: a boot with that initramfs, from power-on to the cap
boots() {
        local rc
        rm -rf "$run"
        tpm_on "$tmp/tpm" >/dev/null
        node_boot "$run" "$tmp/$1/node.conf" >"$tmp/boot.log" 2>&1
        rc=$?
        [ "$rc" -eq 0 ] || cat "$tmp/boot.log"
        tpm_off
        return "$rc"
}
host_key() { cut -d' ' -f2 "$run/ssh_host_ed25519_key.pub"; }
ssh_ca_of_host() { ssh-keygen -L -f "$run/ssh_host_ed25519_key-cert.pub" | awk '/Signing CA:/ { print $4 }'; }
ssh_ca_of() { ssh-keygen -l -f "$1" | awk '{ print $2 }'; }

initramfs first
tpm_on "$tmp/tpm"
node_boot "$run" "$tmp/first/node.conf" >"$tmp/boot.log" 2>&1
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/boot.log" | head -n1)
check "the node is approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
tpm_off
check "the node boots before any key is replaced" boots first
key1=$(host_key)

# ---- what is no replacement -------------------------------------------------------
check_exit 2 "a key that there is not is a usage error" rotate chocolate
check_exit 2 "--finish alone is a usage error" rotate --finish
check_says 1 'another muster rotate is at work there' "two at once would spoil each other's work" flock "$pki" "$bin/muster" rotate ca --etc "$p/etc"
check_says 1 'there is none' "there is nothing to finish before a replacement" rotate policy --finish
check "the keys are shown, each with one" test "$(rotate -o json | jq -c '[.keys[].previous_accepted] | unique')" = '[false]'

# ---- the parent's own key ---------------------------------------------------------
before=$(openssl x509 -in "$pki/server.pem" -noout -pubkey -ext subjectAltName | sha256sum)
names=$(openssl x509 -in "$pki/server.pem" -noout -ext subjectAltName)
check "the parent's key is replaced" rotate server
check "its certificate is for the same addresses" test "$names" = "$(openssl x509 -in "$pki/server.pem" -noout -ext subjectAltName)"
check "its certificate is of another key" test "$before" != "$(openssl x509 -in "$pki/server.pem" -noout -pubkey -ext subjectAltName | sha256sum)"
check "nothing is left of the parent's former key" test -z "$(find "$pki" -name 'server-previous*')"
again
check "the node boots with the parent's new key" boots first

# ---- the cluster CA ---------------------------------------------------------------
check "the cluster CA is replaced" rotate ca
check_exit 1 "it is not replaced once more before that is finished" rotate ca
check_says 1 'musterd has not been started since it was replaced' "the previous one is not removed before musterd has the new one" rotate ca --finish
again
initramfs second
check "the two initramfs trust different CAs" test "$(sha256sum <"$tmp/first/ca.pem")" != "$(sha256sum <"$tmp/second/ca.pem")"
check_exit 1 "the previous one is not removed before the node has booted" rotate ca --finish
check "the node boots with the former CA in its initramfs" boots first
check_exit 1 "a boot with the former CA in the initramfs is none with the new one" rotate ca --finish
check "the node boots with the new CA in its initramfs" boots second
check "its TLS certificate is by the new CA" openssl verify -CAfile "$tmp/second/ca.pem" "$run/tls.crt"
check "its peers are told both CAs" test "$(grep -c BEGIN "$run/ca.crt")" = 2
check "the previous CA is removed" rotate ca --finish
again
check "the node still boots with the new CA" boots second
check_exit 6 "a node that trusts the removed CA alone does not believe the parent" boots first

# ---- the policy key ---------------------------------------------------------------
check "the policy key is replaced" rotate policy
again
initramfs third
check "the node boots with the former policy key in its initramfs" boots second
check_exit 1 "a boot with the former policy key in the initramfs is none with the new one" rotate policy --finish
check "the former initramfs keeps its keys" test "$(host_key)" = "$key1" -a "$(fact "$run" .bundle)" = false
check "the node boots with the new policy key in its initramfs" boots third
key2=$(host_key)
check "its keys are new, since the former ones open with the former key" test "$key2" != "$key1"
check "the next boot with the new key is a steady one" boots third
check "the steady boot keeps the new keys" test "$(host_key)" = "$key2" -a "$(fact "$run" .nv.bytes_written)" = 0
check "the node may go back to the former initramfs" boots second
check_exit 1 "the previous policy key stays for a node that went back" rotate policy --finish
check "the node may come again with the new one" boots third
key3=$(host_key)
"$bin/muster" boot add r10 "$tmp/uki.efi" --default --cmdline "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no" >/dev/null
check "another boot entry is the default, which nobody has booted" "$bin/muster" boot default r10
check_exit 1 "the previous policy key stays while the entry that nodes boot next is not known to have the new one" rotate policy --finish
check "the entry that it booted is the default again" "$bin/muster" boot default r9
check "the previous policy key is removed without force" rotate policy --finish
again
check "the node boots with the new policy key alone" boots third
check "no key changes at the end" test "$(host_key)" = "$key3"
check_exit 7 "an initramfs with the removed policy key is refused" boots second
check "the refusal says why" grep -q 'M-POLICYKEY' "$tmp/boot.log"
check "the parent explains it" grep -q 'muster boot build' <<<"$("$bin/muster" log --explain r1n001)"

# ---- the store key ----------------------------------------------------------------
check "the store key is replaced" rotate store
no_start='musterd has not been started since it was replaced'
check_says 1 "$no_start" "the previous store key stays until musterd has wrapped the image keys anew" rotate store --finish
check_says 1 "$no_start" "also by force: no one could open an image any more" rotate store --finish --force
again
check "the node boots after the store key was replaced" boots third
check "the previous store key is removed" rotate store --finish
again
check "the node boots with the new store key alone" boots third
check "the node needed no new activation for it" test "$(fact "$run" '.tpm.commands.TPM2_ActivateCredential // 0')" = 0

# ---- the SSH host CA --------------------------------------------------------------
old_ca=$(ssh_ca_of "$pki/ssh_ca.pub")
check "before it the host certificate is by the former SSH CA" test "$(ssh_ca_of_host)" = "$old_ca"
check "the SSH host CA is replaced" rotate ssh-ca
again
check "the node boots after the SSH CA was replaced" boots third
check "its host certificate is by the new SSH CA" test "$(ssh_ca_of_host)" = "$(ssh_ca_of "$pki/ssh_ca.pub")" -a "$(ssh_ca_of_host)" != "$old_ca"
check "the host key is the same" test "$(host_key)" = "$key3"
check "the previous SSH CA is removed" rotate ssh-ca --finish

# ---- an interrupted replacement ---------------------------------------------------
# the power went after `rotate server` had written its key: `rotate ca` does not take that for its own
rotate ca >/dev/null
cp -a "$pki" "$tmp/half"
rotate server >/dev/null
cp -a "$pki/server.key" "$tmp/half/server.key.new"
rm -r "$pki"
cp -a "$tmp/half" "$pki"
check "the CA is finished beside an interrupted replacement of the parent's key" rotate ca --finish --force
check "the parent's certificate is of its key still" test "$(openssl x509 -in "$pki/server.pem" -noout -pubkey)" = "$(openssl pkey -in "$pki/server.key" -pubout)"
again
initramfs fourth
check "the node boots at that parent" boots fourth

# the power went after the previous files were kept, before the new ones were in place
cp -a "$pki" "$tmp/whole"
rotate policy >/dev/null
mv "$pki/policy.key" "$pki/policy.key.new"
mv "$pki/policy.pem" "$pki/policy.pem.new"
cp -a "$tmp/whole/policy.key" "$tmp/whole/policy.pem" "$pki/"
new=$(openssl pkey -in "$pki/policy.key.new" -pubout)
check_exit 1 "an interrupted replacement is not finished" rotate policy --finish --force
check "an interrupted replacement is completed" rotate policy
check "the completed one has the key that was made then" test "$(openssl pkey -in "$pki/policy.key" -pubout)" = "$new"
check "its public file is of the same key" test "$(cat "$pki/policy.pem")" = "$new"
again
check "the node boots after the completed replacement" boots fourth
