#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# After a release no secret of a node is left in the memory of musterd's
# processes or of the client, wherever it passed: searched for in all that
# is mapped, as bytes, hex and base64.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires jq --version
[ "$(id -u)" = 0 ] || { echo "# needs: root"; exit 77; }
search=$top/tests/integration/memsearch.py
node_files
p=$tmp/parent
parent_init "$p"
mkdir -p "$p/etc/hooks.d"
grep -q '^hooks-dir' "$p/etc/musterd.conf" || echo "hooks-dir = $p/etc/hooks.d" >>"$p/etc/musterd.conf"
parent_start "$p"
parent_content "$p"
node_facts 1
run=$tmp/run

# node_start: the client in the background, to stop at `keys` and at `end`
node_start() {
        rm -f "$tmp/secrets"
        MUSTER_TEST_SECRETS=$tmp/secrets MUSTER_TEST_STOP="keys end" "$bin/muster-node-test" boot \
                --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" --cap >"$tmp/node.log" 2>&1 &
        node_pid=$!
        cleanup_fn kill -KILL "$node_pid" "2>/dev/null"
}
# stopped, or gone
stopped() { ! grep -q '^State:.[^TZ]' "/proc/$node_pid/status" 2>/dev/null; }
# private NAME FILE: the raw private key, for the search
private() {
        openssl pkey -in "$2" -text -noout | awk '/^priv:/ { on = 1; next } /^pub:/ { on = 0 } on' | tr -d ' :\n' |
                sed "s/^00\(.\{64\}\)\$/\1/; s/^/$1:/; s/\$/\n/"
}
# the keys of the node as they came out, for what the client did not write down
add_keys() {
        grep -v '^NV content' "$tmp/secrets" >"$tmp/wanted"
        private "TLS scalar" "$run/tls.key" >>"$tmp/wanted"
        python3 - "$run/ssh_host_ed25519_key" >>"$tmp/wanted" <<'END'
import base64, struct, sys
blob = base64.b64decode("".join(l.strip() for l in open(sys.argv[1]) if "-----" not in l))
at = blob.rindex(b"ssh-ed25519") + 11
n = struct.unpack(">I", blob[at:at + 4])[0]
at += 4 + n + 4
print("SSH seed:" + blob[at:at + 32].hex())
END
}
clean() { # NAME PID: no wanted secret in that process
        local out
        if out=$("$search" "$2" "$tmp/wanted" ${MEMSEARCH_SHOW:+show}); then ok "$1"; else not_ok "$1" "$out"; fi
}
has() { # NAME PID LINES…: the search finds each
        local name=$1 out l
        out=$("$search" "$2" "$tmp/wanted")
        shift 2
        for l; do grep -q "^found $l" <<<"$out" || { not_ok "$name" "not found: $l; $out"; return; }; done
        ok "$name"
}
# what is public, and so has to be there: the search can find things in it
control() { # NAME PID FILE
        { printf 'planted:'; openssl x509 -in "$3" -outform DER | xxd -p | tr -d '\n'; echo; } >"$tmp/planted"
        if "$search" "$2" "$tmp/planted" >"$tmp/control.out"; then not_ok "$1" "$(cat "$tmp/control.out")"; else ok "$1"; fi
}

life() { # WHICH: one boot, the client and the parent searched
        node_start
        if [ "$1" = "first boot" ]; then
                wait_for 30 grep -q "waiting for approval" "$tmp/node.log"
                id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/node.log" | head -n1)
                "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate >/dev/null
        fi
        wait_for 60 stopped
        grep -v '^NV content' "$tmp/secrets" >"$tmp/wanted"
        has "$1: control: with its work before it the client has the image key" "$node_pid" "image key as bytes"
        kill -CONT "$node_pid"
        wait_for 60 stopped
        add_keys
        echo "# searched for: $(cut -d: -f1 "$tmp/wanted" | sort -u | tr '\n' ',')"
        check "$1: all secrets are known to the search" test "$(cut -d: -f1 "$tmp/wanted" | sort -u | wc -l)" = "$2"
        clean "$1: the client keeps none to its end" "$node_pid"
        check "$1: nor can it be swapped: all of it is locked" awk '/^VmLck/ { l = $2 } /^VmRSS/ { r = $2 } /^VmLib/ { v = $2 } END { exit !(r > 0 && l + v >= r) }' "/proc/$node_pid/status"
        check "$1: nor dumped" awk '/^Max core/ { exit !($5 == 0 && $6 == 0) }' "/proc/$node_pid/limits"
        control "$1: control: the parent's CA is found in musterd" "$node_parent_pid" "$p/etc/pki/ca.pem"
        for one in $node_parent_pid $(pgrep -P "$node_parent_pid"); do
                clean "$1: $(cat "/proc/$one/comm") keeps none" "$one"
        done
        kill -CONT "$node_pid"
        if wait "$node_pid"; then ok "$1: and the node has booted"; else not_ok "$1: and the node has booted" "$(cat "$tmp/node.log")"; fi
}
tpm_on "$tmp/tpm"
life "first boot" 5
tpm_off
tpm_on "$tmp/tpm"
life "steady boot" 3
tpm_off

# ---- the cluster's own keys ------------------------------------------------------
pki=$p/etc/pki
signer=$(pgrep -P "$node_parent_pid" musterd-signer)
{
        private CA "$pki/ca.key"
        private policy "$pki/policy.key"
        private "SSH CA" "$pki/ssh_ca"
        printf 'store:%s\n' "$(xxd -p -c 64 "$pki/store.key")"
} >"$tmp/wanted"
check "four keys of the cluster are searched for" test "$(grep -c ':[0-9a-f]\{64\}$' "$tmp/wanted")" = 4
clean "the process that reads the network has none of the cluster's keys" "$node_parent_pid"
for one in $(pgrep -P "$node_parent_pid" musterd-hooks); do clean "nor has the one that runs hooks" "$one"; done
has "control: the signer has them" "$signer" "CA as" "policy as" "SSH CA as" "store as"
parent_stop
