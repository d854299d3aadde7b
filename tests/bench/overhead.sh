#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# overhead.sh OUTDIR WORK RESULT: boots WORK/muster.efi and WORK/live.efi in turns on the boot tests' fixture, in a network
# namespace of its own, and writes when each left its initramfs (RESULT, JSON). Leaves the last console in OUTDIR.
out=$1 work=$2 result=$3
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
. "$here/../boot/lib.sh"
. "$here/lib.sh"
rounds=${MUSTER_BENCH_OVERHEAD:-5}
https=18444
d=$tmp/node

keep() { cp "$d/console.log" "$out/overhead-console.log" 2>/dev/null; }
cleanup_fn keep

parent_new
parent_start || exit 1
node_new "$d" "$fixture/node"
# the parent's own certificate names the address at which the nodes see this machine
mkdir "$tmp/www"
ln "$fixture/image.squashfs" "$tmp/www/" 2>/dev/null || cp "$fixture/image.squashfs" "$tmp/www/"
python3 - "$tmp/www" "$https" "$tmp/etc/pki/server.pem" "$tmp/etc/pki/server.key" >"$tmp/https.log" 2>&1 <<'END' &
import functools, http.server, ssl, sys
www, port, cert, key = sys.argv[1:]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=www)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
END
cleanup_pid $!
wait_for 20 curl -sSf -k -o /dev/null -r 0-0 "https://127.0.0.1:$https/image.squashfs" || { cat "$tmp/https.log" >&2; exit 1; }

common="ip=dhcp rd.neednet=1 rd.shell=0 rd.emergency=reboot systemd.import_credentials=no nohibernate panic=30 quiet console=tty0 console=ttyS0,115200"
{
        m boot add bench-muster "$work/muster.efi" --cmdline "root=muster $common" &&
                m boot add bench-live "$work/live.efi" --cmdline "root=live:https://10.0.2.2:$https/image.squashfs rd.live.image rd.live.overlay.overlayfs=1 $common"
} >"$tmp/add.log" 2>&1 || { cat "$tmp/add.log" >&2; exit 1; }

qemu_cpu() { proc_cpu_ms "$(cut -d' ' -f1 "$d/run/qemu.pid")"; }
# boot KIND: prints the seconds that the kernel counted until switch_root, and those of CPU that the emulator used since the
# initramfs began, which other work on this machine hardly touches
boot() {
        local cpu
        m boot default "bench-$1" >"$tmp/default.log" 2>&1 || { cat "$tmp/default.log" >&2; exit 1; }
        node_start "$d" >&2 || exit 1
        "$vnode" wait "$d" 'Starting systemd-udevd' "$boot_seconds" >/dev/null 2>&1 || die "the $1 boot did not come to the initramfs"
        cpu=$(qemu_cpu)
        "$vnode" wait "$d" 'bench: switch_root at' "$boot_seconds" >"$tmp/said" 2>&1 || die "the $1 boot did not come to switch_root"
        cpu=$(($(qemu_cpu) - cpu))
        "$vnode" stop "$d" >&2
        echo "{\"seconds\": $(sed -n 's/.*bench: switch_root at \([0-9.]*\) s.*/\1/p' "$tmp/said" | tail -n 1), \"cpu_ms\": $cpu}"
}
for ((i = 1; i <= rounds; i++)); do
        # who begins alternates
        if ((i % 2)); then a=live b=muster; else a=muster b=live; fi
        declare -A s
        s[$a]=$(boot $a) && s[$b]=$(boot $b) || exit 1
        say "round $i: live ${s[live]}, muster ${s[muster]}"
        echo "{\"live\": ${s[live]}, \"muster\": ${s[muster]}}"
done >"$tmp/rounds" || exit 1
jq -s --arg accel "$(jq -r .accelerator "$out/machine.json" 2>/dev/null || echo unknown)" '{accel: $accel, rounds: .}' "$tmp/rounds" >"$result"
