#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 90muster: a node proves itself to its parent before it gets its image.
# Included only when asked for (dracut --add muster, `muster boot build`).
# Environment: MUSTER_NODE the client's file, muster_etc instead of
# /etc/muster. What is put in: the client, node.conf, ca.pem, policy.pem and
# the hooks. Never a private key.

muster_die() {
    dfatal "muster: $1. Next: $2"
    exit 1
}

# muster_file FILE: stop unless it can be put into an initramfs
muster_file() {
    [[ -r $1 ]] || muster_die "read $1: no such file, or not readable" \
        "run 'muster init' on the parent, or set muster_etc to where its files are"
    ! grep -q 'PRIVATE KEY' "$1" || muster_die "$1 holds a private key, which every node could read" \
        "put the public part there"
}

check() {
    return 255
}

depends() {
    echo network
}

installkernel() {
    hostonly='' instmods loop squashfs overlay =drivers/char/tpm af_packet \
        virtio_pci hv_vmbus pci_hyperv
    # shellcheck disable=SC2154
    [[ $no_kernel == yes ]] || muster_kernel_has squashfs \
        || muster_die "find squashfs for kernel $kernel: it is neither a module nor built in" \
            "give the modules that belong to the kernel"
}

# muster_kernel_has MODULE: built in or in this initramfs
muster_kernel_has() {
    # shellcheck disable=SC2154
    grep -qs "/$1\.ko" "$srcmods/modules.builtin" \
        || compgen -G "$initdir/lib/modules/$kernel/kernel/fs/$1/$1.ko*" > /dev/null
}

# muster_close_systemd: systemd looks at EFI variables, disks and swap by
# itself; none of them is measured
muster_close_systemd() {
    local _f
    for _f in system-generators/systemd-{debug,gpt-auto,hibernate-resume}-generator system/debug-shell.service; do
        rm -f "$initdir/usr/lib/systemd/$_f" "$initdir/lib/systemd/$_f"
    done
    rm -f "$initdir/init" "$initdir/sbin/init"
    inst_script "$moddir/muster-init.sh" /init
    chmod 0755 "$initdir/init"
    # the kernel tries this one when it cannot run /init
    ln -s ../init "$initdir/sbin/init"
}

# muster_close_networkd: a DHCP server's NTP and name servers, host name and domains do not reach the image
muster_close_networkd() {
    local _dropin=$initdir/etc/systemd/system/systemd-networkd.service.d
    inst_multiple mkdir cat
    inst_script "$moddir/muster-networkd.sh" /usr/sbin/muster-networkd
    mkdir -p "$_dropin"
    # "+": networkd's own user may not write there
    printf '[Service]\nExecStartPre=+/usr/sbin/muster-networkd\n' > "$_dropin/10-muster.conf"
}

install() {
    local _etc=${muster_etc:-/etc/muster} _node=${MUSTER_NODE:-} _f
    local _pki=$_etc/pki
    # shellcheck disable=SC2154
    [[ -n $_node ]] || _node=$(command -v muster-node) \
        || muster_die "find muster-node in $PATH: not there" "install it, or set MUSTER_NODE"
    [[ -x $_node ]] || muster_die "use the client $_node: not an executable file" "set MUSTER_NODE to it"
    for _f in "$_etc/node.conf" "$_pki/ca.pem" "$_pki/policy.pem"; do
        muster_file "$_f"
    done
    inst_binary "$_node" /usr/bin/muster-node || muster_die "copy $_node" "see above"
    inst_simple "$_etc/node.conf" /etc/muster/node.conf
    inst_simple "$_pki/ca.pem" /etc/muster/ca.pem
    inst_simple "$_pki/policy.pem" /etc/muster/policy.pem
    inst_multiple modprobe mount mkdir rm ln sleep grep
    # shellcheck disable=SC2154
    inst_hook cmdline 20 "$moddir/muster-root.sh"
    inst_hook initqueue/finished 50 "$moddir/muster-online.sh"
    inst_hook initqueue/timeout 50 "$moddir/muster-timeout.sh"
    inst_hook mount 10 "$moddir/muster-mount.sh"
    inst_hook pre-pivot 90 "$moddir/muster-handover.sh"
    # systemd makes a sysroot.mount of any root=, so be mounted before it tries
    if dracut_module_included systemd; then
        inst_hook pre-mount 90 "$moddir/muster-mount.sh"
        muster_close_systemd
    fi
    ! dracut_module_included systemd-networkd || muster_close_networkd
    inst_hook emergency 01 "$moddir/muster-emergency.sh"
    inst_simple "$moddir/muster-lib.sh" /lib/muster-lib.sh
    # network-legacy feeds every DHCP option to a shell; take only what is needed
    if [[ -e $initdir/sbin/dhclient-script ]]; then
        rm -f "$initdir/sbin/dhclient-script" "$initdir/etc/dhclient.conf"
        inst_script "$moddir/muster-dhcp.sh" /sbin/dhclient-script
        printf '%s;\n' 'send dhcp-client-identifier = hardware' 'timeout 30' \
            'request subnet-mask, broadcast-address, routers, domain-name-servers, interface-mtu, dhcp6.name-servers' \
            > "$initdir/etc/dhclient.conf"
    fi
    ! grep -rqs 'PRIVATE KEY' "$initdir/etc" || muster_die "finish: a file below $initdir/etc holds a private key" \
        "leave out the dracut module or install_items that puts it there"
    dracut_need_initqueue
}
