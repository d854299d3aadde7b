#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TPMs that are small, full, busy, slow, locked out, failing, cleared or used
# by others: the node boots or is refused clearly, and leaves nothing behind.
# slow
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires python3 --version
bus_parent
# TPM2_PolicySecret(TPM_RH_ENDORSEMENT), as the TCG's EK templates have it
mkdir -p "$tmp/machine"
printf '\x83\x71\x97\x67\x44\x84\xb3\xf8\x1a\x90\xcc\x8d\x46\xa5\xd7\x24\xfd\x52\xd7\x6e\x06\x52\x0b\x64\xf2\xa1\xda\x1b\x33\x14\x69\xaa' \
        >"$tmp/machine/ek.policy"
python3 "$top/tests/integration/node-limits.py" "$tmp/machine" || failed=$((failed + 1))
