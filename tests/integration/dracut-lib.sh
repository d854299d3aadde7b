#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that build an initramfs: what `muster boot build` needs.
# shellcheck shell=bash

# build_inputs: kernel and modules (kernel, kmoddir), keys below $tmp/etc
build_inputs() {
        requires objcopy --version
        requires command -v dracut
        [ -e "$top/build/kernel/vmlinuz" ] || "$top/qemu-harness/fetch-kernel.sh" "$top/build/kernel" || exit 1
        kernel=$top/build/kernel/vmlinuz
        kmoddir=$(echo "$top"/build/kernel/lib/modules/*)
        mkdir -p "$tmp/etc/pki"
        printf '[muster]\nparents = https://10.0.2.2:8443\nnot-before = 1700000000\n' >"$tmp/etc/node.conf"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -days 2 \
                -keyout "$tmp/etc/pki/ca.key" -out "$tmp/etc/pki/ca.pem" 2>/dev/null
        openssl ec -in "$tmp/etc/pki/ca.key" -pubout -out "$tmp/etc/pki/policy.pem" 2>/dev/null
}

# boot_build ARGUMENT…: with those inputs and this checkout's module
boot_build() {
        TMPDIR=$tmp "$bin/muster" boot build --kernel "$kernel" --kmoddir "$kmoddir" --etc "$tmp/etc" \
                --node-binary "$bin/muster-node" --module-dir "$top/dracut-module/90muster" "$@"
}

# unpack INITRD DIR; what stands before the compressed part (the ACPI table) is left out
unpack() {
        mkdir -p "$2"
        (cd "$2" && initramfs_part "$1" | zstd -dcq | cpio -idm --quiet --no-absolute-filenames 2>/dev/null)
        [ -e "$2/init" ]
}
