#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# muster-node against a software TPM and a real musterd: first boot, steady
# state, what locks and cap leave, and repair of NV.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires command -v ssh-keygen
node_files
p=$tmp/parent
parent_init "$p"
printf 'domain = hpc.example.org\ncert-addresses = yes\n' >>"$p/etc/musterd.conf"
parent_start "$p"
parent_content "$p"
node_facts 1
run=$tmp/run
id=

# --- first boot ---------------------------------------------------------------
tpm_on "$tmp/tpm"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
check "an unknown node waits for approval and says how" wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
check "the id it shows is the one musterd lists" "$bin/muster" node show "$id"
check "no key is written before approval" test ! -e "$run/ssh_host_ed25519_key"
check "the admin approves it" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
if wait "$pid"; then ok "the waiting node boots on without a restart"; else not_ok "the waiting node boots on without a restart" "$(cat "$tmp/first.log" "$p.log")"; fi
check "the first boot uses the bundle" test "$(fact "$run" .bundle)" = true
check "what its record says of NV is of the moment it attested" grep -qE '^NV index ssh: +absent when it last attested, before its keys were sent' \
        <<<"$("$bin/muster" node show "$id")"
check "it writes both NV indices once" test "$(fact "$run" .nv.bytes_written)" = 2560
check "it caps PCR 15" test "$(fact "$run" .capped)" = true
echo "# TPM commands of a first boot: $(fact "$run" .tpm.commands_total)"
check "the image arrives as it was made" unsquashfs -d "$tmp/out" -q -n "$tmp/image"
check "and holds what was put in" cmp "$tmp/out/ballast" "$tmp/root/ballast"

check "ssh-keygen reads the host key" ssh-keygen -y -P '' -f "$run/ssh_host_ed25519_key"
check "the public key is that of the private one" test \
        "$(ssh-keygen -y -P '' -f "$run/ssh_host_ed25519_key" | cut -d' ' -f2)" = "$(cut -d' ' -f2 "$run/ssh_host_ed25519_key.pub")"
ssh-keygen -L -f "$run/ssh_host_ed25519_key-cert.pub" >"$tmp/cert"
check "the host certificate is for the name" grep -q 'r1n001' "$tmp/cert"
check "and for the name in the domain, and the address, and for nothing else" test \
        "$(sed -n '/Principals:/,/Critical/p' "$tmp/cert" | sed '1d;$d' | tr -d ' ' | paste -sd,)" = r1n001,r1n001.hpc.example.org,127.0.0.1
check "the host certificate is for that key" test "$(awk '/Public key:/ {print $4}' "$tmp/cert")" = \
        "$(ssh-keygen -l -f "$run/ssh_host_ed25519_key.pub" | awk '{print $2}')"
check "the TLS certificate verifies against the CA" openssl verify -CAfile "$run/ca.crt" "$run/tls.crt"
names() { for n in "$@"; do openssl verify -CAfile "$run/ca.crt" -verify_hostname "$n" "$run/tls.crt" >/dev/null 2>&1 && echo "$n"; done | paste -sd,; }
check "for the short name and the one in the domain, not for others" test \
        "$(names r1n001 r1n001.hpc.example.org r1n002.hpc.example.org r1n001.example.org)" = r1n001,r1n001.hpc.example.org
port=$(free_port)
openssl s_server -www -accept "127.0.0.1:$port" -cert "$run/tls.crt" -key "$run/tls.key" >/dev/null 2>&1 &
cleanup_pid $!
tls_of() { curl -sS -o /dev/null --retry 20 --retry-connrefused --retry-delay 1 --cacert "$run/ca.crt" --resolve "$1:$port:127.0.0.1" "https://$1:$port/"; }
check "curl reaches it by its name in the domain" tls_of r1n001.hpc.example.org
check "and by its address" tls_of 127.0.0.1
check_exit 60 "control: but not by another node's name" tls_of r1n002.hpc.example.org
check "the TLS key is that of the certificate" test "$(openssl pkey -in "$run/tls.key" -pubout)" = \
        "$(openssl x509 -in "$run/tls.crt" -noout -pubkey)"
check "private keys are readable by nobody else" test "$(stat -c %a "$run" "$run/ssh_host_ed25519_key" "$run/tls.key" | tr '\n' ' ')" = "700 600 600 "
inner() { sed -n 2p "$run/tls.key" | sed 's/[+.*]/./g'; }
check "the key has a line to search for" test "$(inner | wc -c)" -gt 40
check_lacks "boot.json holds no key" "$(inner)" "$run/boot.json"

# --- what the running system can do ---------------------------------------------
check "both indices are read-locked" test "$("$bin/muster-node-test" status --run-dir "$run" |
        jq -c '[.nv.ssh,.nv.tls|.attributes_ok,.read_locked]')" = "[true,true,true,true]"
