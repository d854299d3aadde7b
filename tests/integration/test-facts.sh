#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# One TPM in two machines: a change of serial, UUID or MACs is told, marked
# until it is accepted, or quarantines the node; and nothing of that without one.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
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
# boots NAME: a power cycle of the TPM in the machine of node_facts, which boots
boots() {
        tpm_off
        tpm_on "$tmp/tpm"
        node_boot "$tmp/run.$1" "$p/node.conf" >"$tmp/boot.$1" 2>&1
        rc=$?
}

# ---- the first machine -----------------------------------------------------------
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
check "its address is known" test "$(n .address)" = '"127.0.0.1"'
check "the ok in the journal has it too" test "$(events ok | jq -c '[.[].from]')" = '["127.0.0.1"]'
boots again
check "the same machine boots again" test "$rc" = 0
check "and nothing changed by that" test "$(n '[.facts_changed, .facts_before]')" = '[[],null]'
check "nothing is in the journal" test "$(events facts-changed)" = '[]'

# ---- another machine with its TPM: warn, the default ------------------------------
node_facts 2
echo 52:54:00:12:34:99 >"$tmp/facts.2/class/net/eth0/address"
check "policy facts is warn by default" test "$(m policy facts)" = warn
boots other
check "the other machine boots as the node" test "$rc" = 0
check "node show says what changed" test "$(n '[.facts_changed, .facts_before.serial, .facts.serial]')" = '[["serial","macs"],"S1","S2"]'
check "for people, both values" grep -q '^fact before serial: *S1' <(m node show r1n001)
check "node list marks it" grep -q 'facts changed: serial, macs' <(m node list)
check "the journal has both, and from where" test "$(events facts-changed | jq -c '.[0] | [.changed, .before.serial, .after.serial, .before.macs, .after.macs, .from]')" = \
        '[["serial","macs"],"S1","S2",["52:54:00:12:34:56"],["52:54:00:12:34:99"],"127.0.0.1"]'
check "the log warns" grep -q 'r1n001 its machine is another one, or was changed: serial, macs, from=127.0.0.1' "$p.log"
check "a hook gets it" wait_for 10 grep -q '"event":"facts-changed","detail":{"changed":\["serial","macs"\],"before":{"serial":"S1"' "$tmp/hooked"
boots other2
check "the other machine boots again" test "$rc" = 0
check "the mark stays, without a new event" test "$(n .facts_changed) $(events facts-changed | jq length)" = '["serial","macs"] 1'
node_facts 1
boots back
check "then the first machine, whose TPM it was" test "$rc" = 0
check "which is a change again" test "$(n '[.facts_before.serial, .facts.serial]') $(events facts-changed | jq length)" = '["S2","S1"] 2'
saw=$(n .evidence.digest | tr -d '"')
node_facts 3
boots between
check "a third machine boots meanwhile" test "$(n .facts.serial)" = '"S3"'
check_exit 1 "a change that came after the look is not accepted" m node approve r1n001 --evidence "$saw"
check "and stays marked" test "$(n .facts_changed)" = '["serial"]'
check "what is there now is" m node approve r1n001 --evidence "$(n .evidence.digest | tr -d '"')"
node_facts 2
echo 52:54:00:12:34:99 >"$tmp/facts.2/class/net/eth0/address"
boots two
node_facts 1
boots one
check "the admin accepts it" m node approve r1n001
check "the mark is gone" test "$(n '[.facts_changed, .facts_before, .state]')" = '[[],null,"released"]'
check "node list has none" test "$(m node list | grep -c 'facts changed')" = 0
check "the journal says what was accepted" test "$(events approved | jq -c '.[-1].facts_accepted_after.serial')" = '"S2"'

# ---- the order of cards does not count, one more does ---------------------------------
mkdir -p "$tmp/facts.1/class/net/aaa"
echo 52:54:00:12:34:01 >"$tmp/facts.1/class/net/aaa/address"
boots card
check "with one more card it boots" test "$rc" = 0
check "which is a change" test "$(n .facts_changed)" = '["macs"]'
check "accepted" m node approve r1n001
mv "$tmp/facts.1/class/net/aaa" "$tmp/facts.1/class/net/zzz"
boots order
check "with the cards in another order it boots" test "$rc" = 0
check "which is none" test "$(n .facts_changed)" = '[]'

