#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The dracut hooks by themselves, under dash and busybox sh, with stand-ins
# for dracut's functions: no dracut, no VM.
. "$(dirname "$0")/../lib.sh"
requires dash -c :
requires busybox sh -c :
requires shellcheck --version

mod=$top/dracut-module/90muster
check "hooks and module-setup.sh pass shellcheck" shellcheck -x "$mod"/*.sh
long=$(wc -l "$mod"/muster-*.sh | awk '$2 != "total" && $1 >= 40')
check "every hook has fewer than 40 lines" test -z "$long"
check "dracut reads module-setup.sh as bash" bash -n "$mod/module-setup.sh"

# run_hook SHELL CMDLINE TEXT: TEXT in a shell that has dracut's functions;
# the command line is CMDLINE, files are below $tmp/root
run_hook() {
        local shell=$1 cmdline=$2 text=$3
        rm -rf "$tmp/root"
        mkdir -p "$tmp/root/cmdline.d" "$tmp/root/hooks/initqueue"
        sed -e "s|/etc/cmdline.d|$tmp/root/cmdline.d|g" -e "s|/proc/net/|$tmp/root/|g" \
                -e "s|/dev/console|$tmp/root/console|g" -e "s|/lib/muster-lib.sh|$tmp/muster-lib.sh|g" \
                -e "s|/tmp/net\.|$tmp/root/net.|g" -e "s|/run/systemd|$tmp/root/systemd|g" -e 's|^PATH=.*||' "$mod/${hook:?}" >"$tmp/$hook"
        sed -e "s|/dev/console|$tmp/root/console|g" -e "s|/proc/sysrq-trigger|$tmp/root/sysrq|g" \
                -e "s|/sys/firmware|$tmp/root/firmware|g" -e "s|/run/systemd|$tmp/root/systemd|g" \
                -e "s|/proc/mounts|$tmp/root/mounts|g" -e 's|while :; do sleep 3600; done|exit 9|' -e 's|sleep 10||' "$mod/muster-lib.sh" >"$tmp/muster-lib.sh"
        cat >"$tmp/dracut-lib.sh" <<LIB
getarg() {
        for _w in $cmdline; do
                case \$1 in
                *=) case \$_w in "\$1"*) _v=\${_w#"\$1"} && _f=1 ;; esac ;;
                *) case \$_w in "\$1") _v= _f=1 ;; "\$1"=*) _v=\${_w#*=} _f=1 ;; esac ;;
                esac
        done
        [ -n "\${_f:-}" ] && echo "\$_v" && unset _f
}
getargbool() {
        _b=\$(getarg "\$2") || { [ "\$1" = 1 ]; return; }
        [ "\$_b" != 0 ]
}
linkup() { :; }
hookdir=$tmp/root/hooks
LIB
        # shellcheck disable=SC2086
        $shell -c ". $tmp/dracut-lib.sh; $text"
}

shells=("dash" "busybox sh")
for sh in "${shells[@]}"; do
        for f in "$mod"/muster-*.sh; do
                # shellcheck disable=SC2086
                check "$sh parses $(basename "$f")" $sh -n "$f"
        done

        hook=muster-root.sh
        out=$(run_hook "$sh" "root=muster quiet" ". $tmp/$hook; echo \$root \$rootok [\$netroot]")
        check "$sh: root=muster is a root dracut may wait for" test "$out" = "muster 1 []"
        out=$(cat "$tmp"/root/cmdline.d/*)
        check "$sh: the network is asked for, a shell is not" \
                grep -q "rd.neednet=1 rd.shell=0 rd.emergency=reboot" <<<"$out"
        check "$sh: without ip= the address comes by DHCP" grep -qx "ip=dhcp" <<<"$out"
        run_hook "$sh" "root=muster ip=10.0.0.5::10.0.0.1:24::eth0:none" ". $tmp/$hook"
        check "$sh: an ip= of the command line is kept" test "$(cat "$tmp"/root/cmdline.d/* | grep -c -e ip=dhcp -e rd.neednet=1)" = 1
        out=$(run_hook "$sh" "root=muster netroot=dhcp" "netroot=dhcp; . $tmp/$hook; echo [\$netroot]")
        check "$sh: no root is taken from DHCP" test "$out" = "[]"
        out=$(run_hook "$sh" "root=/dev/sda" ". $tmp/$hook; echo [\$rootok]; ls $tmp/root/cmdline.d")
        check "$sh: another root= is left alone" test "$out" = "[]"

        hook=muster-online.sh
        printf 'Iface\tDestination\n' >"$tmp/route0"
        printf 'Iface\tDestination\neth0\t0002000A\n' >"$tmp/route1"
        online() { run_hook "$sh" "root=muster" "cp $tmp/$1 $tmp/root/route; $2 . $tmp/$hook"; }
        check_exit 1 "$sh: no route holds the queue" online route0 ""
        check_exit 0 "$sh: a route lets it go on" online route1 ""
        check_exit 1 "$sh: a link-local IPv6 address holds the queue" online route0 "echo fe80 02 40 20 80 eth0 > $tmp/root/if_inet6;"
        check_exit 1 "$sh: a tentative IPv6 address holds the queue" online route0 "echo fd00 02 40 00 40 eth0 > $tmp/root/if_inet6;"
        check_exit 0 "$sh: a global IPv6 address lets it go on" online route0 "echo fd00 02 40 00 80 eth0 > $tmp/root/if_inet6;"

        hook=muster-emergency.sh
        check_exit 9 "$sh: dracut's emergency does not get to a shell" run_hook "$sh" "root=muster rd.shell=0" ". $tmp/$hook"
        check "$sh: it reboots by default" grep -qx b "$tmp/root/sysrq"
        check_exit 9 "$sh: rd.emergency=halt" run_hook "$sh" "root=muster rd.shell=0 rd.emergency=halt" ". $tmp/$hook"
        check "$sh: it powers off when told so" grep -qx o "$tmp/root/sysrq"
        check_exit 0 "$sh: rd.shell=1 on the measured command line is heeded" run_hook "$sh" "root=muster rd.shell=1" ". $tmp/$hook"

        hook=muster-mount.sh
        mkdir -p "$tmp/bin"
        fake='ismounted() { return 1; }; modprobe() { :; }; mount() { echo "mount $*" >>'$tmp'/root/mount.log; [ -z "${no_mount:-}" ]; }; sleep() { :; }'
        client() { run_hook "$sh" "root=muster $1" "$fake; ${2:-:}; NEWROOT=/sysroot; PATH=$tmp/bin; . $tmp/$hook"; }
        for tool in grep rm; do ln -sf "$(command -v "$tool")" "$tmp/bin/$tool"; done
        printf '#!/bin/sh\necho "args: $*"; exit ${MUSTER_TEST_EXIT:-0}\n' >"$tmp/bin/muster-node"
        chmod +x "$tmp/bin/muster-node"
        check_exit 0 "$sh: a client that mounted the image ends the hook" client ""
        check "$sh: the client gets the new root" grep -qx "args: boot --sysroot /sysroot" "$tmp/root/console"
        efi="mkdir -p $tmp/root/firmware/efi/efivars $tmp/root/systemd/efivars; : >$tmp/root/mounts"
        check_exit 0 "$sh: a machine with EFI variables boots" client "" "$efi"
        check "$sh: they are covered" grep -q 'mount -t tmpfs -o ro.* muster-none .*/efi/efivars' "$tmp/root/mount.log"
        check "$sh: what systemd had read of them is gone" test ! -e "$tmp/root/systemd/efivars"
        check_exit 0 "$sh: covered already" client "" "$efi; echo 'muster-none $tmp/root/firmware/efi/efivars tmpfs ro 0 0' >$tmp/root/mounts"
        check "$sh: they are not covered twice" sh -c "! grep -q muster-none '$tmp/root/mount.log'"
        check_exit 9 "$sh: EFI variables that cannot be covered end the boot" client rd.muster.onfail=reboot "$efi; no_mount=1"
        check "$sh: and the client does not run" sh -c "! grep -q 'args: boot' '$tmp/root/console'"
        export MUSTER_TEST_EXIT=3
        check_exit 9 "$sh: rd.muster.onfail=reboot" client rd.muster.onfail=reboot
        check "$sh: the node is rebooted" grep -qx b "$tmp/root/sysrq"
        check_exit 9 "$sh: rd.muster.onfail=halt" client rd.muster.onfail=halt
        check "$sh: the node is powered off" grep -qx o "$tmp/root/sysrq"
        unset MUSTER_TEST_EXIT

        hook=muster-handover.sh
        notes="mkdir -p $tmp/root/systemd/netif/leases; echo NTP=192.0.2.66 >$tmp/root/systemd/netif/state;"
        run_hook "$sh" "root=muster" "$notes . $tmp/$hook"
        for t in sleep suspend hibernate hybrid-sleep suspend-then-hibernate; do
                check "$sh: $t.target is masked for the image" test "$(readlink "$tmp/root/systemd/system/$t.target")" = /dev/null
        done
        check "$sh: what networkd noted of DHCP is not handed over" test ! -e "$tmp/root/systemd/netif"
        run_hook "$sh" "root=/dev/sda" "$notes . $tmp/$hook"
        check "$sh: with another root= networkd's notes and sleep stay" \
                sh -c "grep -q NTP '$tmp/root/systemd/netif/state' && test ! -e '$tmp/root/systemd/system'"

        hook=muster-dhcp.sh
        dhcp() { run_hook "$sh" "" "ip() { echo \"\$*\" >> $tmp/root/ip; }; interface=t0; reason=BOUND; new_ip_address=10.0.2.15; $1 . $tmp/$hook"; }
        dhcp "new_subnet_mask=255.255.255.0; new_routers='10.0.2.2 10.0.2.3'; new_domain_name_servers='10.0.2.4'; new_interface_mtu=9000;"
        check "$sh: DHCP gives the address" grep -q "^addr replace 10.0.2.15/255.255.255.0 " "$tmp/root/ip"
        check "$sh: DHCP gives the first router" grep -qx "route replace default via 10.0.2.2 dev t0 onlink" "$tmp/root/ip"
        check "$sh: DHCP gives name servers" grep -qx "nameserver 10.0.2.4" "$tmp/root/net.t0.resolv.conf"
        check "$sh: DHCP gives the MTU" grep -qx "link set t0 mtu 9000" "$tmp/root/ip"
        check "$sh: dracut goes on with that interface" grep -q "setup_net t0" "$tmp/root/hooks/initqueue/setup_net_t0.sh"
        # shellcheck disable=SC2016
        evil='$(touch '"$tmp"'/pwned);`touch '"$tmp"'/pwned`'
        dhcp "new_routers='10.0.2.2;$evil'; new_domain_name_servers='$evil'; new_host_name='$evil'; new_root_path='$evil'; new_interface_mtu='9000;$evil'; new_unknown_224='$evil';"
        check "$sh: control: the address of that answer is" grep -q "^addr replace 10.0.2.15" "$tmp/root/ip"
        check_lacks "$sh: a router that is no address is not taken" route "$tmp/root/ip"
        check_lacks "$sh: an MTU that is no number is not taken" mtu "$tmp/root/ip"
        dhcp "reason=BOUND6; new_ip6_address='fd00::5$evil'; new_ip6_prefixlen='64;$evil'; new_dhcp6_name_servers='fd00::1 $evil'; new_dhcp6_domain_search='$evil'; new_dhcp6_fqdn='$evil'; new_dhcp6_bootfile_url='$evil';"
        check "$sh: DHCPv6: an address that is none is not taken" sh -c "! grep -q fd00 '$tmp/root/ip'"
        dhcp "new_routers='10.0.2.2;$evil'; new_domain_name_servers='$evil'; new_host_name='$evil'; new_root_path='$evil'; new_interface_mtu='9000;$evil'; new_unknown_224='$evil';"
        check "$sh: nothing else a DHCP server sends is written down" \
                sh -c "! grep -rqs -e touch -e pwned '$tmp/root' && test ! -e '$tmp/pwned'"
done
