#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: several boots of three software TPMs
# A client in Python, written from PROTOCOL.md alone and sharing no code with
# Muster, boots against the real musterd: the protocol is what the file says.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/independent-lib.sh"
node_requires
independent_requires
requires command -v ssh-keygen
requires command -v unsquashfs
requires command -v swtpm_setup
requires command -v swtpm_localca
independent_parent
node_facts 1

# said FILE FILTER: from a report
said() { jq -c "$2" "$1"; }
# ssh_key DIR / tls_key DIR: the public keys of the private ones
ssh_key() { ssh-keygen -y -P '' -f "$1/ssh.key" | cut -d' ' -f2; }
tls_key() { openssl pkey -in "$1/tls.key" -pubout; }

# --- first boot -------------------------------------------------------------------
tpm_on "$tmp/tpm"
out=$tmp/r1n001
first_boot r1n001 --without-ek-certificate
check "one challenge, and the bundle" test "$(said "$out.json" '[.challenges, .bundle, .nv_bytes_written, .name]')" = '[1,true,2560,"r1n001"]'
check "ssh-keygen and the host certificate know the same key" test "$(ssh-keygen -l -f "$out/ssh.key" | awk '{print $2}')" = \
        "$(ssh-keygen -L -f "$out/ssh-cert.pub" | awk '/Public key:/ {print $4}')"
check "the host certificate is of the cluster's SSH CA" grep -qF "$(ssh-keygen -l -f "$p/etc/pki/ssh_ca.pub" | awk '{print $2}')" \
        <(ssh-keygen -L -f "$out/ssh-cert.pub")
check "and for the node's name" grep -qw r1n001 <(ssh-keygen -L -f "$out/ssh-cert.pub")
openssl x509 -inform DER -in "$out/tls.der" -out "$out/tls.pem"
check "the TLS certificate is of the cluster's CA" openssl verify -CAfile "$p/etc/pki/ca.pem" "$out/tls.pem"
check "and for the TLS key" test "$(tls_key "$out")" = "$(openssl x509 -in "$out/tls.pem" -noout -pubkey)"
check "the released key opens the sealed image" unsquashfs -d "$tmp/root.out" -q -n "$out/image"
check "which is what the admin put in" cmp "$tmp/root.out/ballast" "$tmp/root/ballast"
key=$(ssh_key "$out")

# --- what the protocol says of later boots ------------------------------------------
independent muster_client --out "$tmp/again" --cap >"$tmp/again.first" 2>"$tmp/again.err"
check "without the cap it may ask again in the same boot" test "$(said "$tmp/again.first" '[.bundle, .nv_bytes_written]')" = '[false,0]'
independent muster_client --out "$tmp/again" >"$tmp/again.json" 2>&1
manifest=$(jq -r .manifest_digest "$tmp/again.first")
check "PCR 15 then holds the manifest's digest, as section 9 says" test "$(tpm2_pcrread -Q -o /dev/stdout sha256:15 | xxd -p -c 32)" = \
        "$(printf '%064d%s' 0 "$manifest" | xxd -r -p | sha256sum | cut -d' ' -f1)"
check "with the cap it may not" grep -q '^refused M-CAPPED incident=[0-9a-f]\{16\}$' "$tmp/again.json"
tpm_off
tpm_on "$tmp/tpm"
independent muster_client --out "$tmp/second" --cap >"$tmp/second.json" 2>"$tmp/again.err"
check "the second boot: no challenge, no bundle, no byte of NV written" test \
        "$(said "$tmp/second.json" '[.attests, .challenges, .bundle, .nv_bytes_written, .nv]')" = \
        '[1,0,false,0,{"ssh":"present","tls":"present"}]'
check "and the same host key" test "$(ssh_key "$tmp/second")" = "$key"
tpm_off

