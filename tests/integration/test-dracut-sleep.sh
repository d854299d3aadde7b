#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The ACPI table that stands before a node's initramfs takes suspend to RAM away. Shown with the distribution's kernel in
# QEMU; the control is the same machine without the table, which suspends and wakes up.
. "$(dirname "$0")/../lib.sh"
requires qemu-system-x86_64 --version
requires busybox sh -c :
requires cpio --version
requires swtpm --version

table=$top/dracut-module/90muster/muster-s3.aml
kernel=$top/build/kernel/vmlinuz
[ -e "$kernel" ] || "$top/qemu-harness/fetch-kernel.sh" "$top/build/kernel" || exit 1
python3 "$top/tests/integration/acpi_sleep.py" >"$tmp/table"
check "the table is what its source says" cmp "$tmp/table" "$table"

# an init that asks the kernel for everything it offers, and sleeps if it may; the clock wakes it up
mkdir -p "$tmp/root/bin" "$tmp/early/kernel/firmware/acpi"
cp "$(command -v busybox)" "$tmp/root/bin/busybox"
cp "$bin/muster-node" "$tmp/root/bin/"
cp "$table" "$tmp/early/kernel/firmware/acpi/"
cat >"$tmp/root/init" <<'INIT'
#!/bin/busybox sh
PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo "STATES $(cat /sys/power/state) FORMS $(cat /sys/power/mem_sleep)"
echo deep >/sys/power/mem_sleep && echo DEEP-TAKEN || echo DEEP-REFUSED
if grep -q '\[deep\]' /sys/power/mem_sleep; then
        echo 0 >/sys/class/rtc/rtc0/wakealarm
        echo +3 >/sys/class/rtc/rtc0/wakealarm
        echo mem >/sys/power/state && echo SLEPT
fi
[ ! -e /dev/tpmrm0 ] || echo "PLATFORM $(muster-node check-platform --suspend) EXIT $?"
echo "DISK $(cat /sys/power/disk)"
echo disk >/sys/power/state && echo HIBERNATED
echo DONE
poweroff -f
INIT
chmod +x "$tmp/root/init"
(cd "$tmp/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$tmp/without"
(cd "$tmp/early" && find . | cpio -o -H newc --quiet) >"$tmp/with"
cat "$tmp/without" >>"$tmp/with"

# boots INITRD WORDS QEMU-ARGUMENT…: what the init said is in $tmp/said
boots() {
        local initrd=$1 words=$2
        shift 2
        timeout 240 qemu-system-x86_64 -machine q35 -accel tcg -cpu max -m 512 -nodefaults -display none -no-reboot -serial "file:$tmp/said" \
                -kernel "$kernel" -initrd "$initrd" -append "console=ttyS0 quiet panic=-1 $words" "$@" </dev/null
}
# tpm: one for the next machine
tpm() {
        rm -f "$tmp/tpm.sock"
        swtpm socket --tpm2 --tpmstate dir="$tmp" --ctrl type=unixio,path="$tmp/tpm.sock" --flags startup-clear --terminate >"$tmp/swtpm.log" 2>&1 &
        cleanup_pid $!
        wait_for 10 test -S "$tmp/tpm.sock"
        # shellcheck disable=SC2054
        with_tpm=(-chardev "socket,id=tpm,path=$tmp/tpm.sock" -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0)
}
tpm
boots "$tmp/without" nohibernate "${with_tpm[@]}"
check "the machine boots without the table" grep -q '^DONE' "$tmp/said"
check "control: without the table it offers to suspend to RAM" grep -q 'FORMS.*\[deep\]' "$tmp/said"
check "control: and it does, and wakes up" grep -q '^SLEPT' "$tmp/said"
platform=$(sed -n 's/^PLATFORM \(.*\) EXIT 12.*/\1/p' "$tmp/said")
check "check-platform --suspend puts it to sleep, and finds that its firmware resumes the TPM" \
        jq -e '.suspended | .result == "resume" and .pcrs_kept and .slept_ms > 5000' <<<"$platform"
tpm
boots "$tmp/with" nohibernate "${with_tpm[@]}"
check "with the table check-platform --suspend finds nothing to try" \
        jq -e '.suspended.result == "absent"' <<<"$(sed -n 's/^PLATFORM \(.*\) EXIT 0.*/\1/p' "$tmp/said")"
check "the machine boots with the table" grep -q '^DONE' "$tmp/said"
check "with the table no suspend to RAM is offered" grep -q 'FORMS \[s2idle\].$' "$tmp/said"
check "with the table nothing that root writes brings it back" grep -q '^DEEP-REFUSED' "$tmp/said"
# there is no swap to hibernate to: what the kernel would do it says beforehand
check "nohibernate: the kernel would not hibernate" grep -qE '^DISK \[disabled\].?$' "$tmp/said"
boots "$tmp/with" "" -global ICH9-LPC.disable_s3=1
check "control: without the word it would" grep -q '^DISK .*\[platform\]' "$tmp/said"
check "a machine that has no S3 boots with the table, too" grep -q '^DONE' "$tmp/said"
[ "$failed" -eq 0 ] || cat "$tmp/said"
