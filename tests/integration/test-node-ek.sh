#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nodes whose TPM has EK certificates, RSA-2048 and ECC P-256, with the
# maker's CA on the parent: no exception is needed to approve them.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires command -v swtpm_setup
requires command -v swtpm_localca
. "$top/qemu-harness/proc.sh"
. "$top/qemu-harness/tpm.sh"
vnode_die() {
        echo "$*"
        exit 1
}
node_files
p=$tmp/parent
parent_init "$p"

# make_tpm DIR: a TPM with both EK certificates in DIR/tpm
make_tpm() { (mkdir -p "$1" && cd "$1" && tpm_create "$tmp/ca"); }
make_tpm "$tmp/ecc" && make_tpm "$tmp/rsa" || exit 1
parent_start "$p"
parent_content "$p"

# id_of CERTIFICATE: what a buyer computes from the maker's certificate
id_of() { openssl x509 -inform DER -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1; }

# boots NAME DIR TYPE: first boot with approval, second without bundle
boots() {
        local id pid log=$tmp/$1.log run=$tmp/run.$1
        node_facts "$1"
        id=$("$bin/muster-node-test" enroll | jq -r .id)
        check "$1: the node id is that of the maker's certificate" test "$id" = "$(id_of "$2/ek-$1.der")"
        mkdir -p "$run"
        timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$run/image" --cap >"$log" 2>&1 &
        pid=$!
        cleanup_pid "$pid"
        wait_for 20 grep -q "waiting for approval" "$log"
        if [ -z "$(ls "$p/etc/ek-ca")" ]; then
                check_says 1 "chains to no known CA.*add its vendor's CA" "$1: without its maker's CA it is not approved" \
                        "$bin/muster" node approve "$id" --name "$1-node"
                cp "$tmp/ecc/ek-ca/"*.pem "$p/etc/ek-ca/"
                kill -HUP "$node_parent_pid"
                wait_for 20 grep -q "reloaded: [1-9]" "$p.log"
                check "$1: a CA that was added and reloaded counts for a node that waits" \
                        "$bin/muster" node approve "$id" --name "$1-node"
        fi
        check "$1: the certificate chains to the maker" test "$("$bin/muster" node show "$id" -o json | jq -r '.. | .ek_chain? // empty' | head -n1)" = ok
        check "$1: it is approved without an exception" "$bin/muster" node approve "$id" --name "$1-node"
        if wait "$pid"; then ok "$1: it boots"; else not_ok "$1: it boots" "$(cat "$log")"; fi
        tpm_off
        tpm_on "$2/tpm"
        check "$1: it boots again" node_boot "$run" "$p/node.conf"
        check "$1: without the bundle" test "$(fact "$run" .bundle)" = false
        echo "# $1: $(fact "$run" '.ms | tostring')"
        tpm_off
}

tpm_on "$tmp/ecc/tpm"
boots ecc "$tmp/ecc"
tpm_on "$tmp/rsa/tpm"
tpm2_nvundefine 0x01c0000a -C p >/dev/null
boots rsa "$tmp/rsa"

# ---- a certificate names the TPM's maker, also one that the TPM no longer has ------------------
# swtpm's own name no maker in letters; the TPM itself says that it is IBM's
(
        eval "$(declare -f tpm_write_ecc_ek | sed 's/id:00001014/id:494E5443/')"
        make_tpm "$tmp/ecc-named"
) || exit 1
maker() { "$bin/muster" log -o json | jq -s -c '[.. | objects | select(.event? == "ok") | .detail.tpm] | .[-1] | [.maker, .maker_from]'; }
mv "$tmp/ecc-named/ek-ecc.der" "$tmp/ecc-named/ek-named.der"
tpm_on "$tmp/ecc-named/tpm"
boots named "$tmp/ecc-named"
check "the maker is the one that the certificate names" test "$(maker)" = '["INTC","certificate"]'
tpm_on "$tmp/ecc-named/tpm"
for index in 0x01c0000a 0x01c00002; do tpm2_nvundefine "$index" -C p >/dev/null; done
check "without its certificates the TPM boots by those that are kept" node_boot "$tmp/run.named" "$p/node.conf"
check "its maker is the one that those name" test "$(maker)" = '["INTC","certificate"]'
tpm_off
