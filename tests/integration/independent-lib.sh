#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after node-lib.sh: the Python client of tests/independent. It runs
# under the distribution's own Python, which is the one that has tpm2-pytss.
# shellcheck shell=bash disable=SC2154
python=/usr/bin/python3
# -B: no __pycache__ in the tree; the TSS's own messages on refusals that are wanted would only distract
export PYTHONDONTWRITEBYTECODE=1 TSS2_LOG=all+NONE

independent_requires() { requires "$python" -c 'import tpm2_pytss, cryptography'; }

facts='{"vendor":"Fixture Inc.","product":"Node 1","serial":"S1","uuid":"","firmware":"1.0","macs":["52:54:00:12:34:56"],"client":"independent 1","tpm":"IBM"}'

# independent_args PARENTDIR: sets args for muster_client.py and forge.py
independent_args() {
        args=(--parent "https://127.0.0.1:$(cat "$1/attest-port")" --ca "$1/etc/pki/ca.pem" --policy-key "$1/etc/pki/policy.pem"
                --eventlog "$tmp/eventlog.bin" --facts "$facts")
}

# independent_parent: $p, a parent that trusts the maker of a certified TPM in $tmp/made
independent_parent() {
        node_files
        p=$tmp/parent
        parent_init "$p"
        certified_tpm "$tmp/made" || exit 1
        cp "$tmp/made/ek-ca/"*.pem "$p/etc/ek-ca/"
        parent_start "$p"
        parent_content "$p"
        independent_args "$p"
}

# independent PROGRAM ARGS…: against the parent of the last independent_args, with the TPM that is on
independent() {
        local program=$1
        shift
        timeout 120 "$python" "$top/tests/independent/$program.py" --tcti "$TPM2TOOLS_TCTI" "${args[@]}" "$@"
}

# first_boot NAME [MUSTER-OPTION…]: an unknown node boots, approved as NAME once it is pending; its report is $tmp/NAME.json
first_boot() {
        local name=$1 pid
        shift
        mkdir -p "$tmp/$name"
        # not to see what an earlier one of this name said
        rm -f "$tmp/$name.err"
        independent muster_client --out "$tmp/$name" >"$tmp/$name.json" 2>"$tmp/$name.err" &
        pid=$!
        cleanup_pid "$pid"
        wait_for 20 grep -q '^node [0-9a-f]\{64\}$' "$tmp/$name.err"
        id=$(sed -n 's/^node //p' "$tmp/$name.err" | head -n1)
        check "$name: unknown, it answers the challenge and is pending" wait_for 20 "$bin/muster" node show "$id"
        check "$name: the admin approves it" "$bin/muster" node approve "$id" --name "$name" "$@"
        if wait "$pid"; then ok "$name: it boots on"; else not_ok "$name: it boots on" "$(cat "$tmp/$name.err" "$p.log")"; fi
}

# certified_tpm DIR: a TPM in DIR/tpm with EK certificates of a maker whose CA is in DIR/ek-ca
certified_tpm() {
        (
                . "$top/qemu-harness/proc.sh"
                . "$top/qemu-harness/tpm.sh"
                vnode_die() {
                        echo "$*"
                        exit 1
                }
                mkdir -p "$1" && cd "$1" && tpm_create "$tmp/ca"
        )
}