# ---- record ------------------------------------------------------------------------------
check "facts are only to be recorded" m policy facts record
node_facts 2
boots record
check "another machine boots" test "$rc" = 0
check "it is in the journal" test "$(events facts-changed | jq -c '.[-1] | [.before.serial, .after.serial]')" = '["S1","S2"]'
check "the node has no mark" test "$(n '[.facts_changed, .facts.serial]')" = '[[],"S2"]'

# ---- quarantine ---------------------------------------------------------------------------
check "a change is to quarantine" m policy facts quarantine
boots same
check "the same machine boots" test "$rc" = 0
node_facts 1
boots stolen
check "another machine with its TPM is refused" grep -q M-QUARANTINED "$tmp/boot.stolen"
check "it left no key" test ! -e "$tmp/run.stolen/tls.key"
check "the node is quarantined" test "$(n '[.state, .reason, .facts_changed]')" = '["quarantined","M-QUARANTINED",["serial","macs"]]'
check "the refusal says why" grep -q 'serial number, UUID or MAC addresses are not those that it had' <(m log --explain r1n001)
check "a hook gets the quarantine" wait_for 10 grep -q '"to":"quarantined","code":"M-QUARANTINED"' "$tmp/hooked"
node_facts 2
boots former
check "so is the machine it was, until an admin looked" grep -q M-QUARANTINED "$tmp/boot.former"
node_facts 1
check "the admin accepts the new machine" m node approve r1n001
boots accepted
check "then it boots" test "$rc" = 0
check "and has no mark" test "$(n '[.state, .facts_changed]')" = '["released",[]]'

# ---- facts count of an approved boot only: any other client may lie -----------------------
count() { events facts-changed | jq length; }
before="$(count) $(n .facts.serial)"
cp "$tmp/extends" "$tmp/extends.good"
cp "$tmp/eventlog.bin" "$tmp/eventlog.good"
"$tmp/evidence" log "$tmp" "$boot_file" "root=muster rd.break"
node_facts 2
boots rogue
check "another command line is refused for what it is" grep -q M-CMDLINE "$tmp/boot.rogue"
check "the node is refused and not quarantined by it" test "$(n '[.state, .reason]')" = '["refused","M-CMDLINE"]'
check "the facts that came with it are not taken" test "$(count) $(n .facts.serial)" = "$before"
cp "$tmp/extends.good" "$tmp/extends"
cp "$tmp/eventlog.good" "$tmp/eventlog.bin"
node_facts 1
boots honest
check "then it boots again without an admin" test "$rc" = 0
node_facts 2
boots approved
check "the same facts in an approved boot do quarantine" test "$(n '[.state, .reason, .facts_changed]')" = '["quarantined","M-QUARANTINED",["serial","macs"]]'
check "the journal verifies" m log verify
tpm_off

# ---- another TPM with the node's MAC -----------------------------------------------------
# whose: for whom the script is that this MAC gets
mac=$(cat "$tmp/facts.1/class/net/eth0/address")
whose() { curl -sS "$public/ipxe?mac=$mac&uuid=$1" | grep -o 'r1n00[12]\|unknown' | head -n1; }
public=$(sed -n 's/^public-url = //p' "$p/etc/musterd.conf")
uuid=$(m node show r1n001 -o json | jq -r '(.nodes[0] // .).facts.uuid')
m policy facts warn >/dev/null
m node approve r1n001 >/dev/null
tpm_on "$tmp/tpm"
node_facts 1
boots mine
tpm_off
check "the node has its own machine again" test "$rc $(whose "$uuid")" = "0 r1n001"
tpm_on "$tmp/tpm.2"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/run.2" --image-file "$tmp/image" --cap >"$tmp/second.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/second.log"
id2=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/second.log" | head -n1)
check "control: while it is pending nothing is said of its MAC" test "$(events mac-shared)" = '[]'
check "the second TPM is approved" m node approve "$id2" --name r1n002 --without-ek-certificate
wait "$pid"
check "and boots" test $? = 0
check "that it has another node's MAC is in the journal" test "$(events mac-shared | jq -r --arg m "$mac" '.[0].macs[] | select(.mac == $m) | .name')" = r1n001
check "the log warns" grep -q 'r1n002 has a MAC address that another enrolled node has, which keeps it' "$p.log"
check "a hook gets it" wait_for 10 grep -q '"event":"mac-shared"' "$tmp/hooked"
check "the script for that MAC stays the older owner's" test "$(whose "$uuid")" = r1n001
check "when the older one is removed it is the other's" test "$(m node remove r1n001 >/dev/null; whose "$uuid")" = r1n002
tpm_off
