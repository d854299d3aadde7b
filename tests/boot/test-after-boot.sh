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
check "the recording client is a boot entry" m boot add recorder "$fixture/recorder.efi" --default --cmdline "$line muster.test=save"
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
# the control of nv_refused: the same tool, owner and password read an index that may be read, the EK's certificate
check "control: root can read the NV index of the EK's certificate" node_ssh "$d" 'test "$(tpm2_nvread -C o 0x01C0000A | wc -c)" -gt 100'
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

# --- the image below the overlay ----------------------------------------------------
"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -static -o "$tmp/loop_probe" "$top/tests/boot/loop_probe.c" || exit 1
node_ssh "$d" 'cat >/tmp/loop_probe && chmod +x /tmp/loop_probe' <"$tmp/loop_probe"
# shellcheck disable=SC2016
probed=$(node_ssh "$d" 'cd /tmp; dev=$(findmnt -n -o SOURCE /run/muster/ro) && truncate -s "$(blockdev --getsize64 "$dev")" other own
        ./loop_probe "$dev" other | sed "s/^/image /"
        find /run/muster -xdev -size +1000k | sed "s/^/path /"
        for flag in --read-only ""; do
                l=$(losetup $flag --find --show own) && ./loop_probe "$l" other | sed "s/^/own$flag /" && losetup -d "$l"
        done; rm -f own other; echo 3 >/proc/sys/vm/drop_caches; /bin/true && echo still runs')
check "root on the node has no path to the image's file" test -z "$(grep '^path ' <<<"$probed")"
check "root cannot put another file behind the image's loop device" grep -qx 'image change: EINVAL' <<<"$probed"
check "control: behind a read-only one of its own it can" grep -qx 'own--read-only change: ok' <<<"$probed"
check "root cannot write what is behind it" grep -qx 'image write: E[A-Z]*' <<<"$probed"
check "control: behind one of its own it can" grep -qx 'own write: ok' <<<"$probed"
check "the image still runs" grep -qx 'still runs' <<<"$probed"

# --- no suspend to RAM or to disk ---------------------------------------------------
# the control is test-dracut-sleep.sh: the same kernel without the table sleeps and wakes up
check "offered: the node has the kernel's interface for sleep" node_ssh "$d" 'grep -qw mem /sys/power/state'
check "root is offered no suspend to RAM" node_ssh "$d" 'test "$(cat /sys/power/mem_sleep)" = "[s2idle]" && ! echo deep >/sys/power/mem_sleep'
check "root cannot hibernate" node_ssh "$d" 'grep -qx "\[disabled\]" /sys/power/disk'
check "systemd's sleep targets are masked" node_ssh "$d" 'test "$(systemctl is-enabled sleep.target suspend.target hibernate.target | sort -u | cut -d- -f1)" = masked'

# --- the bundle and its recorded approval -----------------------------------------
# tests/boot/unseal.c with the client's own code. Its control is test-node-unseal.sh, where the same program opens a
# bundle before the cap; here it has to come as far as the TPM taking the parent's signature.
mkdir "$tmp/b"
for f in attest-request verdict; do node_ssh "$d" cat "/run/muster/$f" >"$tmp/b/$f"; done
cp "$tmp/etc/pki/policy.pem" "$bin/unseal" "$tmp/b/"
try_unseal() {
        local out
        tar -C "$tmp" -cf - b | node_ssh "$d" 'rm -rf /tmp/b; tar -C /tmp -xf -'
        out=$(node_ssh "$d" 'cd /tmp/b && ./unseal attest-request verdict policy.pem 2>&1')
        if grep -qx SIGNED <<<"$out" && ! grep -qx UNSEALED <<<"$out"; then
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
