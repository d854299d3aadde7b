#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# muster-node boot --sysroot, in a mount namespace of its own: RAM, loop
# device, overlay, files in the new root, and what a failure leaves. Needs
# root; the boot tests do the same in virtual machines.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires unshare -m true
requires test -w /dev/loop-control
requires grep -q squashfs /proc/filesystems
requires grep -q overlay /proc/filesystems
node_files
p=$tmp/parent
parent_init "$p"
parent_start "$p"
parent_content "$p"
node_facts 1
loops() { for l in /sys/block/loop*/loop/backing_file; do cat "$l" 2>/dev/null; done | grep -c 'memfd:muster-image'; }
before=$(loops)
none_left() { [ "$(left)" = 0 ]; }
left() { echo $(($(loops) - before)); }
"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -static -o "$tmp/loop_probe" "$top/tests/boot/loop_probe.c" || exit 1

tpm_on "$tmp/tpm"
timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/first" --image-file "$tmp/image" >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
"$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate >/dev/null
wait "$pid" || exit 1
tpm_off

# inside the namespace: mounts, then what the new root looks like
cat >"$tmp/inside" <<'SH'
set -u
mkdir -p "$tmp/run" "$tmp/sysroot"
mount -t tmpfs none "$tmp/run" && mount --make-rprivate /
timeout 60 "$bin/muster-node-test" boot --config "$1" --sysroot "$tmp/sysroot" --run-dir "$tmp/run/muster" --once
echo "status $?"
findmnt -n -o FSTYPE,TARGET -R "$tmp" || cat /proc/self/mounts | grep "$tmp"
cat "$tmp/sysroot/etc/hostname" "$tmp/sysroot/etc/ssh/sshd_config.d/10-muster.conf" "$tmp/sysroot/etc/motd"
stat -c 'mode %a' "$tmp/sysroot" "$tmp/sysroot/etc/ssh/sshd_config.d"
cmp "$tmp/sysroot/ballast" "$tmp/root/ballast" && echo same ballast
echo change >"$tmp/sysroot/etc/motd" && echo writable
ls "$tmp/run/muster"
jq -c '[.capped, .ms.mount >= 0]' "$tmp/run/muster/boot.json"
# what root could do to the image below the overlay, and the same to loop devices of its own
find "$tmp/run" -xdev -size +1000k -printf 'a file of the image: %p\n' 2>/dev/null
dev=$(findmnt -n -o SOURCE "$tmp/run/muster/ro") || exit
size=$(blockdev --getsize64 "$dev")
truncate -s "$size" "$tmp/own" "$tmp/other"
"$tmp/loop_probe" "$dev" "$tmp/other" | sed 's/^/image /'
for flag in --read-only ''; do
        own=$(losetup $flag --find --show "$tmp/own")
        "$tmp/loop_probe" "$own" "$tmp/other" | sed "s/^/own$flag /"
        losetup -d "$own"
done
echo 3 >/proc/sys/vm/drop_caches
cmp "$tmp/sysroot/ballast" "$tmp/root/ballast" && echo still the same ballast
SH
tpm_on "$tmp/tpm"
export tmp bin
unshare -m bash "$tmp/inside" "$p/node.conf" >"$tmp/out" 2>&1
has() { grep -q -- "$1" "$tmp/out" || { cat "$tmp/out"; return 1; }; }
check "boot --sysroot succeeds" has '^status 0$'
check "the image is there under an overlay" has '^same ballast$'
check "its mounts are seen" has overlay
check "the new root can be changed" has '^writable$'
check "its root directory is open to all" has '^mode 755$'
check "/etc/hostname is the node's name" has '^r1n001$'
check "sshd gets the host key" has "^HostKey $tmp/run/muster/ssh_host_ed25519_key$"
check "and its certificate" has "^HostCertificate $tmp/run/muster/ssh_host_ed25519_key-cert.pub$"
check "no path leads to the image's file" test -z "$(grep 'a file of the image' "$tmp/out")"
check "what is behind the image's loop device cannot be replaced" has '^image change: EINVAL$'
check "control: behind an ordinary read-only one it can" has '^own--read-only change: ok$'
check "nor written" has '^image write: E'
check "control: an ordinary one can" has '^own write: ok$'
check "the image reads as before" has '^still the same ballast$'
check "PCR 15 is capped" has '^\[true,true\]$'
check "what it leaves for the new root has the key" grep -q tls.key <(sed -n '/^status/,$p' "$tmp/out")
check "what it prints holds no key" test -z "$(grep -i 'private key' "$tmp/out")"
tpm_off

