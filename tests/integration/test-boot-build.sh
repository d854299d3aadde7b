#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# `muster boot build`: what it refuses, what is in what it makes.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dracut-lib.sh"
requires zstd --version
build_inputs

# refused NAME EXIT TEXT ARGUMENT…: exit code, and the error says TEXT
refused() {
        local name=$1 want=$2 text=$3 out rc
        shift 3
        out=$(boot_build --output "$tmp/refused.efi" "$@" 2>&1)
        rc=$?
        if [ "$rc" -eq "$want" ] && grep -qF -e "$text" <<<"$out" && [ ! -e "$tmp/refused.efi" ]; then
                ok "$name"
        else
                not_ok "$name" "exit $rc, wanted $want and '$text': $out"
        fi
}
check_says 2 "--output" "without --output it says so" boot_build
check_exit 0 "--help" "$bin/muster" boot build --help
refused "an unknown option is named" 2 "'--nonsense'" --nonsense
refused "a stray argument is named" 2 "'stray'" stray
refused "a missing kernel is named" 2 "$tmp/nokernel" --kernel "$tmp/nokernel"
refused "a file that is no kernel" 2 "no bzImage" --kernel /etc/os-release
refused "a version that is not the kernel's" 2 "not 5.0" --kver 5.0
refused "modules of another version" 2 "the kernel is version" --kmoddir "$tmp"
mkdir -p "$tmp/lib/modules/${kmoddir##*/}" "$tmp/noetc/pki"
refused "modules without modules.dep: depmod" 2 "depmod" --kmoddir "$tmp/lib/modules/${kmoddir##*/}"
refused "no node.conf: muster init" 2 "muster init" --etc "$tmp/noetc"
refused "a missing client is named" 2 "--node-binary" --node-binary "$tmp/nosuch"
refused "a command line of two lines" 2 "control character" --cmdline "root=muster
init=/bin/sh"
refused "a missing dracut: its packages" 2 "dracut-core" --dracut "$tmp/nosuch"
cp -r "$tmp/etc" "$tmp/evil"
cat "$tmp/etc/pki/ca.key" >>"$tmp/evil/pki/ca.pem"
refused "a private key never gets into an initramfs" 4 "holds a private key" --etc "$tmp/evil" --drivers virtio_net
refused "a missing stub: its package" 4 "systemd-boot-efi" --drivers virtio_net --stub "$tmp/nosuch"
refused "a stub that is no PE image" 4 "not a 64-bit PE image" --drivers virtio_net --stub /etc/os-release
refused "a driver that does not exist" 2 "driver nosuchdriver" --drivers virtio_net --add-drivers nosuchdriver
refused "a driver that is only the start of one" 2 "driver virtio_n" --drivers virtio_n
SOURCE_DATE_EPOCH=yesterday refused "a SOURCE_DATE_EPOCH that is no number" 4 "SOURCE_DATE_EPOCH" --drivers virtio_net

check "builds with one driver" boot_build --output "$tmp/a.efi" --keep-initrd "$tmp/a.img" --drivers virtio_net
sleep 1
check "builds again" boot_build --output "$tmp/b.efi" --drivers virtio_net
check "the same input gives the same UKI" cmp "$tmp/a.efi" "$tmp/b.efi"
check "temporary files are gone" sh -c "! ls -d '$tmp'/muster-boot.* '$tmp'/*.new 2>/dev/null"

for s in osrel cmdline linux initrd; do
        objcopy --dump-section ".$s=$tmp/$s" "$tmp/a.efi" "$tmp/junk"
done
check ".linux is the kernel" cmp "$tmp/linux" "$kernel"
check ".initrd is the initramfs" cmp "$tmp/initrd" "$tmp/a.img"
check ".osrel is the parent's os-release" cmp "$tmp/osrel" /etc/os-release
for w in root=muster rd.neednet=1 rd.shell=0 rd.emergency=reboot systemd.import_credentials=no nohibernate; do
        check "the default command line has $w" grep -qw -- "$w" "$tmp/cmdline"
