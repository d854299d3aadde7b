#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# A firmware update over its life: refused, learnt, promoted; the firmware
# before it boots on until the next one is promoted.
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
run=$tmp/run
m() { "$bin/muster" "$@"; }
args=("$tmp" "$boot_file" "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no")
slots() { m policy show "$model" -o json | jq -c '[.current, .previous, .proposed | . != null]'; }
# power [updated|setting]: a reset, and what this firmware measures
power() {
        tpm_off
        "$tmp/evidence" log "${args[@]}" "$@" || exit 1
        tpm_on "$tmp/tpm"
}

# ---- the first node of a model gives the profile -------------------------------
tpm_on "$tmp/tpm"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
check "the node is approved" m node approve "$id" --name r1n001 --without-ek-certificate
wait "$pid"
check "and boots" test $? = 0
model=$(m policy show -o json | jq -r '.profiles[0].name')
check "its model has a profile" test -n "$model"
check "which is current, with none before it and none proposed" test "$(slots)" = '[true,false,false]'
check "policy show lists it" grep -qF "$model" <(m policy show)
check "policy show NAME shows its values" grep -qE '^current .*: ' <(m policy show "$model")
check_says 1 'has nothing proposed' "nothing is promoted that was not learnt" m policy promote "$model"
check "and it is said what to do first" grep -q 'nothing proposed.*policy learn' <(m policy promote "$model" 2>&1)

# ---- an update: refused, learnt, promoted --------------------------------------
power updated
out=$(node_boot "$tmp/updated" "$p/node.conf" 2>&1)
rc=$?
check "with another firmware the node is refused" test "$rc" = 7
check "because of it" grep -q M-FIRMWARE <<<"$out"
out=$(m policy learn r1n001)
check "the new firmware is learnt from what the node sent" grep -qF "muster policy promote '$model'" <<<"$out"
check "it is proposed, the old one is still current" test "$(slots)" = '[true,false,true]'
check_says 7 'M-FIRMWARE' "and still refused" node_boot "$tmp/updated" "$p/node.conf"
out=$(m policy promote "$model")
check "the proposed profile is promoted" grep -q 'is now current' <<<"$out"
check "the old one is now the one before it" test "$(slots)" = '[true,true,false]'
check_says 1 'has nothing proposed' "it is promoted once" m policy promote "$model"
check "the node boots with the new firmware" node_boot "$tmp/updated" "$p/node.conf"
power
check "and with the one before, so that an update needs no common hour" node_boot "$tmp/old" "$p/node.conf"

# ---- the firmware before the last is no longer accepted ----------------------------
power updated
check "the new firmware once more" node_boot "$tmp/updated2" "$p/node.conf"
check "the same is learnt again" m policy learn r1n001
check "and promoted in JSON" jq -e '.current == .previous and .proposed == null' <(m policy promote "$model" -o json)
power
out=$(node_boot "$tmp/old2" "$p/node.conf" 2>&1)
check "now the old firmware is refused" grep -q M-FIRMWARE <<<"$out"
check "it left no key" test ! -e "$tmp/old2/tls.key" -a -e "$tmp/old/tls.key"
events=$(m log -o json | jq -s -c '[.. | .event? // empty | select(startswith("profile-"))]')
check "the journal has each step" test "$events" = \
        '["profile-learned","profile-promoted","profile-learned","profile-promoted","profile-learned","profile-promoted"]'
check "and verifies" m log verify

# ---- firmware settings: recorded, or judged --------------------------------------
power setting
check "as pcr1 is recorded only, a changed firmware setting boots" node_boot "$tmp/setting" "$p/node.conf"
check "pcr1 is to be judged" m policy pcr1 profile
power setting
out=$(node_boot "$tmp/setting2" "$p/node.conf" 2>&1)
check "with pcr1 = profile a changed setting is refused" grep -q M-FIRMWARE <<<"$out"
check "and it left no key" test ! -e "$tmp/setting2/tls.key"
check "the journal names the event" grep -q 'PCR 1, event .* was not expected' <(m log --explain r1n001)
power updated
check "the setting put back boots" node_boot "$tmp/setting3" "$p/node.conf"
power setting
out=$(node_boot "$tmp/setting4" "$p/node.conf" 2>&1)
check "the changed setting is learnt" m policy learn r1n001
check "and promoted" m policy promote "$model"
power setting
check "then it boots" node_boot "$tmp/setting5" "$p/node.conf"
check "in the journal who chose it" jq -e '[.. | objects | select(.event == "policy-changed") | .detail | [.policy, .from, .to]] == [["pcr1","record","profile"]]' <(m log -o json)
m node add quiet --id "$(printf '%064d' 7)" --without-ek-certificate >/dev/null
check_says 1 'this node has not attested yet' "a node that never attested teaches nothing" m policy learn quiet
tpm_off