# an index of the owner's own shows that the same command reads what may be read
tpm2_nvdefine 0x01804D0F -C o -s 8 -a 'ownerread|ownerwrite|authread|authwrite' >/dev/null && echo -n 12345678 | tpm2_nvwrite 0x01804D0F -C o -i-
locked='0x0*148\b' no_right='0x0*149\b' # TPM_RC_NV_LOCKED, TPM_RC_NV_AUTHORIZATION
check "control: an index of its own it can" test "$(tpm2_nvread 0x01804D0F -C o -s 8)" = 12345678
check_says 1 "$locked" "the owner cannot read the SSH index" tpm2_nvread 0x01804D01 -C o -s 8
tpm2_nvundefine 0x01804D0F -C o >/dev/null
mkdir -p "$tmp/again"
out=$(node_boot "$tmp/again" "$p/node.conf" 2>&1)
rc=$?
check "a second attest in the same boot is refused as capped" test "$rc:${out#*M-CAPPED}" != "7:$out"
check "a refusal shows the incident and the next step" grep -q 'M-CAPPED incident=[0-9a-f]\{16\}.*Next: .*muster log --explain' <<<"$out"
check "a refused node leaves no key" test ! -e "$tmp/again/tls.key"
check_says 7 M-CAPPED "an attempt in the running system is refused" node_boot "$run" "$p/node.conf"
check "and leaves its keys alone" test -s "$run/tls.key" -a -s "$run/ssh_host_ed25519_key"
check "the TPM holds no session or object after a refusal" test "$(tpm2_getcap handles-transient && tpm2_getcap handles-loaded-session && echo none)" = none
check "control: what it holds would be listed" grep -qi '0x8101C001' <(tpm2_getcap handles-persistent)
tpm_off

# --- steady state ---------------------------------------------------------------
key=$(cat "$run/ssh_host_ed25519_key.pub")
tpm_on "$tmp/tpm"
check_says 1 "$no_right" "after a reset, without a lock on it, the SSH index is not the owner's to read either" tpm2_nvread 0x01804D01 -C o -s 8
export MUSTER_POWER=$tmp/power
mkdir "$MUSTER_POWER"
echo "freeze mem" >"$MUSTER_POWER/state"
echo "s2idle [deep]" >"$MUSTER_POWER/mem_sleep"
check_says 0 'this kernel offers suspend to RAM, after which root can undo' "the second boot needs no admin, and warns of suspend to RAM" \
        node_boot "$run" "$p/node.conf"
