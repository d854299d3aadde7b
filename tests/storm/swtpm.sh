# SPDX-License-Identifier: Apache-2.0
# Sourced after lib.sh and the integration tests' node-lib.sh: nodes among the
# simulator's that are muster-node on a swtpm each, of the first model.
# shellcheck shell=bash disable=SC2034,SC2154

swtpm_can() { [ -x "$bin/muster-node-test" ] && command -v swtpm tpm2_pcrextend >/dev/null; }

# swtpm_enrol K: sw1 to swK, by an administrator who approves them
swtpm_enrol() {
        local i id pid
        "$storm" evidence "$tmp" || return 1
        openssl pkey -in "$tmp/pki/policy.key" -pubout -out "$tmp/pki/policy.pem" 2>/dev/null
        printf '%s\n' '[muster]' "parents = https://127.0.0.1:$attest_port" "ca = $tmp/pki/ca.pem" "policy-key = $tmp/pki/policy.pem" \
                "not-before = 1000000000" >"$tmp/node.conf"
        : >"$tmp/swtpm.ids"
        for ((i = 1; i <= $1; i++)); do
                tpm_on "$tmp/sw$i"
                (swtpm_boot "$i") >"$tmp/sw$i.first" 2>&1 &
                pid=$!
                cleanup_pid "$pid"
                wait_for 30 grep -q 'muster node approve' "$tmp/sw$i.first" || { tail -n 3 "$tmp/sw$i.first"; return 1; }
                id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/sw$i.first" | head -n 1)
                kill "$pid"
                wait "$pid" 2>/dev/null
                m node approve "$id" --name "sw$i" --without-ek-certificate >/dev/null || return 1
                echo "$id" >>"$tmp/swtpm.ids"
                tpm_off
        done
}

# swtpm_on K: all of them are powered on and have measured their boot
swtpm_on() {
        local i
        swtpm_tctis=()
        swtpm_pids=()
        for ((i = 1; i <= $1; i++)); do
                tpm_on "$tmp/sw$i" || return 1
                swtpm_tctis[i]=$MUSTER_TCTI
                swtpm_pids[i]=$node_tpm_pid
        done
}
swtpm_off() {
        kill "${swtpm_pids[@]}" && wait "${swtpm_pids[@]}" 2>/dev/null
        true
}

# swtpm_boot I [OPTION]: what it gets when it is released is no image
swtpm_boot() {
        node_facts 1
        MUSTER_TCTI=${swtpm_tctis[$1]:-$MUSTER_TCTI} exec timeout "${LIMIT:-600}" "$bin/muster-node-test" boot --config "$tmp/node.conf" \
                --run-dir "$tmp/sw$1.run" --image-file "$tmp/sw$1.image" --cap "${@:2}"
}

# swtpm_all K: all at once, until each is released
swtpm_all() {
        local i pids=()
        for ((i = 1; i <= $1; i++)); do
                (for ((try = 0; try < 30; try++)); do
                        (swtpm_boot "$i" --once) >"$tmp/sw$i.log" 2>&1 || grep -q E-IMAGE "$tmp/sw$i.log" && break
                        sleep 1
                done) &
                pids+=($!)
        done
        wait "${pids[@]}"
}

# swtpm_released JOURNAL: how many of them are in it, and how often at most
swtpm_released() { awk 'NR == FNR { sw[$1]; next } $1 in sw { n[$1]++ } END { for (i in n) { k++; if (n[i] > most) most = n[i] } print k + 0, most + 0 }' "$tmp/swtpm.ids" "$1"; }
