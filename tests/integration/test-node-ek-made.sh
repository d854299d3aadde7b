#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which EK a node takes from an odd TPM: see node-ek-made.py.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
requires swtpm --version
requires tpm2_nvdefine --version
[ -x "$bin/muster-node-test" ] || { echo "# needs: make tools"; exit 77; }
node_facts 1
mkdir -p "$tmp/machine"
export MUSTER_BIN=$bin EXTENDS=/dev/null PYTHONPATH=$top/tests/integration PYTHONDONTWRITEBYTECODE=1
python3 "$top/tests/integration/node-ek-made.py" "$tmp/machine" || failed=$((failed + 1))