done
overlap=$(objdump -h "$tmp/a.efi" | awk '$1 ~ /^[0-9]+$/ { print $4, $3 }' | sort | python3 -c '
import sys
end = 0
for line in sys.stdin:
    at, size = (int(x, 16) for x in line.split())
    if at < end: print("%x below %x" % (at, end))
    end = at + size')
check "no section overlaps another in memory" test -z "$overlap"
check "muster uki reads it" "$bin/muster" uki "$tmp/a.efi"

(mkdir "$tmp/early" && cd "$tmp/early" && cpio -idm --quiet <"$tmp/a.img" 2>/dev/null)
check "the table that takes suspend to RAM away stands before it" \
        cmp "$top/dracut-module/90muster/muster-s3.aml" "$tmp/early/kernel/firmware/acpi/muster-s3.aml"
check "the initramfs unpacks" unpack "$tmp/a.img" "$tmp/r"
[ -e "$tmp/r/init" ] || exit 1
check "the client is there as it was built" cmp "$bin/muster-node" "$tmp/r/usr/bin/muster-node"
check "the client is static" test "$(readelf -lW "$tmp/r/usr/bin/muster-node" | grep -cE '^ +LOAD ') $(readelf -lW "$tmp/r/usr/bin/muster-node" | grep -c INTERP)" = \
        "$(readelf -lW "$bin/muster-node" | grep -cE '^ +LOAD ') 0"
check "control: a program that is not has an interpreter" grep -q INTERP <(readelf -lW "$bin/muster")
check "node.conf" cmp "$tmp/etc/node.conf" "$tmp/r/etc/muster/node.conf"
check "the CA's certificate" cmp "$tmp/etc/pki/ca.pem" "$tmp/r/etc/muster/ca.pem"
check "the policy key's public part" cmp "$tmp/etc/pki/policy.pem" "$tmp/r/etc/muster/policy.pem"
check_lacks "no private key" 'PRIVATE KEY-' "$tmp/r/etc" "$tmp/r/usr/lib/dracut"
check "control: the parent's would be found so" grep -rqaE 'PRIVATE KEY-' "$tmp/etc/pki"
for h in cmdline/20-muster-root initqueue/finished/50-muster-online initqueue/timeout/50-muster-timeout \
        mount/10-muster-mount pre-pivot/90-muster-handover emergency/01-muster-emergency; do
        check "hook $h can be run" test -x "$tmp/r/usr/lib/dracut/hooks/$h.sh"
done
check "dhclient's script is the strict one" cmp "$top/dracut-module/90muster/muster-dhcp.sh" "$tmp/r/usr/sbin/dhclient-script"
for m in loop squashfs overlay virtio_net virtio_pci; do
        check "kernel module $m" sh -c "find '$tmp/r' -name '$m.ko*' | grep -q ."
done
check "other network drivers are left out" test -z "$(find "$tmp/r" -name 'e1000e.ko*')"
check "control: the kernel has that one" test -n "$(find "$kmoddir" -name 'e1000e.ko*')"
check "no systemd runs as init" test ! -e "$tmp/r/usr/lib/systemd/systemd" -a -d "$tmp/r/usr/lib"
size=$(stat -c %s "$tmp/a.img")
check "the initramfs is below 16 MiB ($size bytes)" test "$size" -lt 16777216

out=$(boot_build --output "$tmp/full.efi" --keep-initrd "$tmp/full.img" --report --cmdline "root=muster rd.shell=0 x=1" 2>&1)
check "--report says what the module adds" grep -qE 'it adds [0-9]{6,8} bytes' <<<"$out"
grep -o 'initramfs with.*' <<<"$out" | sed 's/^/# /'
check "the next command is told" grep -qF "muster boot add NAME $tmp/full.efi" <<<"$out"
size=$(stat -c %s "$tmp/full.img")
check "with every network driver it is below 25 MiB ($size bytes)" test "$size" -lt 26214400
initramfs_part "$tmp/full.img" | zstd -dcq | cpio -t --quiet >"$tmp/full.list"
check "every network driver is in" grep -q mlx5_core.ko "$tmp/full.list"
if [ "$(id -u)" = 0 ]; then
        chmod 0711 "$tmp"
        chmod -R a+rX "$tmp/etc"
        install -d -o nobody "$tmp/nobody"
        cp "$bin/muster" "$bin/muster-node" "$tmp/nobody/"
        cp -r "$top/dracut-module/90muster" "$tmp/nobody/"
        cp -rL "$kernel" "$tmp/nobody/vmlinuz"
        check "it needs no root" setpriv --reuid=nobody --clear-groups env TMPDIR="$tmp/nobody" "$tmp/nobody/muster" boot build \
                --output "$tmp/nobody/u.efi" --kernel "$tmp/nobody/vmlinuz" --kmoddir "$kmoddir" --etc "$tmp/etc" \
                --node-binary "$tmp/nobody/muster-node" --module-dir "$tmp/nobody/90muster" --drivers virtio_net
fi
