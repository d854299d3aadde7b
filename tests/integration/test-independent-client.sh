#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: two parents and several boots of a software TPM
# A client in Python, written from PROTOCOL.md alone and sharing no code with
# Muster, boots against the real musterd: the protocol is what the file says.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/independent-lib.sh"
node_requires
independent_requires
requires command -v ssh-keygen
requires command -v unsquashfs
node_files
p=$tmp/parent
parent_init "$p"
parent_start "$p"
parent_content "$p"
independent_args "$p"

# --- first boot ---------------------------------------------------------------
tpm_on "$tmp/tpm"
out=$tmp/first
independent muster_client --out "$out" --cap >"$tmp/first.json" 2>"$tmp/first.err" &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q '^node [0-9a-f]\{64\}$' "$tmp/first.err"
id=$(sed -n 's/^node //p' "$tmp/first.err" | head -n1)
check "an unknown node answers the challenge and is pending, under the id that it shows" wait_for 20 "$bin/muster" node show "$id"
check "the admin approves it" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
if wait "$pid"; then ok "it boots on without a restart"; else not_ok "it boots on without a restart" "$(cat "$tmp/first.err" "$p.log")"; fi
echo "# $(cat "$tmp/first.json")"