# a file system that the kernel refuses: sealed and served all the same
mksquashfs "$tmp/root" "$tmp/broken.squashfs" -quiet -no-progress >/dev/null
size=$(stat -c %s "$tmp/broken.squashfs")
head -c $((size - 96)) /dev/urandom | dd of="$tmp/broken.squashfs" bs=4096 seek=96 oflag=seek_bytes conv=notrunc status=none
check "a broken file system can be added" "$bin/muster" image add broken "$tmp/broken.squashfs" --default --unchecked
tpm_on "$tmp/tpm"
unshare -m bash "$tmp/inside" "$p/node.conf" >"$tmp/out" 2>&1
check "an image that cannot be mounted is refused" has 'error E-MOUNT: .*Next: '
check "with its exit status" has '^status 9$'
check "no key is left behind" test -z "$(sed -n '/^status/,$p' "$tmp/out" | grep tls.key)"
check "no loop device is left behind" wait_for 10 none_left
check "PCR 15 stays zero, so that it can be tried again" grep -q '15: 0x0\{64\}' <<<"$(tpm2_pcrread sha256:15)"
"$bin/muster" image default base >/dev/null
unshare -m bash "$tmp/inside" "$p/node.conf" >"$tmp/out" 2>&1
check "with a good image the same boot passes" has '^status 0$'
tpm_off

# images that could not be started: noticed before the cap, when it can still
# be tried again
unbootable() { # NAME IMAGE
        "$bin/muster" image add "$2" "$tmp/$2" --default --unchecked >/dev/null 2>&1
        tpm_on "$tmp/tpm"
        unshare -m bash "$tmp/inside" "$p/node.conf" >"$tmp/out" 2>&1
        check "$1 is refused" has 'error E-MOUNT: .*/sbin/init.*Next: '
        check "$1 leaves PCR 15 at zero" grep -q '15: 0x0\{64\}' <<<"$(tpm2_pcrread sha256:15)"
        check "$1 leaves no key and no loop device" test "$(left):$(sed -n '/^status/,$p' "$tmp/out" | grep tls.key)" = 0:
        tpm_off
}
mkdir -p "$tmp/none/etc" "$tmp/outside/etc" "$tmp/outside/sbin" "$tmp/plain/etc" "$tmp/plain/sbin"
unbootable "an image without an init" none
ln -s /bin/sh "$tmp/outside/sbin/init"
unbootable "an init that only the initramfs has" outside
echo text >"$tmp/plain/sbin/init"
unbootable "an init that is no program" plain

# one flipped byte in the sealed image: nothing of it is mounted
"$bin/muster" image default base >/dev/null
sealed=$(echo "$p"/state/images/base-*.sealed)
# shellcheck disable=SC2317
flip() { python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(-40, 2); b = f.read(1); f.seek(-40, 2); f.write(bytes([b[0] ^ 1]))' "$sealed"; }
parent_stop # a running musterd notices, and serves it no more
flip
parent_start "$p"
tpm_on "$tmp/tpm"
unshare -m bash "$tmp/inside" "$p/node.conf" >"$tmp/out" 2>&1
check "an image with one flipped byte is refused" has 'error E-IMAGE: .*does not verify.*Next: '
check "with the exit status of an image that cannot be used" has '^status 9$'
check "nothing of it is mounted" test "$(left):$(grep -cE 'squashfs|overlay' "$tmp/out")" = 0:0
check "and PCR 15 is zero after it" grep -q '15: 0x0\{64\}' <<<"$(tpm2_pcrread sha256:15)"
tpm_off
parent_stop
flip # as it was
parent_start "$p"

# a machine with too little memory, and one whose TPM is of version 1.2
"$bin/muster" image default base >/dev/null
tpm_on "$tmp/tpm"
printf 'MemTotal: 65536 kB\nMemFree: 4096 kB\nMemAvailable: 4096 kB\n' >"$tmp/meminfo"
# shellcheck disable=SC2016
unshare -m bash -c 'mount --bind "$tmp/meminfo" /proc/meminfo && exec bash "$tmp/inside" "$1"' - "$p/node.conf" >"$tmp/out" 2>&1
check "an image larger than the free memory is refused" has 'error E-MEMORY: hold image base of .*Next: '
check "with the exit status of an image" has '^status 9$'
check "and PCR 15 stays zero" grep -q '15: 0x0\{64\}' <<<"$(tpm2_pcrread sha256:15)"
tpm_off
# shellcheck disable=SC2016
env -u MUSTER_TCTI unshare -m bash -c 'mount -t tmpfs none /sys/class && mkdir -p /sys/class/tpm/tpm0 &&
        echo 1 >/sys/class/tpm/tpm0/tpm_version_major && exec bash "$tmp/inside" "$1"' - "$p/node.conf" >"$tmp/out" 2>&1
check "a TPM 1.2 is refused" has 'error E-TPM: .*version 1.2.*Next: switch the TPM to version 2.0'
check "with the exit status of the TPM" has '^status 4$'
