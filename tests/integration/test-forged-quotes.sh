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
requires command -v swtpm_setup
requires command -v swtpm_localca
requires curl --version
independent_parent

# events: the newest of the journal, as JSON
events() { curl -sS --max-time 20 --unix-socket "$p/admin.sock" "http://muster/v1/events?newest=1&limit=1000"; }

# --- the liar's own TPM, and the node's -------------------------------------------
tpm_on "$tmp/other"
other=$TPM2TOOLS_TCTI
tpm_on "$tmp/tpm"
first_boot r1n001 --without-ek-certificate

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

# --- approvals: what else than this boot they open is nothing ---------------------
# trials WHEN: each line of stale.py is a check
trials() {
        local line
        independent stale "$1" "$tmp/kept" >"$tmp/trials" 2>"$tmp/trials.err"
        [ -s "$tmp/trials" ] && [ ! -s "$tmp/trials.err" ] || not_ok "approvals are tried $1" "$(cat "$tmp/trials.err")"
        while read -r line; do
                case $line in
                "ok "*) ok "${line#ok }" ;;
                *) not_ok "${line#not ok }" ;;
                esac
        done <"$tmp/trials"
}
check "a verdict of this boot is kept" independent stale keep "$tmp/kept"
trials now
TPM2TOOLS_TCTI=$other trials elsewhere
trials locked
lies running-system
trials capped
tpm_off
# what the TPM is today, for later
cp -r "$tmp/tpm" "$tmp/rolled-back"
tpm_on "$tmp/tpm"
trials later
lies measured-but-not-logged
tpm_off

# --- locks, and a TPM that is set back ---------------------------------------------
tpm_on "$tmp/tpm"
check "a verdict of the next boot" independent stale keep "$tmp/kept"
check "the client locks the indices and caps" independent muster_client --out "$tmp/out" --cap
lies capped-before
tpm_off
tpm_on "$tmp/rolled-back"
lies tpm-rolled-back
tpm_off
tpm_on "$tmp/rolled-back"
# its counters are equal by now, its clock is not
check_says 1 'refused M-RESETCOUNT' "a count as high as the last seen, with a clock that is not, is refused" independent muster_client --out "$tmp/out"
check "and the journal tells of the clock" grep -qE "The TPM's clock in the quote is [0-9]+ ms, the last one seen in this boot was [0-9]+" <(events | jq -r '.events[].explain[]?')
tpm_off
tpm_on "$tmp/tpm"
check "the TPM that was not set back boots on" independent muster_client --out "$tmp/out"
check "and again in the same boot: a retry" independent muster_client --out "$tmp/out"
tpm_off

# --- a node that is enrolled with its maker's certificate ---------------------------
tpm_on "$tmp/made/tpm"
first_boot r1n002
lies certificate-of-another-ek certificate-of-own-ca
tpm_off
musterd_says=$(grep -c Sanitizer "$p.log")
check "no sanitizer complained" test "$musterd_says" = 0
