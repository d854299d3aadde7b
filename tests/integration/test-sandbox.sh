#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# What musterd's processes gave up: seen from /proc; tried by a driver that
# takes the same privileges; and a whole life of a parent in which no call is
# refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires strace --version
requires curl --version
requires jq --version
[ "$(id -u)" = 0 ] || { echo "# needs: root"; exit 77; }

# ---- what the driver is let do ------------------------------------------------
"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -I"$top/common" -I"$top/bootserver" -o "$tmp/driver" \
        "$top/tests/integration/sandbox-driver.c" "$top/initramfs/sandbox.c" "$objs/libserver.a" "$objs/libcommon.a" \
        -lseccomp -lsqlite3 -lssl -lcrypto -lpthread || exit 1
world() { # everything as open as modes go, so that only the sandbox is in the way
        rm -rf "$tmp/w"
        mkdir -p "$tmp/w/state/boot" "$tmp/w/ekca" "$tmp/w/else"
        echo x | tee "$tmp/w/ekca/ca.pem" "$tmp/w/else/file" >"$tmp/w/else/victim"
        chmod -R a+rwX "$tmp/w"
}
drive() { # WHO ACTION: done, refused: ERRNO, killed
        local out rc
        world
        out=$("$tmp/driver" "$1" "$tmp/w/state" "$tmp/w/ekca" "$tmp/w/else" "$2" 2>"$tmp/driver.log" </dev/null 77</dev/null)
        rc=$?
        case $rc in
        0) echo "$out" ;;
        159) echo killed ;;
        *) echo "exit $rc: $(cat "$tmp/driver.log")" ;;
        esac
}
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
# what the kernel has, asked without musterd's code
landlock=$(python3 -c 'import ctypes; print(max(0, ctypes.CDLL(None).syscall(444, 0, 0, 1)))')
drive network random >/dev/null
if [ "$landlock" = 0 ]; then
        check "a kernel without Landlock is reported" grep -q 'this kernel has no Landlock' "$tmp/driver.log"
else
        check "Landlock is used as this kernel has it, ABI $landlock" grep -q "Landlock ABI $landlock)" "$tmp/driver.log"
fi

# what a process of the same user without a sandbox can do (the controls)
for a in state-file state-mkdir state-rename-dir ekca-read ekca-write elsewhere-read elsewhere-write elsewhere-make \
        elsewhere-unlink passwd-read proc-read exec fork thread ptrace setuid socket-unix socket-inet socket-netlink bind \
        connect map-exec mprotect-exec kill-other kill-self tiocsti dumpable memfd limits random priority priority-by-id; do
        is "control: without the sandbox, $a" "done" "$(drive control "$a")"
done
# what musterd needs
for a in state-file ekca-read thread kill-self random priority; do
        is "the network process can: $a" "done" "$(drive network "$a")"
done
is "the signer can: random" "done" "$(drive signer random)"
# what nobody but an intruder does
for a in exec fork ptrace setuid userns foreign-abi; do
        got=$(drive network "$a")
        [ "$a:$got" = foreign-abi:untried ] && continue # another architecture
        is "the network process is killed: $a" killed "$got"
        got=$(drive signer "$a")
        is "the signer is killed: $a" "$([ "$a" = fork ] && echo 'refused: ENOSYS' || echo killed)" "$got"
done
# refused, and it lives on
for a in socket-unix socket-inet socket-netlink map-exec mprotect-exec; do
        is "the network process is refused: $a" "refused: EPERM" "$(drive network "$a")"
        is "the signer is refused: $a" "refused: EPERM" "$(drive signer "$a")"
done
for a in tiocsti dumpable bind connect io-uring memfd limits kill-other priority-by-id; do
        is "the network process is refused: $a" "refused: ENOSYS" "$(drive network "$a")"
        is "the signer is refused: $a" "refused: ENOSYS" "$(drive signer "$a")"
