#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# What a boot costs a slow TPM, as modelled: make bench-tpm. No clock is read.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires jq --version

times=$top/tests/bench/tpm-times
bench() { "$top/tests/bench/tpm.sh" "$bin" "$1" "$tmp/tpm.json" 2>&1 | tee "$tmp/said"; return "${PIPESTATUS[0]}"; }

check "the commands of two boots are counted and have times" bench "$times"
for what in first.seconds steady.seconds steady.commands steady.asymmetric; do
        check "within its target: $what is $(jq ".$what" "$tmp/tpm.json")" jq -e ".$what > 0 and .$what <= .targets.$what" "$tmp/tpm.json"
done
check "no boot makes an RSA key" jq -e '.first.by_name["CreatePrimary-ECC"] == 2 and (.first.by_name | has("CreatePrimary-RSA") | not)' "$tmp/tpm.json"
grep -v '^Quote ' "$times" >"$tmp/without"
rm "$tmp/tpm.json"
check_exit 1 "a command without a time is an error, not nothing" bench "$tmp/without"
check "which says the command" grep -q "^bench-tpm: Quote is sent, and there is no time for it" "$tmp/said"
check "and leaves no figures" test ! -e "$tmp/tpm.json"
sed 's/^\(Quote  *200 asymmetric\) published:/\1/' "$times" >"$tmp/unsourced"
check_exit 1 "a figure that does not say where it is from is an error" bench "$tmp/unsourced"
check "which shows the line" grep -q "wrong line: Quote" "$tmp/said"
