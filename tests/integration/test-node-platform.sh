#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# muster-node check-platform: what the kernel offers of sleep, and the TPM's counters.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires

export MUSTER_POWER=$tmp/power
mkdir "$MUSTER_POWER"
# power STATE MEM_SLEEP DISK: as the kernel's files say it
power() {
        echo "$1" >"$MUSTER_POWER/state"
        echo "$2" >"$MUSTER_POWER/mem_sleep"
        echo "$3" >"$MUSTER_POWER/disk"
}
platform() { "$bin/muster-node-test" check-platform >"$tmp/said"; }
tpm_on "$tmp/tpm" unmeasured
power "freeze mem" "[s2idle]" "[disabled]"
check_exit 0 "a machine that only idles keeps its TPM powered" platform
check "it says so" jq -e '.suspend_to_idle and (.suspend_to_ram or .hibernation | not)' "$tmp/said"
check "the counters are the TPM's" test "$(jq .tpm.reset_count "$tmp/said")" = "$(tpm2_readclock | sed -n 's/^ *reset_count: *//p')"
power "freeze mem" "s2idle [deep]" "[disabled]"
check_exit 12 "suspend to RAM is told" platform
rm "$MUSTER_POWER/mem_sleep"
check_exit 12 "where the kernel has no choice of forms, mem is suspend to RAM" platform
power freeze "" "[disabled]"
rm "$MUSTER_POWER/mem_sleep"
check_exit 0 "control: and without mem there is none" platform
rm "$MUSTER_POWER/state"
check_says 13 'state cannot be read' "what cannot be read is not taken for a machine that never sleeps" platform
power "freeze mem disk" "[s2idle]" "[platform] shutdown reboot"
check_exit 12 "hibernation is told" platform
check "as hibernation" jq -e '.hibernation and (.suspend_to_ram | not)' "$tmp/said"
before=$(jq .tpm.reset_count "$tmp/said")
tpm_off
tpm_on "$tmp/tpm" unmeasured
platform
check "a TPM that started over has a higher resetCount" test "$(jq .tpm.reset_count "$tmp/said")" -gt "$before"

# ---- --suspend: the machine is this test, which does with the TPM what kernel and firmware would -----------
requires swtpm_ioctl --version
export MUSTER_RTC=$tmp/rtc MUSTER_SLEPT=$tmp/slept
mkdir "$MUSTER_RTC"
said() { jq -r ".suspended.$1" "$tmp/said"; }
# ready: a machine with S3, and a clock without an alarm
ready() {
        power "freeze mem" "[s2idle] deep" "[disabled]"
        : >"$MUSTER_RTC/wakealarm"
        echo 0 >"$MUSTER_SLEPT"
}
# asleep CMD…: the machine falls asleep, CMD happens to its TPM, it wakes up after four seconds
asleep() {
        local pid rc
        MUSTER_TEST_STOP=asleep "$bin/muster-node-test" check-platform --suspend >"$tmp/said" 2>"$tmp/err" &
        pid=$!
        wait_for 20 grep -q '^State:.T' "/proc/$pid/status" || { cat "$tmp/err"; return 1; }
        tail -n +1 "$MUSTER_POWER/state" "$MUSTER_POWER/mem_sleep" "$MUSTER_RTC/wakealarm" >"$tmp/set"
        "$@" >"$tmp/machine" 2>&1 || cat "$tmp/machine"
        echo 4000 >"$MUSTER_SLEPT"
        kill -CONT "$pid"
        wait "$pid"
        rc=$?
        cat "$tmp/err"
        return "$rc"
}
power_cycle() { swtpm_ioctl --tcp "127.0.0.1:$((tpm_port + 1))" -i; }
resume() { tpm2_shutdown && power_cycle && tpm2_startup; }
restart() { tpm2_shutdown && power_cycle && tpm2_startup -c; }
reset() { power_cycle && tpm2_startup -c; }
cleared() { tpm2_clear -c p; }
nothing_set() { [ "$(cat "$MUSTER_POWER/state")" = "freeze mem" ] && [ ! -s "$MUSTER_RTC/wakealarm" ]; }
try() { "$bin/muster-node-test" check-platform --suspend >"$tmp/said"; }

