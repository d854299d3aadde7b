#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Somebody on the bus between machine and TPM who swaps, drops, alters and
# replays: each is refused, or changes nothing.
# slow
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires python3 --version
bus_parent
python3 "$top/tests/integration/node-interposer.py" "$tmp/machine" || failed=$((failed + 1))
