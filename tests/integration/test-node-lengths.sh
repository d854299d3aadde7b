#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lengths in a TPM's answer that do not fit the answer: each is refused in
# words, before the library reads what they name.
# slow
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires python3 --version
bus_parent
python3 "$top/tests/integration/node-lengths.py" "$tmp/machine" || failed=$((failed + 1))