ready
check_says 13 'no PCR of this TPM has been extended' "without a measured boot nothing is tried" try
check "and nothing was set" nothing_set
tpm2_pcrextend "0:sha256=$(printf '%064d' 1)" "15:sha256=$(printf '%064d' 2)"
ready
power "freeze mem" "[s2idle]" "[disabled]"
check_says 0 'does not offer it, so nothing was tried' "a machine without S3 is told to be one" try
check "as JSON, too" test "$(said result)" = absent
check "and nothing was set for it" nothing_set
ready
rm "$MUSTER_RTC/wakealarm"
check_says 13 'so nothing would wake this machine up' "without an alarm the machine is not put to sleep" try
: >"$MUSTER_RTC/wakealarm"
check "control: nothing was set without an alarm" nothing_set
ready
echo 1790000000 >"$MUSTER_RTC/wakealarm"
check_says 13 'an alarm of somebody else' "an alarm of somebody else is left alone" try
check "it is as it was" test "$(cat "$MUSTER_RTC/wakealarm")" = 1790000000
ready
rm "$MUSTER_POWER/state"
check_exit 13 "a kernel without a state file is not asked to sleep" try
check "and it is not made" test ! -e "$MUSTER_POWER/state"

ready
check_says 12 'TPM Resume: PCRs were kept' "a TPM that resumes is told from one that restarts" asleep resume
check "with resetCount as it was and restartCount one higher" \
        jq -e '.suspended.result == "resume" and .suspended.pcrs_kept and .tpm.reset_count == .suspended.before.reset_count and
                .tpm.restart_count == .suspended.before.restart_count + 1 and .suspended.slept_ms == 4000' "$tmp/said"
check "the machine was put to sleep, to RAM, with an alarm set" sh -c "grep -qx mem '$tmp/set' && grep -q '^deep' '$tmp/set' && grep -q '^+20' '$tmp/set'"
check "afterwards the kernel's choice is what it was" grep -qx s2idle "$MUSTER_POWER/mem_sleep"
check "and no alarm is left" grep -qx 0 "$MUSTER_RTC/wakealarm"
ready
check_says 12 'TPM Restart: PCRs and read locks are gone' "a TPM that restarts has lost its PCRs" asleep restart
check "with resetCount as it was" jq -e '.suspended.result == "restart" and (.suspended.pcrs_kept | not) and
        .tpm.reset_count == .suspended.before.reset_count and .tpm.restart_count > .suspended.before.restart_count' "$tmp/said"
tpm2_pcrextend "0:sha256=$(printf '%064d' 1)"
ready
check_says 12 'TPM Reset: PCRs and read locks are gone' "a TPM that is reset is told by its resetCount" asleep reset
check "which is higher" jq -e '.suspended.result == "reset" and .tpm.reset_count > .suspended.before.reset_count' "$tmp/said"
tpm2_pcrextend "0:sha256=$(printf '%064d' 1)"
ready
check_says 0 'the TPM kept its power' "a TPM that keeps its power is no danger" asleep true
check "as JSON, as powered" test "$(said result)" = powered
ready
power "freeze mem disk" "[s2idle] deep" "[platform] shutdown reboot"
check_says 12 'without power \(to disk\)' "but a machine that hibernates is told, with such a TPM too" asleep true
ready
check_says 13 'the machine did not sleep' "a machine that did not sleep shows nothing" try
ready
check_says 13 'a counter of the TPM went back' "nor does one whose TPM was cleared meanwhile" asleep cleared
check_exit 2 "--output is json" "$bin/muster-node-test" check-platform -o yaml
ready
check "control: -o json" jq -e .tpm <("$bin/muster-node-test" check-platform -o json 2>/dev/null)
tpm_off
check_exit 4 "without a TPM it says so" platform
check_exit 4 "and does not suspend either" try
check "nothing was set without one" nothing_set
