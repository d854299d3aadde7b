#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# A TPM's state that is in two machines, or that was cleared: counters and clock that do not go on are refused, a copy
# that is ahead shows by its machine and by the original that is then behind, and a cleared TPM is an event of its own.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires command -v tpm2_setclock
node_files
p=$tmp/parent
parent_init "$p"
mkdir -p "$tmp/hooks.d"
printf '#!/bin/sh\ncat >>%s/hooked; echo >>%s/hooked\n' "$tmp" "$tmp" >"$tmp/hooks.d/all"
chmod 755 "$tmp/hooks.d/all"
touch "$tmp/hooked" && chmod 666 "$tmp/hooked"
sed -i '/^hooks-dir/d' "$p/etc/musterd.conf"
echo "hooks-dir = $tmp/hooks.d" >>"$p/etc/musterd.conf"
parent_start "$p"
parent_content "$p" 1
m() { "$bin/muster" "$@"; }
n() { m node show r1n001 -o json | jq -c ".nodes[0] // . | $1"; }
events() { m log -o json | jq -s -c "[.. | objects | select(.event? == \"$1\" and .detail?) | .detail]"; }
clock() { tpm2_readclock | sed -n 's/^ *clock: *//p'; }
counters() { tpm2_readclock | sed -n 's/^ *\(reset\|restart\)_count: *//p' | tr '\n' ' '; }
# attest NAME: one attempt in a directory of its own, in the machine of node_facts and with the TPM that is on
attest() {
        at=$(counters)
        node_boot "$tmp/run.$1" "$p/node.conf" >"$tmp/boot.$1" 2>&1
        rc=$?
}
# boots TPM NAME: a power cycle of that TPM, and an attempt
boots() {
        tpm_off
        tpm_on "$tmp/$1"
        attest "$2"
}
# off_copied: the machine is off, and whoever has it at hand copies the state of its TPM
off_copied() {
        tpm_off
        rm -rf "$tmp/copy"
        cp -a "$tmp/tpm" "$tmp/copy"
        tpm_on "$tmp/tpm"
}
refused() { [ "$rc" != 0 ] && grep -q "$2" "$tmp/boot.$1" && [ ! -e "$tmp/run.$1/tls.key" ]; }
let_in() { [ "$rc" = 0 ] && [ -s "$tmp/run.$1/tls.key" ]; }
explained() { grep -q "$1" <(m log --explain r1n001); }

node_facts 1
tpm_on "$tmp/tpm"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
check "the node is approved" m node approve "$id" --name r1n001 --without-ek-certificate
wait "$pid"
check "and boots" test $? = 0

# ---- equal counters: the clock ------------------------------------------------------
off_copied
tpm2_setclock $(($(clock) + 3600000)) # this machine has been on for an hour
attest original
original=$at
check "the machine whose TPM was copied boots" let_in original
node_facts 2
boots copy equal
check "the copy in another machine has the same counters" test "$at" = "$original"
check "its clock is not above the one on record: refused" refused equal M-RESETCOUNT
check "the reason names the clock, and two machines" explained "The TPM's clock in the quote is .* two machines may share one TPM state"
check "which changed nothing of the node" test "$(n '[.facts.serial, .facts_changed]') $(events facts-changed)" = '["S1",[]] []'
tpm2_setclock $(($(clock) + 7200000))
attest later
check "control: with a clock above it the same copy is let in" let_in later
check "control: on the same counters" test "$at" = "$original"
check "then it shows by its machine" test "$(n .facts_changed) $(events facts-changed | jq -c '.[0] | [.before.serial, .after.serial]')" = \
        '["serial"] ["S1","S2"]'
check "node list marks it" grep -q 'r1n001.*facts changed: serial' <(m node list)

# ---- in turns -----------------------------------------------------------------------
node_facts 1
boots tpm turn1
check "the original, one boot ahead, is let in" let_in turn1
check "which is a change again" test "$(events facts-changed | jq -c 'length')" = 2
boots tpm turn2
check "and again, in the same machine" let_in turn2
check "which is none" test "$(events facts-changed | jq -c 'length')" = 2
behind=$at
node_facts 2
boots copy back
check "the copy's counters are behind now" test "${at%% *}" -lt "${behind%% *}"
check "counters that went back: refused" refused back M-RESETCOUNT
check "the reason names both counts" explained "The quote's reset counter is ${at%% *}, the last one seen was ${behind%% *}"
node_facts 1
boots tpm turn3
check "control: the original goes on" let_in turn3
ahead=$at

# ---- a copy with the machine's facts, too: it gets ahead, and the original is refused --------
before=$(events facts-changed | jq -c length)
m node approve r1n001 >"$tmp/accept" || not_ok "the admin accepts the machine" "$(cat "$tmp/accept")"
while
        tpm_off
        tpm_on "$tmp/copy"
        at=$(counters)
        [ "${at%% *}" -le "${ahead%% *}" ]
do :; done
attest ahead
check "a copy that is ahead, with the same facts, is let in" let_in ahead
check "and nothing is told of it" test "$(events facts-changed | jq -c length) $(n .facts_changed)" = "$before []"
boots tpm overtaken
check "then the original is refused" refused overtaken M-RESETCOUNT
check "its owner finds the node refused" test "$(n '[.state, .reason]')" = '["refused","M-RESETCOUNT"]'

# ---- TPM2_Clear -----------------------------------------------------------------------
check "so far no TPM was cleared" test "$(events tpm-cleared) $(n .tpm_cleared) $(m node list | grep -c 'TPM was cleared')" = '[] null 0'
tpm_off
tpm_on "$tmp/tpm"
tpm2_clear -c p >"$tmp/clear" 2>&1 || not_ok "the TPM is cleared" "$(cat "$tmp/clear")"
attest cleared
check "TPM2_Clear takes the counters back" test "${at%% *}" -lt "${ahead%% *}"
check "a cleared TPM proves itself again and is let in" let_in cleared
check "the journal tells it, with the counts before and after" test \
        "$(events tpm-cleared | jq -c '[.[] | [.reset_count_before > .reset_count, .reset_count, .restart_count, .from]]')" = \
        "[[true,${at%% *},$(awk '{print $2}' <<<"$at"),\"127.0.0.1\"]]"
check "a hook gets it" wait_for 10 grep -q '"event":"tpm-cleared","detail":{"reset_count_before":' "$tmp/hooked"
check "the log warns" grep -q 'r1n001 its TPM was cleared' "$p.log"
check "node list marks it" grep -q 'r1n001.*TPM was cleared' <(m node list)
check "node show has when" grep -q '^new attestation key: *2' <(m node show r1n001)
boots tpm cleared2
check "it boots again" let_in cleared2
check "the mark stays, without a new event" test "$(events tpm-cleared | jq length) $(m node list | grep -c 'TPM was cleared')" = '1 1'
check "the admin accepts it" m node approve r1n001
check "the mark is gone" test "$(n .tpm_cleared) $(m node list | grep -c 'TPM was cleared')" = 'null 0'

# ---- a copy from before that, with the AK of then and counters that are ahead -----------
boots copy old
check "a copy of the TPM of before has to prove itself anew: the journal's ok says so" test \
        "$rc $(events ok | jq -c '[.[-2, -1].ak_changed]')" = '0 [false,true]'
boots tpm new
check "the original is then told as one that was cleared: its AK is another and its counters are behind" test \
        "$rc $(events tpm-cleared | jq length) $(m node list | grep -c 'TPM was cleared')" = '0 2 1'
check "the journal verifies" m log verify
tpm_off
