#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An unknown node is approved without a reboot, is reached by ssh with strict
# host key checking, boots again without writing NV, and takes a new UKI and a
# new image with the same host key.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
node_new "$d"
cp "$("$vnode" ek-ca "$d")"/*.pem "$tmp/etc/ek-ca/"
parent_start || exit 1
m node remove n1 >/dev/null # the fixture's node: here nobody is known
known_hosts
node_start "$d"

# --- first boot -------------------------------------------------------------
check "an unknown node waits for approval" console "$d" 'waiting for approval'
id=$(m node list -o json | jq -r '.nodes[] | select(.state == "pending") | .id')
check "it appears as pending" test -n "$id"
show=$(m node show "$id" -o json)
check "with its evidence: serial, MAC and EK certificate chain" \
        jq -e '.facts.serial == "VNODE0001" and (.facts.macs | index("52:54:00:6d:00:01")) and .ek_chain == "ok"' <<<"$show"
check "muster node approve is accepted" m node approve "$id" --name n1
check "the node boots on without a reboot" console "$d" 'muster-node: .*: passed at'
check "ssh with strict host key checking and one cert-authority line works" ssh_up "$d"
check "the firmware started once" test "$(grep -ac 'BdsDxe: starting Boot' "$d/console.log")" -eq 1
key1=$(host_key "$d")
boot1=$(boot_json "$d")
check "the first boot wrote the keys to NV" jq -e '.nv.bytes_written > 0 and .bundle == true' <<<"$boot1"
check "the node is released on the parent" test "$(m node show n1 -o json | jq -r .state)" = released

# --- TLS with the node's key and certificate ----------------------------------
cat >"$tmp/tls-server" <<'EOS'
nohup setsid openssl s_server -accept 8443 -cert /run/muster/tls.crt -key /run/muster/tls.key \
        -CAfile /run/muster/ca.crt -Verify 1 -verify_return_error -tls1_3 -www </dev/null >/run/tls.log 2>&1 &
EOS
node_ssh "$d" sh -s <"$tmp/tls-server"
# shellcheck disable=SC2317
tls_client() {
        printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 openssl s_client -quiet -connect "127.0.0.1:$("$vnode" tls-port "$d")" -CAfile "$tmp/etc/pki/ca.pem" \
                -verify_return_error -verify_hostname n1 -servername n1 "$@" 2>"$tmp/tls.err" | grep -q 'HTTP/1.0 200'
}
node_ssh "$d" 'cat /run/muster/tls.crt; cat /run/muster/tls.key' >"$tmp/peer.pem"
check "a TLS server with the node's key is accepted with the cluster CA" wait_for 30 tls_client -cert "$tmp/peer.pem" -key "$tmp/peer.pem"
anonymous() { ! tls_client -tls1_3; }
check "it refuses a client without a cluster certificate" anonymous

# --- second boot ----------------------------------------------------------------
node_again "$d"
check "the second boot goes through" console "$d" 'muster-node: .*: passed at'
check "ssh answers after the second boot" ssh_up "$d"
boot2=$(boot_json "$d")
check "no bundle is sent and zero NV bytes are written" jq -e '.nv.bytes_written == 0 and .bundle == false' <<<"$boot2"
check "the first image still runs" node_ssh "$d" test ! -e /muster-image-two
check "the host key is the same" test "$(host_key "$d")" = "$key1"

# --- new UKI and new image --------------------------------------------------------
check "a new UKI is added with one command" m boot add r2 "$fixture/r2.efi" --default
check "a new image is added with one command" m image add second "$fixture/image2.squashfs" --default
node_again "$d"
check "the node boots into them" console "$d" 'muster-node: .*: passed at'
check "ssh answers after the update" ssh_up "$d"
check "the new image runs" node_ssh "$d" test -s /muster-image-two
check "the host key is unchanged" test "$(host_key "$d")" = "$key1"
check "the NV indices were not re-created" jq -e '.nv.bytes_written == 0 and (.tpm.commands | has("TPM2_NV_DefineSpace") | not)' <<<"$(boot_json "$d")"
"$vnode" stop "$d"
cp "$d/console.log" "${MUSTER_BOOT_LOGS:-$top/build/test-logs}/first-boot.console" 2>/dev/null || :
