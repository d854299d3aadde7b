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
power "freeze mem disk" "[s2idle]" "[platform] shutdown reboot"
check_exit 12 "hibernation is told" platform
check "as hibernation" jq -e '.hibernation and (.suspend_to_ram | not)' "$tmp/said"
before=$(jq .tpm.reset_count "$tmp/said")
tpm_off
tpm_on "$tmp/tpm" unmeasured
platform
check "a TPM that started over has a higher resetCount" test "$(jq .tpm.reset_count "$tmp/said")" -gt "$before"
tpm_off
check_exit 4 "without a TPM it says so" platform
