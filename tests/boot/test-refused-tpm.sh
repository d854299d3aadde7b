#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Another TPM behind the same MAC, UUID and serial is not that node; a revoked node is refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

parent_new
parent_start || exit 1
node_new "$tmp/other"
node_start "$tmp/other"
check "another TPM behind the same MAC, UUID and serial waits as an unknown node" console "$tmp/other" 'waiting for approval'
check "the enrolled node is not touched by it" test "$(m node list -o json | jq '.nodes | length')" -eq 2
"$vnode" stop "$tmp/other"
check "muster node revoke is accepted" m node revoke n1
node_new "$tmp/node" "$fixture/node"
node_start "$tmp/node"
refused "$tmp/node" M-REVOKED
explained revoked