# --- the two clients are one to the TPM and to the parent ---------------------------
tpm_on "$tmp/tpm"
check "Muster's own client boots with the TPM that this one filled" node_boot "$tmp/run" "$p/node.conf"
check "needs no bundle, writes nothing" test "$(fact "$tmp/run" '[.bundle, .nv.bytes_written] | tostring')" = '[false,0]'
check "has the same host key" test "$(cut -d' ' -f2 "$tmp/run/ssh_host_ed25519_key.pub")" = "$key"
check "and TLS key" test "$(openssl pkey -in "$tmp/run/tls.key" -pubout)" = "$(tls_key "$out")"
tpm_off

tpm_on "$tmp/tpm"
tpm2_nvundefine 0x01804D01 -C o >/dev/null
tpm2_nvdefine 0x01804D01 -C o -s 1024 -a 'ownerread|ownerwrite|authread|authwrite' >/dev/null
tpm2_nvundefine 0x01804D02 -C o >/dev/null
check "Muster's own client makes both indices again" node_boot "$tmp/run" "$p/node.conf"
tpm_off
tpm_on "$tmp/tpm"
independent muster_client --out "$tmp/third" >"$tmp/third.json" 2>"$tmp/again.err"
check "and this one reads what it wrote" test "$(said "$tmp/third.json" '[.bundle, .nv_bytes_written]')" = '[false,0]'
tpm_off

# --- NV that is not as it should be ----------------------------------------------------
tpm_on "$tmp/tpm"
tpm2_nvundefine 0x01804D01 -C o >/dev/null
tpm2_nvdefine 0x01804D01 -C o -s 1024 -a 'ownerread|ownerwrite|authread|authwrite' >/dev/null
tpm2_nvundefine 0x01804D02 -C o >/dev/null
independent muster_client --out "$tmp/repair" >"$tmp/repair.json" 2>"$tmp/again.err"
check "an altered index and an absent one are made anew from the bundle" test \
        "$(said "$tmp/repair.json" '[.nv, .bundle, .nv_bytes_written]')" = '[{"ssh":"altered","tls":"absent"},true,2560]'
tpm_off

# as an attempt leaves it that ended between the two commands
define_only() {
        PYTHONPATH=$top/tests/independent "$python" - "$TPM2TOOLS_TCTI" "$p/etc/pki/policy.pem" <<'END'
import sys
import release, tpm
release.define(tpm.Tpm(sys.argv[1]), "ssh", release.policy_key(sys.argv[2])[1], "absent")
END
}
tpm_on "$tmp/tpm"
tpm2_nvundefine 0x01804D01 -C o >/dev/null
check "an index is defined and left so" define_only
independent muster_client --out "$tmp/repair" >"$tmp/repair.json" 2>"$tmp/again.err"
check "it counts as absent, and is written" test "$(said "$tmp/repair.json" '[.nv, .bundle, .nv_bytes_written]')" = \
        '[{"ssh":"absent","tls":"present"},true,1024]'
"$bin/muster" node remove "$id" >/dev/null
first_boot r1n001 --without-ek-certificate
check "other keys than NV's: it attests again and gets the bundle" test \
        "$(said "$out.json" '[.nv, .attests, .bundle, .nv_bytes_written]')" = '[{"ssh":"present","tls":"present"},2,true,2560]'
check "the keys are new" test "$(ssh_key "$out")" != "$key"
tpm_off

# --- a TPM with its maker's certificates ---------------------------------------------------
tpm_on "$tmp/made/tpm"
first_boot r1n002
check "the node id is that of the ECC certificate" test "$(said "$tmp/r1n002.json" .node)" = \
        "\"$(openssl x509 -inform DER -in "$tmp/made/ek-ecc.der" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)\""
tpm2_nvundefine 0x01c0000a -C p >/dev/null
first_boot r1n003
check "without that one, of the RSA certificate" test "$(said "$tmp/r1n003.json" .node)" = \
        "\"$(openssl x509 -inform DER -in "$tmp/made/ek-rsa.der" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)\""
tpm_off