done
# with PostgreSQL: streams that lead there, its files, and no more
is "with PostgreSQL on a Unix socket it can: socket-stream" "done" "$(drive network-pg-local socket-stream)"
is "and it can: pass-read" "done" "$(drive network-pg-local pass-read)"
is "with PostgreSQL by TCP it can: socket-inet" "done" "$(drive network-pg-tcp socket-inet)"
is "and it can: connect" "done" "$(drive network-pg-tcp connect)"
for a in socket-unix socket-netlink bind; do
        is "with PostgreSQL on a Unix socket it is refused: $a" "refused: ENOSYS" "$(drive network-pg-local "$a")"
        is "with PostgreSQL by TCP it is refused: $a" "refused: ENOSYS" "$(drive network-pg-tcp "$a")"
done
is "with PostgreSQL on a Unix socket it is refused: socket-inet" "refused: ENOSYS" "$(drive network-pg-local socket-inet)"
is "with PostgreSQL by TCP it is refused: socket-stream" "refused: ENOSYS" "$(drive network-pg-tcp socket-stream)"
is "without PostgreSQL it is refused: socket-stream" "refused: EPERM" "$(drive network socket-stream)"
if [ "$landlock" != 0 ]; then
        is "without PostgreSQL it is refused: pass-read" "refused: EACCES" "$(drive network pass-read)"
        is "with PostgreSQL it is refused: passwd-read" "refused: EACCES" "$(drive network-pg-local passwd-read)"
        is "with PostgreSQL it is refused: elsewhere-write" "refused: EACCES" "$(drive network-pg-local elsewhere-write)"
fi
[ "$landlock" -lt 4 ] || is "with PostgreSQL on another port it is refused: connect" "refused: EACCES" "$(drive network-pg-tcp-other connect)"
for a in state-file ekca-read passwd-read thread priority; do
        is "the signer opens and starts nothing: $a" "refused: ENOSYS" "$(drive signer "$a" | sed s/EAGAIN/ENOSYS/)"
done
is "the network process makes no directory" "refused: ENOSYS" "$(drive network state-mkdir)"
if [ "$landlock" != 0 ]; then
        for a in ekca-write elsewhere-read elsewhere-write elsewhere-make elsewhere-unlink passwd-read proc-read; do
                is "the network process is refused: $a" "refused: EACCES" "$(drive network "$a")"
        done
        check "it replaces no directory of state-dir" grep -q 'refused: E\(ACCES\|XDEV\)' <(drive network state-rename-dir)
fi
for a in exec map-exec socket-inet passwd-read; do
        is "sandbox = log refuses nothing: $a" "done" "$(SANDBOX=log drive network "$a")"
done
check "and says so loudly" grep -q 'IS NOT CONFINED' "$tmp/driver.log"

# ---- the client: root, in the initramfs ------------------------------------------
for a in random mount elsewhere-read elsewhere-make socket-inet thread; do
        is "the client can: $a" "done" "$(drive client "$a")"
done
for a in exec fork ptrace userns setuid module; do
        is "the client is killed: $a" killed "$(drive client "$a")"
done
for a in map-exec mprotect-exec socket-unix socket-netlink tiocsti; do
        is "the client is refused: $a" "refused: EPERM" "$(drive client "$a")"
done
for a in io-uring limits dumpable kill-other bind; do
        is "the client is refused: $a" "refused: ENOSYS" "$(drive client "$a")"
done
got=$(drive client foreign-abi)
[ "$got" = untried ] || is "the client is refused: a foreign ABI" "refused: ENOSYS" "$got"
is "it closes what it inherited" "refused: EBADF" "$(drive client descriptor)"
is "control: others have it" "done" "$(drive control descriptor)"
is "it clears its environment" "done" "$(drive client environment)"
is "control: others have one" untried "$(drive control environment)"
# CHOWN to FSETID, LINUX_IMMUTABLE, IPC_LOCK, SYS_ADMIN, SYS_BOOT, SYS_RESOURCE, MKNOD, SETFCAP, MAC_*
want=$(printf %016x "$((0x38960421f & 0x$(awk '/^CapPrm/ { print $2 }' /proc/self/status)))")
is "its capabilities are those that it and overlayfs need" "Inh=0000000000000000 Prm=$want Eff=$want Bnd=$want Amb=0000000000000000 done" \
        "$(drive client capabilities)"

