#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bundle and a recorded approval: with the client's own code (tests/boot/unseal.c) the bundle opens until the cap, and
# neither after it nor after a reset of the TPM. Every refusal has the same program succeeding beside it.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
node_files
p=$tmp/parent
parent_init "$p"
parent_start "$p"
parent_content "$p" 1
node_facts 1
uuid=6d757374-6572-4000-8000-000000000001
echo "$uuid" >"$tmp/facts.1/class/dmi/id/product_uuid"
export MUSTER_TEST_SAVE=1

# boots RUNDIR: a boot that stops before the cap; what an attacker would keep is in RUNDIR
boots() {
        mkdir -p "$1"
        timeout 120 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$1" --image-file "$1/image" --once
}
# tries RUNDIR: opens the bundle with the record of that boot; what it said is in $tmp/said
tries() { "$bin/unseal" "$1/attest-request" "$1/verdict" "$p/etc/pki/policy.pem" >"$tmp/said" 2>&1; }
opens() {
        tries "$2"
        check "$1" grep -qx UNSEALED "$tmp/said"
}
# stays_shut NAME RUNDIR: all went well, but for the policy
stays_shut() {
        tries "$2"
        if grep -qx SIGNED "$tmp/said" && ! grep -qx UNSEALED "$tmp/said"; then ok "$1"; else not_ok "$1" "$(cat "$tmp/said")"; fi
}
# without_nv: so that the next boot is given the bundle
without_nv() { tpm2_nvundefine -C o 0x01804D01 && tpm2_nvundefine -C o 0x01804D02; }

tpm_on "$tmp/tpm"
check_exit 8 "an unknown node waits" boots "$tmp/first"
id=$("$bin/muster" node list -o json | jq -r '.nodes[0].id')
check "it is approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
check "it boots, up to the cap" boots "$tmp/first"
opens "control: before the cap the recorded approval opens the bundle" "$tmp/first"
opens "control: and once more" "$tmp/first"
check "the cap is extended" tpm2_pcrextend "15:sha256=$(printf x | sha256sum | cut -d' ' -f1)"
stays_shut "after the cap the recorded approval does not open the bundle" "$tmp/first"

tpm_off
tpm_on "$tmp/tpm"
stays_shut "after a reset into the same PCR values it does not open the bundle" "$tmp/first"
check "the indices go" without_nv
check "the node boots again, up to the cap" boots "$tmp/second"
opens "control: this boot's approval opens the bundle" "$tmp/second"
stays_shut "and that of the boot before still does not" "$tmp/first"

# --- a TPM Restart: PCRs start over, resetCount stays -----------------------------------
resets() { tpm2_readclock | sed -n 's/^ *reset_count: *//p'; }
before=$(resets)
opens "control: until then the second boot's approval opens the bundle" "$tmp/second"
check "TPM2_Shutdown(STATE)" tpm2_shutdown
tpm_off
tpm_on "$tmp/tpm"
check "the power cycle was a Restart: resetCount is the same" test "$(resets)" = "$before"
stays_shut "after a Restart into the same PCR values it does not open the bundle" "$tmp/second"

# --- a TPM that starts over without a boot --------------------------------------------
unasked() { "$bin/muster" log -o json r1n001 | jq -r '[.events[] | select(.event == "ok")] | max_by(.seq) | .detail.reset_without_boot'; }
check "a reset without a boot is in the journal" test "$(unasked)" = true
check "and in the log" grep -q 'nobody had asked for its boot script' "$p.log"
tpm_off
tpm_on "$tmp/tpm"
sleep 1 # times are in seconds
check "iPXE asks for the node's script" curl -sf -o "$tmp/script" "http://127.0.0.1:$(cat "$p/boot-port")/ipxe?mac=52-54-00-12-34-56&uuid=$uuid"
check "the node boots once more" boots "$tmp/third"
check "control: with a script in between it is not" test "$(unasked)" = false
