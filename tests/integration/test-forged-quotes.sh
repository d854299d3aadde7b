#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: many attestations and several boots of two software TPMs
# Lies told with a real TPM (swtpm): each is refused by musterd with its own
# code and a reason in the journal, right after the truth was accepted.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/independent-lib.sh"
node_requires
independent_requires
requires curl --version
node_files
p=$tmp/parent
parent_init "$p"
parent_start "$p"
parent_content "$p"
independent_args "$p"

# events: the newest of the journal, as JSON
events() { curl -sS --max-time 20 --unix-socket "$p/admin.sock" "http://muster/v1/events?newest=1&limit=1000"; }

# --- the liar's own TPM, and the node's -------------------------------------------
tpm_on "$tmp/other"
other=$TPM2TOOLS_TCTI
tpm_on "$tmp/tpm"
independent muster_client --out "$tmp/out" >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q '^node ' "$tmp/first.log"
id=$(sed -n 's/^node //p' "$tmp/first.log" | head -n1)
wait_for 20 "$bin/muster" node show "$id"
check "the node is approved" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
if wait "$pid"; then ok "it boots with the truth"; else not_ok "it boots with the truth" "$(cat "$tmp/first.log" "$p.log")"; fi

# lies [NAME…]: each refused with its code, for its reason, the truth before it accepted
lies() {
        local name control want got incident reason why
        independent forge --other-tcti "$other" "$@" >"$tmp/lies" 2>"$tmp/lies.err"
        events >"$tmp/events"
        [ -s "$tmp/lies" ] && [ ! -s "$tmp/lies.err" ] || not_ok "forge runs" "$(cat "$tmp/lies.err")"
        while IFS=$'\t' read -r name control want got incident reason; do
                why=$(jq -r --arg i "$incident" '.events[] | select(.incident == $i) | "\(.code) \(.explain | join(" / "))"' "$tmp/events")
                if [ "$control" = ok ] && [ "$got" = "$want" ] && [[ $why == "$want "*"$reason"* ]]; then
                        ok "$name: $want"
                else
                        not_ok "$name: $want" "truth: $control, lie: $got, journal: $why, wanted there: $reason"
                fi
        done <"$tmp/lies"
}
lies