# overlayfs works with the capabilities of who mounted it, for as long as the node runs
cat >"$tmp/overlay.sh" <<'END'
set -e
d=$1/o
mkdir -p "$d/lo/dir" "$d/rw" "$d/root"
mount -t tmpfs none "$d/rw"
mkdir "$d/rw/up" "$d/rw/wk"
cp /bin/true "$d/lo/true"
echo x >"$d/lo/file"
chown 1000:1000 "$d/lo/file" "$d/lo/dir"
chmod 700 "$d/lo/dir"
echo y >"$d/lo/dir/file"
"$1/driver" client "$d" "$d" "$d" overlay
cd "$d/root"
chown 0:0 file
chown 1001 dir/file
mv dir dir2
rm -r dir2
mknod null c 1 3
chmod 4755 true
ln true link
setpriv --reuid 1001 --clear-groups true
install -d -o 1001 home
setpriv --reuid 1001 --clear-groups sh -c 'echo a >home/a && chmod 600 home/a && mkdir home/b && mv home/a home/b && rm -r home/b'
END
check "root and users of the booted node can do all with their files" unshare -m bash "$tmp/overlay.sh" "$tmp"

# ---- a whole life under strace: nothing that musterd does is refused ----------
mkdir "$tmp/bin"
ln -s "$bin"/* "$tmp/bin/" 2>/dev/null
rm -f "$tmp/bin/musterd"
printf '#!/bin/sh\nexec strace -D -f -qq -y -o "%s" -e signal=none "%s" "$@"\n' "$tmp/trace" "$bin/musterd" >"$tmp/bin/musterd"
chmod 755 "$tmp/bin/musterd"
real=$bin
bin=$tmp/bin
node_files
p=$tmp/parent
parent_init "$p"
mkdir -p "$p/etc/hooks.d" "$tmp/heard"
chmod 777 "$tmp/heard"
printf '#!/bin/sh\ncat >>"%s"\n' "$tmp/heard/10" >"$p/etc/hooks.d/10-hear"
chmod 755 "$p/etc/hooks.d" "$p/etc/hooks.d/10-hear"
sed -i '/^hooks-dir/d' "$p/etc/musterd.conf"
echo "hooks-dir = $p/etc/hooks.d" >>"$p/etc/musterd.conf"
python3 - "$tmp/notify" >"$tmp/notified" <<'END' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
while True:
    print(s.recv(100).decode(), flush=True)
END
cleanup_pid $!
wait_for 5 test -S "$tmp/notify"
export NOTIFY_SOCKET=$tmp/notify
parent_start "$p"
unset NOTIFY_SOCKET
check "systemd is told that it is ready" wait_for 5 grep -q READY=1 "$tmp/notified"
parent_content "$p"
node_facts 1
tpm_on "$tmp/tpm"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 30 grep -q "waiting for approval" "$tmp/first.log"
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
check "an admin approves a node" "$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate
if wait "$pid"; then ok "it boots from a confined parent"; else not_ok "it boots from a confined parent" "$(cat "$tmp/first.log" "$p.log")"; fi
tpm_off
check "hooks hear of it" wait_for 10 grep -q '"to": *"released"' "$tmp/heard/10"
"$bin/muster" status >"$tmp/status"
kill -HUP "$node_parent_pid"
check "SIGHUP reloads" wait_for 10 grep -q 'reloaded' "$p.log"
check "the log says what confines it" grep -q 'the network process: system calls' "$p.log"

# ---- every process of it, from outside ----------------------------------------
pids="$node_parent_pid $(pgrep -P "$node_parent_pid" | tr '\n' ' ')"
field() { awk -v f="$2:" '$1 == f { $1 = ""; print substr($0, 2) }' "/proc/$1/status"; }
for one in $pids; do
        name=$(cat "/proc/$one/comm")
        case $name in musterd*) ;; *) continue ;; esac # strace
        u=$(id -u nobody)
        is "$name: no root" "$u $u $u $u" "$(field "$one" Uid | tr '\t' ' ')"
        is "$name: no supplementary group" "" "$(field "$one" Groups | tr -d ' ')"
        for set in CapInh CapPrm CapEff CapBnd CapAmb; do
                is "$name: $set is empty" 0000000000000000 "$(field "$one" "$set")"
        done
        is "$name: no new privileges" 1 "$(field "$one" NoNewPrivs)"
        is "$name: not dumpable" 0 "$(stat -c %u "/proc/$one/mem")"
        is "$name: no core" 0 "$(awk '/^Max core/ { print $6 }' "/proc/$one/limits")"
        [ "$name" = musterd-hooks ] || is "$name: seccomp filters" 2 "$(field "$one" Seccomp)"
        for t in /proc/"$one"/task/*; do
                [ "$name" = musterd-hooks ] || [ "$(awk '/^Seccomp:/ { print $2 }' "$t/status")" = 2 ] || not_ok "$name: a thread without filters"
        done
        echo "$name" >>"$tmp/names"
done
check "the hooks have a process of their own" grep -qx musterd-hooks "$tmp/names"
check "the trace has the keys that are opened before" grep -qE 'open(at)?\(.*/pki/' "$tmp/trace"
check "the network process opened no key after it was confined" test -z \
        "$(awk '/seccomp\(SECCOMP_SET_MODE_FILTER/ { on[$1] = 1 } on[$1] && /open(at)?\(.*\/pki\//' "$tmp/trace")"
