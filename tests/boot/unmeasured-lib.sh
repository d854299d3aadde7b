# SPDX-License-Identifier: Apache-2.0
# Sourced after lib.sh: a machine that offers a node everything that no PCR of
# the policy shows, and a look at what the node took of it. Each input has a
# marker of its own, so that a failure names it.
# shellcheck shell=bash

hostile=$top/tests/boot/hostile_machine.py
# type-UUIDs: x86-64 root, swap, home, srv, x86-64 usr
readonly gpt_root=4f68bce3-e8cd-4db1-96e7-fbcaf984b709 \
        gpt_swap=0657fd6d-a4ab-43c4-84e5-0933c84b4f4f gpt_home=933ac7e1-2eb4-4f13-b844-0e14e2aef915 \
        gpt_srv=3b8f8425-20e0-4f3b-907f-1a25a76f98e8 gpt_usr=8484680c-9521-48c6-9c11-b0720656f69e
readonly systemd_guid=8cf2644b-4b0b-428f-9387-6d876050dc67

# hostile_root DIR: a root file system that says so when any of it is used
hostile_root() {
        mkdir -p "$1/sbin" "$1/usr/lib/systemd/system" "$1/etc/systemd/system/sysinit.target.wants" "$1/etc/modprobe.d" "$1/root/.ssh"
        printf '#!/bin/sh\necho PWNED-disk-init >/dev/console\nexec /bin/sh\n' >"$1/sbin/init"
        chmod +x "$1/sbin/init"
        printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c ": >/run/PWNED-disk-unit"\n' >"$1/etc/systemd/system/pwned.service"
        ln -s ../pwned.service "$1/etc/systemd/system/sysinit.target.wants/pwned.service"
        echo 'install loop /bin/sh -c "echo PWNED-disk-modprobe >/dev/console"' >"$1/etc/modprobe.d/pwned.conf"
        echo '/dev/sda1 /mnt vfat defaults 0 0' >"$1/etc/fstab"
}

# hostile_disks: $tmp/disk.img (GPT), $tmp/plain.img (a whole-disk root), $tmp/esp (a folder QEMU shows as FAT)
hostile_disks() {
        local f
        hostile_root "$tmp/evilroot"
        mkdir -p "$tmp/esp/loader/credentials" "$tmp/esp/loader/addons" "$tmp/esp/EFI/Linux"
        printf 'f+ /run/PWNED-esp-credential - - - - x\n' >"$tmp/esp/loader/credentials/tmpfiles.extra.cred"
        cp "$top/build/ipxe/snponly.efi" "$tmp/esp/loader/addons/pwned.addon.efi"
        printf '[Service]\nExecStart=/bin/sh\n' >"$tmp/esp/pwned.service"
        for f in root home; do
                truncate -s 12M "$tmp/$f.fs"
                mkfs.ext4 -q -F -L "$f" -d "$tmp/evilroot" "$tmp/$f.fs"
        done
        # a swap with a memory image to resume from
        truncate -s 2M "$tmp/swap.fs"
        mkswap -q "$tmp/swap.fs" 2>/dev/null || mkswap "$tmp/swap.fs" >/dev/null
        printf 'S1SUSPEND' | dd of="$tmp/swap.fs" bs=1 seek=4086 conv=notrunc status=none
        python3 "$hostile" disk "$tmp/disk.img" "$gpt_root:$tmp/root.fs" "$gpt_usr:$tmp/root.fs" "$gpt_home:$tmp/home.fs" \
                "$gpt_srv:$tmp/home.fs" "$gpt_swap:$tmp/swap.fs"
        cp "$tmp/root.fs" "$tmp/plain.img"
}

# hostile_network [plain]: a network namespace $ns whose DHCP is in bad hands (hostile_net.py), with this test's parent in
# it; machines start there with `--net tap tap0 --netns $ns`, and are reached by on_net_ssh
hostile_network() {
        requires test "$(id -u)" -eq 0
        requires dnsmasq --version
        ns=muster-$$
        export MUSTER_NETNS_ADDRESS=10.0.2.2 # what the fixture's node.conf calls the parent
        cleanup_fn "'$top/qemu-harness/netns.sh' delete $ns"
        check "a network with TFTP is there" "$top/qemu-harness/netns.sh" create "$ns" --taps 1 --boot-port "$boot_port" --dhcp no
        ip netns exec "$ns" "$bin/musterd" --config "$tmp/etc/musterd.conf" >>"$tmp/musterd.log" 2>&1 &
        cleanup_pid $!
        wait_for 20 m status || { not_ok "musterd starts" "$(cat "$tmp/musterd.log")"; exit 1; }
        ip netns exec "$ns" python3 "$top/tests/boot/hostile_net.py" br0 10.0.2.2 "$boot_port" "$@" >"$tmp/net.log" 2>&1 &
        cleanup_pid $!
        check "somebody else serves DHCP" wait_for 10 grep -q ready "$tmp/net.log"
}

