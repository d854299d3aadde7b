#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A recorded attest on a new connection, an attest from the running system and
# an event log with one event removed are refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
parent_start || exit 1
known_hosts
line=$(m boot list -o json | jq -r '.boots[] | select(.name == "r1") | .cmdline')
check "the recording client is a boot entry" m boot add recorder "$fixture/recorder.efi" --default --cmdline "$line muster.test=save"
node_new "$d" "$fixture/node"
node_start "$d"
check "the node boots" console "$d" 'muster-node: .*: passed at'
check "ssh answers" ssh_up "$d"

# --- a recorded request, on a new connection ----------------------------------------
node_ssh "$d" cat /run/muster/attest-request >"$tmp/request"
check "a request was recorded" jq -e '.version == 2 and .node' <<<"$("$top/tests/message" head <"$tmp/request")"
curl -s --cacert "$tmp/etc/pki/ca.pem" --connect-to "10.0.2.2:$attest_port:127.0.0.1:$attest_port" --tlsv1.3 -H 'Content-Type: application/x-muster' \
        --data-binary "@$tmp/request" "https://10.0.2.2:$attest_port/v2/attest" >"$tmp/answer"
answer=$("$top/tests/message" head <"$tmp/answer")
check "a recorded request is refused on a new connection" jq -e '.verdict == "refused" and .code == "M-BINDING"' <<<"$answer"
check "the refusal tells the client a code and an incident only" jq -e 'keys - ["code", "incident", "retry_after", "verdict"] == []' <<<"$answer"

# --- an attest from the running system -------------------------------------------------
mkdir "$tmp/again"
cp "$bin/muster-node" "$tmp/etc/node.conf" "$tmp/etc/pki/ca.pem" "$tmp/etc/pki/policy.pem" "$tmp/again/"
sed -i 's#/etc/muster/#/tmp/again/#' "$tmp/again/node.conf"
tar -C "$tmp" -cf - again | node_ssh "$d" 'tar -C /tmp -xf -'
out=$(node_ssh "$d" '/tmp/again/muster-node boot --once --config /tmp/again/node.conf --run-dir /tmp/again/run --image-file /tmp/again/image 2>&1; echo "exit $?"')
if grep -q M-CAPPED <<<"$out" && ! grep -q 'exit 0' <<<"$out"; then
        ok "an attest from the running system is refused with M-CAPPED"
else
        not_ok "an attest from the running system is refused with M-CAPPED" "$out"
fi
explained 'PCR 15|running system'
"$vnode" stop "$d"

# --- an event log with one event removed ---------------------------------------------
check "the forging client is a boot entry" m boot add forger "$fixture/recorder.efi" --default --cmdline "$line muster.test=drop-event"
: >"$d/console.log"
node_start "$d"
refused "$d" M-EVENTLOG
explained 'event log'
