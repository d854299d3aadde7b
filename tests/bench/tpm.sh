#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/bench/tpm.sh [BUILDDIR [TIMES RESULTS]]: TPM commands of a first and a steady boot and
# what they would take on a slow TPM (tests/bench/tpm-times), as tables;
# BUILDDIR/bench/tpm.json holds them in order. No clock is read. A figure over
# its target fails nothing, a command without a time does (exit 1).
# shellcheck disable=SC1091,SC2154
MUSTER_BIN=$(cd "${1:-build}" && pwd) || exit 1
export MUSTER_BIN
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../integration/node-lib.sh"
node_requires
times=${2:-$top/tests/bench/tpm-times} results=${3:-$bin/bench/tpm.json}
mkdir -p "$(dirname "$results")"
bus_parent >"$tmp/parent.log" 2>&1 || exit 1
python3 "$top/tests/bench/tpm.py" "$times" "$tmp/machine" "$results" || exit 1
