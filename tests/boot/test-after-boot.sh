#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What root on a running node can do: not read the NV indices, not unseal the
# bundle with a recorded approval, now or after a reset, and not swap an index
# for a weaker one unnoticed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
parent_start || exit 1
known_hosts
# the recording client writes down what a real one forgets
line=$(m boot list -o json | jq -r '.boots[] | select(.name == "r1") | .cmdline')
check "the recording client is a boot entry" m boot add recorder "$fixture/recorder.efi" --cmdline "$line muster.test=save"
node_new "$d" "$fixture/node"
node_start "$d"
check "the node boots" console "$d" 'muster-node: .*: passed at'
check "ssh answers" ssh_up "$d"
key1=$(host_key "$d")

nv_refused() { # INDEX
        local out
        out=$(node_ssh "$d" "tpm2_nvread -C o $1 2>&1 || tpm2_nvread -C $1 $1 2>&1; tpm2_nvreadpublic $1" 2>&1)
        if grep -qiE 'authorization|locked|policy' <<<"$out" && grep -q 'policyread' <<<"$out" && ! grep -q MUSTERNV <<<"$out"; then
                ok "root cannot read NV index $1"
        else
                not_ok "root cannot read NV index $1" "$out"
        fi
}
nv_refused 0x01804D01
nv_refused 0x01804D02
check "both indices are read-locked" node_ssh "$d" \
        'tpm2_nvreadpublic 0x01804D01 | grep -q readlocked && tpm2_nvreadpublic 0x01804D02 | grep -q readlocked'

# --- the owner deletes an index and makes a weaker one ---------------------------
check "the owner can re-create an index" node_ssh "$d" \
        'tpm2_nvundefine -C o 0x01804D01 && tpm2_nvdefine -C o -s 1024 -a "ownerread|ownerwrite|policyread|policywrite|no_da" 0x01804D01'
node_again "$d"
check "the next boot goes through" console "$d" 'muster-node: .*: passed at'
check "it noticed the altered index" console "$d" altered 5
check "ssh answers after the repair" ssh_up "$d"
check "the host key is the same after the repair" test "$(host_key "$d")" = "$key1"
check "the bundle was used for the repair" jq -e '.bundle == true and .tpm.commands.TPM2_NV_DefineSpace > 0' <<<"$(boot_json "$d")"
nv_refused 0x01804D01
check "the parent's journal says that the index was altered" grep -q altered <<<"$(m log -o json n1)"

# --- the bundle and its recorded approval -----------------------------------------
node_ssh "$d" cat /run/muster/verdict.json >"$tmp/verdict.json"
mkdir "$tmp/b"
for f in public duplicate seed; do jq -r ".bundle.$f" "$tmp/verdict.json" | base64 -d >"$tmp/b/$f"; done
jq -r '.approvals.bundle' "$tmp/verdict.json" | base64 -d >"$tmp/b/approval"
cp "$tmp/etc/pki/policy.pem" "$tmp/b/policy.pem"
cat >"$tmp/b/unseal" <<'EOS'
# what an attacker who is root would try; prints how far it came
set -e
cd /tmp/b
ek=$(tpm2_getcap handles-persistent | sed -n 's/^- //p' | while read -r h; do
        tpm2_readpublic -c "$h" 2>/dev/null | grep -q 'adminwithpolicy' && tpm2_readpublic -c "$h" | grep -q 'NIST p256' && echo "$h"; done | head -n 1)
ek_session() { tpm2_startauthsession --policy-session -S ek.s; tpm2_policysecret -S ek.s -c e >/dev/null; }
tpm2_flushcontext -t; tpm2_flushcontext -l
ek_session
tpm2_import -C "$ek" -P session:ek.s -u public -i duplicate -s seed -r object.priv >/dev/null
tpm2_flushcontext ek.s; ek_session
tpm2_load -C "$ek" -P session:ek.s -u public -r object.priv -c object.ctx >/dev/null
tpm2_flushcontext ek.s
echo LOADED
tpm2_loadexternal -C o -G ecc -u policy.pem -c policy.ctx -n policy.name >/dev/null
printf 'muster bundle v1' >ref
tpm2_startauthsession --policy-session -S p.s
tpm2_policypcr -S p.s -l sha256:0,1,2,3,4,5,6,7,8,9,11,12,13,14,15 >/dev/null
resets=$(tpm2_readclock | sed -n 's/.*reset_count: //p')
tpm2_policycountertimer -S p.s --eq resets="$resets" -L now.policy >/dev/null
cat now.policy ref | openssl dgst -sha256 -binary >ahash
tpm2_verifysignature -c policy.ctx -d ahash -s approval -t ticket && echo SIGNED-FOR-NOW
tpm2_policyauthorize -S p.s -i now.policy -q ref -n policy.name -t ticket >/dev/null && echo AUTHORIZED
tpm2_unseal -c object.ctx -p session:p.s >/dev/null && echo UNSEALED
EOS
try_unseal() {
        local out
        tar -C "$tmp" -cf - b | node_ssh "$d" 'rm -rf /tmp/b; tar -C /tmp -xf -'
        out=$(node_ssh "$d" 'sh /tmp/b/unseal 2>&1')
        if grep -q '^LOADED' <<<"$out" && ! grep -qE '^(SIGNED-FOR-NOW|AUTHORIZED|UNSEALED)' <<<"$out"; then
                ok "root cannot unseal the bundle with the recorded approval $1"
        else
                not_ok "root cannot unseal the bundle with the recorded approval $1" "$out"
        fi
}
try_unseal "in the same boot"
node_again "$d"
check "the node boots once more" console "$d" 'muster-node: .*: passed at'
check "ssh answers once more" ssh_up "$d"
try_unseal "after a reset into the same image"
