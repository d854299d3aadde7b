#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after tests/lib.sh: a parent on loopback and a node that is a
# software TPM whose PCRs hold what a software firmware measured. Everything
# lives under $tmp; callers set nothing.
# shellcheck shell=bash disable=SC2154

node_parent_pid=
node_tpm_pid=

node_requires() {
        requires swtpm --version
        requires tpm2_pcrextend --version
        requires mksquashfs -version
        requires "${CC:-cc}" --version
        [ -x "$bin/muster-node-test" ] || { echo "# needs: make tools"; exit 77; }
}

# node_files: UKI and iPXE of the software PC, and the tool that measures them
node_files() {
        "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -I"$top/common" -I"$top/bootserver" -o "$tmp/evidence" \
                "$top/tests/integration/node-evidence.c" "$objs/libserver.a" "$objs/libcommon.a" \
                -ljson-c -lsqlite3 -lssl -lcrypto || exit 1
        mkdir -p "$tmp/ipxe"
        "$tmp/evidence" files "$tmp" && mv "$tmp/ipxe.efi" "$tmp/ipxe/snponly.efi"
}

# parent_init DIR: keys and configuration of a parent on two free ports
parent_init() {
        local boot attest user
        # musterd does not run as root
        user=$(id -un)
        [ "$user" != root ] || user=nobody
        chmod 711 "$tmp"
        boot=$(free_port)
        attest=$(free_port)
        "$bin/muster" init --etc "$1/etc" --state "$1/state" --address 127.0.0.1 --boot-port "$boot" --attest-port "$attest" \
                --socket "$1/admin.sock" --user "$user" --ipxe "$tmp/ipxe" >"$1.init" 2>&1 || {
                cat "$1.init"
                exit 1
        }
        echo "ipxe-template = $top/ipxe/muster.ipxe.in" >>"$1/etc/musterd.conf"
        sed -e "s|^ca = .*|ca = $1/etc/pki/ca.pem|" -e "s|^policy-key = .*|policy-key = $1/etc/pki/policy.pem|" \
                "$1/etc/node.conf" >"$1/node.conf"
        echo "$boot" >"$1/boot-port"
        echo "$attest" >"$1/attest-port"
}

# parent_start DIR: musterd, until it answers; the CLI then talks to it
parent_start() {
        export MUSTER_SOCKET=$1/admin.sock
        "$bin/musterd" --config "$1/etc/musterd.conf" >>"$1.log" 2>&1 &
        node_parent_pid=$!
        cleanup_pid "$node_parent_pid"
        wait_for 20 "$bin/muster" status || {
                cat "$1.log"
                exit 1
        }
}

parent_stop() {
        kill "$node_parent_pid" && wait "$node_parent_pid" 2>/dev/null
}

# parent_content DIR [MIB]: the boot entry and an image, random so that it
# stays as large as it is
parent_content() {
        mkdir -p "$tmp/root/etc/ssh" "$tmp/root/proc" "$tmp/root/sbin" "$tmp/root/lib/systemd"
        # as distributions have it; below the node's own root there is no such file
        ln -s /lib/systemd/muster-test-init "$tmp/root/sbin/init"
        install -m 755 /dev/null "$tmp/root/lib/systemd/muster-test-init"
        echo image >"$tmp/root/etc/motd"
        head -c "$((${2:-3} * 1048576))" /dev/urandom >"$tmp/root/ballast"
        "$bin/muster" boot add r9 "$tmp/uki.efi" --default --cmdline "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no" >/dev/null || exit 1
        "$bin/muster" image add base "$tmp/root" >/dev/null || exit 1
        boot_file=$("$bin/muster" boot list -o json | jq -r '.. | .file? // empty' | head -n1)
        "$tmp/evidence" log "$tmp" "$boot_file" "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no" || exit 1
}

tpm_answers() { ! kill -0 "$node_tpm_pid" 2>/dev/null || tpm2_getrandom 4; }

# tpm_on DIR [unmeasured]: powers the machine on (a TPM reset) and measures its boot
tpm_on() {
        local try
        mkdir -p "$1"
        # the TCTI wants the control channel on the next port, so try until both are free
        for try in 1 2 3 4 5; do
                tpm_port=$(free_port)
                swtpm socket --tpm2 --tpmstate dir="$1" --server type=tcp,port="$tpm_port",bindaddr=127.0.0.1 \
                        --ctrl type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1 --flags startup-clear,not-need-init \
                        >"$1.log" 2>&1 &
                node_tpm_pid=$!
                export MUSTER_TCTI=swtpm:host=127.0.0.1,port=$tpm_port TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=$tpm_port
                wait_for 10 tpm_answers
                kill -0 "$node_tpm_pid" 2>/dev/null && break
                echo "# swtpm, try $try: $(cat "$1.log")"
        done
        cleanup_pid "$node_tpm_pid"
        # shellcheck disable=SC2046
        [ "${2:-}" = unmeasured ] || tpm2_pcrextend $(cat "$tmp/extends") || exit 1
}

tpm_off() {
        kill "$node_tpm_pid" && wait "$node_tpm_pid" 2>/dev/null
}

# node_facts NAME: a machine of its own serial number, of the same model
node_facts() {
        local d=$tmp/facts.$1/class
        mkdir -p "$d/dmi/id" "$d/net/eth0"
        echo "Fixture Inc." >"$d/dmi/id/sys_vendor"
        echo "Node 1" >"$d/dmi/id/product_name"
        echo "S$1" >"$d/dmi/id/product_serial"
        echo "1.0" >"$d/dmi/id/bios_version"
        echo "52:54:00:12:34:56" >"$d/net/eth0/address"
        export MUSTER_FACTS=$tmp/facts.$1 MUSTER_EVENTLOG=$tmp/eventlog.bin
}

# node_boot RUNDIR CONF [option…]: one attempt that ends with locks and cap
node_boot() {
        local run=$1 conf=$2
        shift 2
        mkdir -p "$run"
        timeout 120 "$bin/muster-node-test" boot --config "$conf" --run-dir "$run" --image-file "$run/image" --once --cap "$@"
}

# fact RUNDIR FILTER: from boot.json
fact() { jq -r "$2" "$1/boot.json"; }

# bus_parent: a parent for the tests that sit on the TPM's bus (node_machine.py)
bus_parent() {
        node_files
        p=$tmp/parent
        parent_init "$p"
        parent_start "$p"
        parent_content "$p" 1
        node_facts 1
        export MUSTER_BIN=$bin EXTENDS=$tmp/extends CONF=$p/node.conf
        export PYTHONPATH=$top/tests/integration PYTHONDONTWRITEBYTECODE=1
}

# second_over: for what is told in whole seconds
second_over() {
        local s
        s=$(date +%s)
        while [ "$(date +%s)" = "$s" ]; do sleep 0.05; done
}