echo "[s2idle]" >"$MUSTER_POWER/mem_sleep"
check "the second boot needs no bundle" test "$(fact "$run" .bundle)" = false
check "the second boot writes no byte of NV" test "$(fact "$run" .nv.bytes_written)" = 0
check "the second boot makes no key" test "$(fact "$run" '.tpm.commands.TPM2_CreatePrimary // 0')" = 0
check "the host key is the same" test "$(cat "$run/ssh_host_ed25519_key.pub")" = "$key"
check "its asymmetric TPM commands are three: quote, verify, one salted session" test \
        "$(fact "$run" '.tpm.commands | "\(.TPM2_Quote) \(.TPM2_VerifySignature) \(.TPM2_StartAuthSession) \(.TPM2_Import // 0)"')" = "1 1 1 0"
echo "# TPM commands of a boot in the steady state: $(fact "$run" .tpm.commands_total)"
tpm_off

# --- other certificates, other keys ----------------------------------------------
check "the admin gives it another name" "$bin/muster" node rename r1n001 r1n002
tpm_on "$tmp/tpm"
check "a renamed node boots" node_boot "$run" "$p/node.conf"
check "under its new name" test "$(cat "$run/name")" = r1n002
check "with the key it had" test "$(cut -d' ' -f2 "$run/ssh_host_ed25519_key.pub")" = "$(cut -d' ' -f2 <<<"$key")"
check "from NV, where the new certificates are now" test "$(fact "$run" '[.bundle, .nv.bytes_written] | tostring')" = "[false,2560]"
key=$(cat "$run/ssh_host_ed25519_key.pub")
tpm_off
tpm_on "$tmp/tpm"
check "the next boot writes nothing again" node_boot "$run" "$p/node.conf"
check "not a byte" test "$(fact "$run" .nv.bytes_written)" = 0
tpm_off

"$bin/muster" node remove "$id" >/dev/null
tpm_on "$tmp/tpm"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" --cap >"$tmp/second.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/second.log"
"$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate >/dev/null
if wait "$pid"; then ok "a node that was removed and approved again boots"; else not_ok "a node that was removed and approved again boots" "$(cat "$tmp/second.log")"; fi
check "NV's old keys are noticed, and the bundle asked for" grep -q "asking for the bundle" "$tmp/second.log"
check "it has new keys now" test "$(cut -d' ' -f2 "$run/ssh_host_ed25519_key.pub")" != "$(cut -d' ' -f2 <<<"$key")"
check "that NV keeps" test "$(fact "$run" '[.bundle, .nv.bytes_written] | tostring')" = "[true,2560]"
key=$(cat "$run/ssh_host_ed25519_key.pub")
tpm_off

# --- NV repair --------------------------------------------------------------------
tpm_on "$tmp/tpm"
tpm2_nvundefine 0x01804D01 -C o >/dev/null
tpm2_nvdefine 0x01804D01 -C o -s 1024 -a 'ownerread|ownerwrite|authread|authwrite' >/dev/null
head -c 1024 /dev/zero | tpm2_nvwrite 0x01804D01 -C o -i-
out=$(node_boot "$run" "$p/node.conf" 2>&1)
rc=$?
check "a weaker index in the place of ours is noticed and replaced" test "$rc" = 0
check "the console says which index was altered" grep -q 'NV index for ssh was altered.*making it anew' <<<"$out"
check "and only that one" test "$(grep -c altered <<<"$out")" = 1
check "the parent's journal says so too" grep -q altered <<<"$("$bin/muster" log -o json r1n001)"
check "the repair uses the bundle" test "$(fact "$run" .bundle)" = true
check "only the altered index is written" test "$(fact "$run" .nv.bytes_written)" = 1024
check "the host key is still the same" test "$(cat "$run/ssh_host_ed25519_key.pub")" = "$key"
tpm_off
tpm_on "$tmp/tpm"
check_says 1 "$no_right" "and the new index is not the owner's to read, though no lock is on it yet" tpm2_nvread 0x01804D01 -C o -s 8
tpm_off

tpm_on "$tmp/tpm"
tpm2_nvundefine 0x01804D02 -C o >/dev/null
check "a removed index is made again" node_boot "$run" "$p/node.conf"
check "only the removed index is written" test "$(fact "$run" .nv.bytes_written)" = 1536
tpm_off

# --- a TPM without room --------------------------------------------------------------
tpm_on "$tmp/tpm"
tpm2_nvundefine 0x01804D02 -C o >/dev/null
n=0x01400001
while tpm2_nvdefine "$n" -C o -s 2048 -a 'ownerread|ownerwrite' >/dev/null 2>&1; do n=$(printf '0x%x' $((n + 1))); done
check "without room in NV the node boots from the bundle" node_boot "$run" "$p/node.conf"
check "and says so" test "$(fact "$run" .nv.tls)" = none
check "the TLS key is there all the same" test "$(openssl pkey -in "$run/tls.key" -pubout)" = \
        "$(openssl x509 -in "$run/tls.crt" -noout -pubkey)"
tpm_off

# --- a cleared TPM -------------------------------------------------------------------
tpm_on "$tmp/tpm"
tpm2_clear >/dev/null
check "after TPM2_Clear the node proves itself again and boots" node_boot "$run" "$p/node.conf"
check "with the keys it had" test "$(cat "$run/ssh_host_ed25519_key.pub")" = "$key"
cleared() { "$bin/muster" -o json log r1n001 | jq -e "[.events[] | select(.event == \"tpm-cleared\")] | length == $1"; }
listed() { "$bin/muster" node list r1n001; }
check "the journal tells of it, once" cleared 1
check "and node list marks it" grep -q 'TPM was cleared' <(listed)
check "until the admin accepts it" "$bin/muster" node approve "$id" --without-ek-certificate
check_lacks "then the mark is gone" 'TPM was cleared' <(listed)
check "control: the node is still listed" grep -q "r1n001" <(listed)
tpm_off
tpm_on "$tmp/tpm"
check "and boots as before" node_boot "$run" "$p/node.conf"
check "which is told no more" cleared 1
tpm_off
tpm_on "$tmp/tpm"
check "root takes the AK out" tpm2_evictcontrol -Q -C o -c 0x8101C001
check "the node makes another and boots" node_boot "$run" "$p/node.conf"
check "an AK that was taken out is told too" test "$("$bin/muster" -o json log r1n001 | jq -r '[.events[] | select(.event == "ak-changed")] | length')" = 1
check "and marked" grep -q 'lost its AK' <(listed)
check "accepted" "$bin/muster" node approve "$id" --without-ek-certificate
tpm_off

# --- a parent that is away -------------------------------------------------------------
parent_stop
tpm_on "$tmp/tpm"
timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" --cap >"$tmp/away.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
check "a node whose parent is away says so and when it tries again" wait_for 20 grep -q 'E-NET.*Trying again in' "$tmp/away.log"
parent_start "$p"
if wait "$pid"; then ok "and boots when the parent is back"; else not_ok "and boots when the parent is back" "$(cat "$tmp/away.log")"; fi
tpm_off
