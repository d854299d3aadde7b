#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bus between machine and TPM: what is recorded there holds no secret,
# and who answers there in the TPM's place gets no session.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires command -v xxd
node_files
p=$tmp/parent
parent_init "$p"
parent_start "$p"
parent_content "$p"
node_facts 1
run=$tmp/run

# bus LOG [swap]: puts the proxy between the client and the TPM that is on
bus() {
        local try port
        for try in 1 2 3 4 5; do
                port=$(free_port)
                python3 "$top/tests/integration/node-tpm-proxy.py" "$port" "$tpm_port" "$@" >/dev/null 2>"$tmp/proxy.err" &
                bus_pid=$!
                cleanup_pid "$bus_pid"
                MUSTER_TCTI=swtpm:host=127.0.0.1,port=$port
                wait_for 5 bash -c ": </dev/tcp/127.0.0.1/$((port + 1))" && kill -0 "$bus_pid" && break
                echo "# proxy, try $try: $(cat "$tmp/proxy.err")"
        done
}
bus_off() { kill "$bus_pid" && wait "$bus_pid" 2>/dev/null; }
on_bus() { xxd -p -c0 "$tmp/bus" | grep -q "$1"; }
no_secret() { # WHEN
        local seed scalar
        # the seed stands before the public key in the private section
        seed=$(sed '/^-/d' "$run/ssh_host_ed25519_key" | base64 -d | xxd -p -c0 | sed -n 's/.*00000040\([0-9a-f]\{64\}\).*/\1/p')
        scalar=$(openssl pkey -in "$run/tls.key" -text -noout | sed -n '/^priv:/,/^pub:/p' | grep '^ ' | tr -d ' :\n')
        check "the recording holds the policy's reference, so it is one ($1)" on_bus "$(printf 'muster nv v1' | xxd -p)"
        check "both keys are known ($1)" test "${#seed}:${#scalar}" = 64:64
        check_exit 1 "the SSH key does not cross the bus ($1)" on_bus "$seed"
        check_exit 1 "the TLS key does not cross the bus ($1)" on_bus "$scalar"
        check_exit 1 "nor does what marks them in NV ($1)" on_bus "$(printf 'MUSTERNV' | xxd -p)"
}

tpm_on "$tmp/tpm"
id=$("$bin/muster-node-test" enroll | jq -r .id)
bus "$tmp/bus"
timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
"$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate >/dev/null
if wait "$pid"; then ok "the first boot passes with a recorder on the bus"; else not_ok "the first boot passes with a recorder on the bus" "$(cat "$tmp/first.log")"; fi
no_secret "first boot, bundle"
bus_off
tpm_off

: >"$tmp/bus"
tpm_on "$tmp/tpm"
bus "$tmp/bus"
check "a steady boot passes with a recorder on the bus" node_boot "$run" "$p/node.conf"
no_secret "steady boot, NV"
bus_off
tpm_off

# Another EK in the TPM's answer: the node then has that EK's id. Never may it
# show the enrolled id with its sessions salted to the other key.
tpm_on "$tmp/tpm"
bus "$tmp/bus" swap
rm -f "$run"/*
out=$(node_boot "$run" "$p/node.conf" 2>&1)
rc=$?
if [ "$rc" != 0 ] && grep -q 'node=[0-9a-f]\{16\} ' <<<"$out" && ! grep -q "node=${id:0:16}" <<<"$out"; then
        ok "an EK put in on the bus is not taken for the enrolled one"
else
        not_ok "an EK put in on the bus is not taken for the enrolled one" "exit $rc: $out"
fi
check "and no key comes out" test ! -e "$run/tls.key"
bus_off
tpm_off