parent_stop
check "systemd is told that it stops" wait_for 5 grep -q STOPPING=1 "$tmp/notified"
# clone3: libc asks it first, and takes clone then
refused=$(awk '/seccomp\(SECCOMP_SET_MODE_FILTER/ { on[$1] = 1 } on[$1] && /= -1 (ENOSYS|EPERM|EACCES)/ && !/clone3/' "$tmp/trace")
check "in a whole life nothing that musterd does is refused" test -z "$refused"
check "the trace saw it confined" grep -q 'seccomp(SECCOMP_SET_MODE_FILTER' "$tmp/trace"
check "and the refusals that it would have seen" grep -q 'clone3.*ENOSYS' "$tmp/trace"

# ---- the way on for a parent whose kernel or libc breaks it -----------------------
check "muster status showed it confined" grep -q 'confined: .*system calls' "$tmp/status"
bin=$real
echo "sandbox = log" >>"$p/etc/musterd.conf"
parent_start "$p"
check "with sandbox = log, muster status warns" grep -q 'WARNING: .*NOT CONFINED' <("$bin/muster" status)
is "and says so to programs" log "$("$bin/muster" status -o json | jq -r .sandbox.system_calls)"
parent_stop

# ---- below a home that its user may not enter -----------------------------------------
install -d -m 700 "$tmp/closed" "$tmp/closed/ek-ca"
sed -i "/^sandbox = log/d; s|^ek-ca-dir = .*|ek-ca-dir = $tmp/closed/ek-ca|" "$p/etc/musterd.conf"
timeout 20 "$bin/musterd" --config "$p/etc/musterd.conf" >"$tmp/closed.log" 2>&1
rc=$?
if [ "$landlock" = 0 ]; then
        ok "musterd does not look where it may go: this kernel has no Landlock"
else
        is "musterd does not start where it cannot reach its files" 1 "$((rc != 0 && rc != 124))"
        check "and says which, and what to do" grep -q "cannot reach $tmp/closed/ek-ca: Permission denied. Next: let its user enter" "$tmp/closed.log"
fi