# on_net_ssh CMD…: node_ssh to the machine in $ns
on_net_ssh() {
        ip netns exec "$ns" ssh -F none -i "$top/build/image/id_ed25519" -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$tmp/known_hosts" \
                -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=n1 -o ConnectTimeout=10 -o BatchMode=yes -o LogLevel=ERROR root@10.0.2.77 "$@"
}

# hostile_qemu: fills the array more
hostile_qemu() {
        local tmpfiles unit
        tmpfiles=$(printf 'f+ /run/PWNED-smbios-tmpfiles - - - - x\n' | base64 -w0)
        unit=$(printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c ": >/run/PWNED-smbios-unit"\n' | base64 -w0)
        printf 'kernel.domainname=PWNED-fwcfg\n' >"$tmp/sysctl.extra"
        printf '[Unit]\nDescription=x\n[Service]\nExecStart=/bin/sh -c ": >/run/PWNED-fwcfg-unit"\n' >"$tmp/unit"
        # shellcheck disable=SC2054
        more=(
                -smbios "type=11,value=io.systemd.credential.binary:tmpfiles.extra=$tmpfiles"
                -smbios "type=11,value=io.systemd.credential.binary:systemd.extra-unit.pwned.service=$unit"
                -smbios "type=11,value=io.systemd.credential:login.motd=PWNED-smbios-motd"
                -smbios "type=11,value=io.systemd.credential:passwd.plaintext-password.root=PWNED"
                -smbios "type=11,value=io.systemd.stub.kernel-cmdline-extra=rd.break PWNED-smbios-cmdline"
                -smbios "type=11,value=io.systemd.boot.kernel-cmdline-extra=rd.break PWNED-smbios-cmdline"
                -fw_cfg "name=opt/io.systemd.credentials/sysctl.extra,file=$tmp/sysctl.extra"
                -fw_cfg "name=opt/io.systemd.credentials/login.issue,string=PWNED-fwcfg-issue"
                -fw_cfg "name=opt/io.systemd.credentials/systemd.extra-unit.p.service,file=$tmp/unit"
                -drive "if=none,id=d0,format=raw,file=$tmp/disk.img,snapshot=on" -device virtio-blk-pci,drive=d0
                -drive "if=none,id=d1,format=raw,file=$tmp/plain.img,snapshot=on" -device qemu-xhci,id=xhci -device usb-storage,bus=xhci.0,drive=d1
                -drive "if=none,id=d2,format=raw,file=fat:$tmp/esp,readonly=on" -device virtio-blk-pci,drive=d2
        )
}

# hostile_variables VARS
hostile_variables() {
        python3 "$hostile" vars "$1" \
                "SystemdOptions-$systemd_guid=systemd.setenv=PWNED_EFI=1 systemd.debug_shell rd.systemd.debug_shell systemd.import_credentials=yes rd.break" \
                "HibernateLocation-$systemd_guid={\"uuid\":\"00000000-0000-0000-0000-000000000005\",\"offset\":0}"
}

# not_taken NAME TEXT, offered NAME TEXT: shell text for the booted node, run
# by ask_node in one login. The first passes when TEXT finds nothing to print;
# the second when it succeeds: the input is really there, or nothing is tested.
asked=()
not_taken() {
        asked+=("$1")
        printf 'echo "== %d"\n{ %s\n} 2>&1\n' "${#asked[@]}" "$2" >>"$tmp/ask"
}
offered() { not_taken "offered: $1" "( $2 ) >/dev/null 2>&1 || echo it is not there"; }

# ask_node CMD…: CMD runs its standard input in a shell on the node. A guest
# that is still busy booting may let the connection down: asked again, up to
# three times; what it said in the end counts
ask_node() {
        local i out
        echo 'echo "== end"' >>"$tmp/ask"
        for i in 1 2 3; do
                "$@" <"$tmp/ask" >"$tmp/answers" 2>&1
                grep -qx '== end' "$tmp/answers" && break
                echo "# the node did not answer to the end, try $i:"
                sed 's/^/#   /' "$tmp/answers"
                sleep 5
        done
        if grep -qx '== end' "$tmp/answers"; then
                ok "the node answered to the end"
        else
                not_ok "the node answered to the end" "$(cat "$tmp/answers"; echo "the console's end:"; tail -n 30 "$d/console.log")"
        fi
        for i in "${!asked[@]}"; do
                out=$(awk -v n="== $((i + 1))" '/^== / { on = $0 == n; seen += on; next } on; END { if (!seen) print "no answer" }' "$tmp/answers")
                if [ -z "$out" ]; then ok "${asked[i]}"; else not_ok "${asked[i]}" "$out"; fi
        done
}

# shellcheck disable=SC2016
# unmeasured_machine UKI [dhcp]: boots it on that machine and looks; with `dhcp` on a network whose DHCP server is in bad
# hands, too, and gives what a client may well take
unmeasured_machine() {
        local run=(node_ssh "$tmp/node") net=(--parent-port "$boot_port")
        d=$tmp/node
        parent_new
        if [ "${2:-}" = dhcp ]; then
                run=(on_net_ssh)
                hostile_network plain
                net=(--net tap tap0 --netns "$ns")
        else
                parent_start || exit 1
        fi
        known_hosts
        check "the boot entry is added" m boot add open "$1" --default
        node_new "$d" "$fixture/node"
        hostile_disks
        hostile_qemu
        check "variables are put into the firmware" hostile_variables "$d/vars.fd"
        check "the machine starts" "$vnode" start "$d" "${net[@]}" -- "${more[@]}"
        [ "$failed" -eq 0 ] || exit 1
        check "the node passes all the same" console "$d" 'muster-node: .*: passed at'
        [ "$failed" -eq 0 ] || exit 1
        check "ssh answers with the node's own key" wait_for "$boot_seconds" "${run[@]}" true
        [ "$failed" -eq 0 ] || exit 1

        offered "SMBIOS strings" 'grep -qa PWNED-smbios-motd /sys/firmware/dmi/entries/11-*/raw'
        offered "fw_cfg files" 'grep -qa PWNED /sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials/sysctl.extra/raw'
        offered "disks: a root, swap, home by type; a USB stick; an ESP" 'grep -q vda5 /proc/partitions && grep -q sda /proc/partitions && grep -q vdb /proc/partitions'
        offered "an EFI variable" "mount -t efivarfs efivarfs /mnt && test -s /mnt/SystemdOptions-$systemd_guid; r=\$?; umount /mnt; exit \$r"

        not_taken "SMBIOS: a tmpfiles credential" 'ls -d /run/PWNED-smbios-tmpfiles 2>/dev/null'
        not_taken "SMBIOS: a unit" 'ls /run/PWNED-smbios-unit /run/systemd/generator*/pwned.service /run/systemd/system/pwned* 2>/dev/null'
        not_taken "SMBIOS: a message of the day" 'grep -rs PWNED /etc/motd.d /run/motd.d'
        not_taken "SMBIOS: words for the kernel command line" 'grep -o PWNED.* /proc/cmdline'
        not_taken "fw_cfg: a sysctl credential" 'grep PWNED /proc/sys/kernel/domainname'
        not_taken "fw_cfg: a unit, an issue" 'ls /run/PWNED-fwcfg-unit 2>/dev/null; grep -rs PWNED /etc/issue.d /run/issue.d'
        not_taken "no credential of the system at all" 'ls /run/credentials/@system /run/credentials/@encrypted 2>/dev/null'
        not_taken "root has no password" 'grep "^root:[^*!:]" /etc/shadow'
        not_taken "EFI variable: options for systemd" 'systemctl show-environment | grep PWNED; ls /run/systemd/efivars 2>/dev/null'
        not_taken "EFI variable: a debug shell" 'systemctl is-active debug-shell.service | grep -vx inactive; ls /run/systemd/generator*/*.wants/debug-shell.service 2>/dev/null'
        not_taken "disks: nothing of them is mounted" 'grep -E "^/dev/(sd|vd|md|dm|mapper)" /proc/mounts'
        not_taken "disks: no swap, no volume, no array" 'tail -n +2 /proc/swaps; ls /dev/md* /dev/dm-* 2>/dev/null; ls /dev/mapper 2>/dev/null | grep -v control'
        not_taken "disks: no unit of theirs ran" 'ls /run/PWNED-disk-unit /run/PWNED-esp-credential 2>/dev/null'
        not_taken "nothing else left its mark" 'ls -d /run/*PWNED* /tmp/*PWNED* 2>/dev/null'
        if [ "${2:-}" = dhcp ]; then
                check "offered: DHCP gave servers for names, time and SIP, a host name, domains and a time zone" \
                        grep -q 'acknowledged system .*gave=\[3, 6, 12, 15, 28, 42, 101, 119, 120\]' "$tmp/net.log"
                offered "and the node took the address of that answer" 'ip -4 -o addr | grep -q "inet 10\.0\.2\.77/24"'
        fi
        not_taken "DHCP: no NTP or DNS server, domain or lease below /run/systemd/netif" \
                'grep -rsE "^(NTP|DNS|SIP|DOMAINS|ROUTE_DOMAINS|TIMEZONE)=." /run/systemd/netif; ls /run/systemd/netif/leases/* 2>/dev/null'
        not_taken "DHCP: no server, name or domain of it in any file that services of the image read" \
                'grep -rslIiE "pwned-(host|search)|pwned\.example|10\.0\.2\.66|Asia/Tokyo" /etc/resolv.conf /etc/hostname /etc/hosts /etc/timezone /etc/ntp* /etc/chrony* /etc/systemd /run --exclude-dir=udev
                cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname | grep -i pwned; readlink /etc/localtime | grep Tokyo'
        not_taken "the root is the attested image, the name the attested one" \
                'grep -q "^muster-root / overlay" /proc/mounts || cat /proc/mounts; hostname | grep -vx n1'
        ask_node "${run[@]}" sh -s
        if grep -aqE 'PWNED|dracut:/#|emergency mode|sh-5' "$d/console.log"; then
                not_ok "the console shows no shell and none of it" "$(grep -aE 'PWNED|dracut:/#|emergency mode|sh-5' "$d/console.log")"
        else
                ok "the console shows no shell and none of it"
        fi
        check "the parent counted it as released" test "$(m node show n1 -o json | jq -r .state)" = released
}
