# SPDX-License-Identifier: Apache-2.0
# Sourced by boot tests, after ../lib.sh: a parent and virtual nodes.
# Every test works on its own copy of the fixture (fixture.sh), in a network
# namespace of its own, so ports and addresses are always the same.
# shellcheck shell=bash

fixture=$(readlink -f "$top/build/boot-fixture")
vnode=$top/qemu-harness/vnode
boot_port=18080
# shellcheck disable=SC2034
attest_port=18443
export MUSTER_SOCKET=
parent_pid=
# the console line that says the client is done and what a refusal looks like
# shellcheck disable=SC2034
re_done='muster-node: .*: passed at'
boot_seconds=${MUSTER_BOOT_SECONDS:-300}

# parent_new: this test's own copy of the fixture's parent
parent_new() {
        cp -a "$fixture/etc" "$tmp/etc"
        cp -al "$fixture/state" "$tmp/state" 2>/dev/null || cp -a "$fixture/state" "$tmp/state"
        # links for what is large and only read; the store and the journal's head are written in place
        find "$tmp/state" -maxdepth 1 -type f -delete
        find "$fixture/state" -maxdepth 1 -type f -exec cp -a -t "$tmp/state" {} +
        sed -i "s#$fixture/#$tmp/#g" "$tmp/etc/musterd.conf"
        mkdir -p "$tmp/run"
        MUSTER_SOCKET=$tmp/run/admin.sock
}

parent_start() {
        nice -n "${parent_nice:-0}" "$bin/musterd" --config "$tmp/etc/musterd.conf" >>"$tmp/musterd.log" 2>&1 &
        parent_pid=$!
        cleanup_pid "$parent_pid"
        wait_for 20 m status || { echo "# musterd did not start"; cat "$tmp/musterd.log"; return 1; }
}

parent_stop() {
        kill "$parent_pid" 2>/dev/null
        wait "$parent_pid" 2>/dev/null
        parent_pid=
}

m() { "$bin/muster" "$@"; }

# node_new DIR [FROM]: a virtual node, new or a copy of the fixture's enrolled one
node_new() {
        if [ $# -gt 1 ]; then
                cp -a "$2" "$1"
        else
                "$vnode" create "$1" --mac 52:54:00:6d:00:01 --uuid 6d757374-6572-4000-8000-000000000001 --serial VNODE0001
        fi
        cleanup_fn "$vnode stop '$1' || :"
}

node_start() { "$vnode" start "$1" --parent-port "$boot_port"; }

# node_again DIR: off and on again. A warm reset is as good to the TPM, but the
# firmware then clears all memory first, which takes minutes under TCG
node_again() { "$vnode" stop "$1" && node_start "$1"; }

# console DIR REGEX [SECONDS]
console() { "$vnode" wait "$1" "$2" "${3:-$boot_seconds}"; }

# node_ssh DIR CMD…: strict host key checking with the cluster's one line
node_ssh() {
        local d=$1
        shift
        ssh -F none -i "$top/build/image/id_ed25519" -p "$("$vnode" ssh-port "$d")" \
                -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$tmp/known_hosts" -o GlobalKnownHostsFile=/dev/null \
                -o HostKeyAlias=n1 -o ConnectTimeout=60 -o BatchMode=yes -o LogLevel=ERROR root@127.0.0.1 "$@"
}

known_hosts() { echo "@cert-authority n1 $(cat "$tmp/etc/pki/ssh_ca.pub")" >"$tmp/known_hosts"; }

# ssh_up DIR [SECONDS]: until sshd of the booted image answers
ssh_up() { wait_for "${2:-$boot_seconds}" node_ssh "$1" true; }

host_key() { node_ssh "$1" cat /run/muster/ssh_host_ed25519_key.pub | cut -d' ' -f1,2; }
boot_json() { node_ssh "$1" cat /run/muster/boot.json; }

# shell_type DIR: types on the console what a shell answers
# shellcheck disable=SC2016
shell_type() { "$vnode" type "$1" '\n\nid\n\necho MUSTER-$((6*7))\n'; }

# shell_on DIR [FROM]: prints what the console shows, from its byte FROM on, of a shell, a prompt, or an image that is
# started; false when there is none. test-refused-cmdline is its control: there a shell opens and is seen.
shell_on() {
        tail -c "+$((${2:-0} + 1))" "$1/console.log" |
                grep -aE 'uid=0|MUSTER-42|: passed at|Welcome to|emergency mode|debug shell|:/# |login:'
}

# no_shell DIR CODE [FROM]: what is typed on the console reaches no shell, while the
# client says CODE once more (so there was time to answer)
no_shell() {
        local d=$1 code=$2 n
        n=$(grep -acE "$code" "$d/console.log")
        shell_type "$d"
        more() { [ "$(grep -acE "$code" "$d/console.log")" -gt "$n" ]; }
        check "the client says $code again, and tries again" wait_for 150 more
        if shell_on "$d" "${3:-0}" >"$tmp/shell"; then
                not_ok "no image is started and no shell answers" "$(cat "$tmp/shell"; tail -n 20 "$d/console.log")"
        else
                ok "no image is started and no shell answers"
        fi
}

# refused DIR CODE [FROM]: the console shows CODE, no image is started, no shell answers
refused() {
        local d=$1 code=$2
        if console "$d" "$code" "$boot_seconds" >"$tmp/wait.out" 2>&1; then
                ok "the console shows $code"
        else
                not_ok "the console shows $code" "$(tail -n 30 "$tmp/wait.out")"
        fi
        no_shell "$d" "$code" "${3:-0}"
}

# explained WORDS: muster log --explain says WORDS of node n1 (or $2)
explained() {
        local out
        out=$(m log --explain "${2:-n1}" 2>&1)
        if grep -qiE "$1" <<<"$out"; then ok "muster log --explain says: $1"; else not_ok "muster log --explain says: $1" "$out"; fi
}
