#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# musterd.service: what it takes away, and that musterd lives with it. There
# is no systemd to start it here, so its capabilities are given with setpriv
# and the system calls that musterd makes are held against its filter.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/musterd-lib.sh"
requires systemd-analyze --version
requires systemd-sysusers --version
requires setpriv --version
requires strace --version
[ "$(id -u)" = 0 ] || { echo "# needs: root"; exit 77; }
unit=$top/bootserver/musterd.service

sed "s#/usr/sbin/musterd#$bin/musterd#; /^Documentation/d" "$unit" >"$tmp/musterd.service"
check "systemd reads the unit without a complaint" test -z "$(systemd-analyze verify "$tmp/musterd.service" 2>&1)"
echo 'Nonsense=yes' >>"$tmp/musterd.service"
check "control: it would complain" grep -q Nonsense <(systemd-analyze verify "$tmp/musterd.service" 2>&1)
score=$(systemd-analyze security --offline=true --no-pager "$unit" 2>/dev/null | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p')
check "its security score, $score, is under 2.0" awk -v s="$score" 'BEGIN { exit !(s != "" && s + 0 < 2.0) }'
mkdir -p "$tmp/root/etc"
systemd-sysusers --root="$tmp/root" "$top/bootserver/musterd.sysusers" >/dev/null 2>&1
check "its user is made by sysusers" grep -q '^muster:.*:/var/lib/muster:' "$tmp/root/etc/passwd"
check "the unit and sysusers name the same user" grep -qx 'User=muster' "$unit"

# ---- with the capabilities of the unit, and no other ---------------------------
caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
make_parent
chown -R root "$tmp/pki"
printf '#!/bin/sh\nexec strace -D -f -qq -o "%s" setpriv --no-new-privs --bounding-set="-all,%s" --inh-caps=-all "%s" "$@"\n' \
        "$tmp/trace" "$caps" "$bin/musterd" >"$tmp/musterd"
chmod 755 "$tmp/musterd"
mkdir "$tmp/hooks.d"
real=$bin
bin=$tmp
if musterd_start; then ok "it starts with the unit's capabilities alone"; else not_ok "it starts with the unit's capabilities alone"; exit 1; fi
check "the admin socket is root's and the group's" test "$(stat -c '%U:%G %a' "$sock")" = "root:nogroup 660"
check "and it answers" admin GET /v1/status
id=$(printf a%.0s {1..64})
check "and writes its store" admin POST /v1/nodes "{\"name\":\"n1\",\"id\":\"$id\"}"
kill -HUP "$musterd_pid"
check "and reloads" wait_for 5 grep -q reloaded "$tmp/musterd.log"
check "no capability of the unit is left to it" test "$(grep -c '^Cap[A-Za-z]*:.0000000000000000$' "/proc/$musterd_pid/status")" = 5
musterd_stop
bin=$real

# ---- and its system call filter ------------------------------------------------
python3 - "$unit" "$tmp/trace" >"$tmp/calls" <<'END'
import re, subprocess, sys
sets, name = {}, None
for line in subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True).stdout.splitlines():
    if line.startswith("@"):
        name = line.strip()
        sets[name] = set()
    elif name and line.startswith("    ") and not line.strip().startswith("#"):
        sets[name].add(line.strip())
def expand(word):
    if not word.startswith("@"):
        return {word}
    return set().union(*(expand(w) for w in sets[word]))
allowed = None
for line in open(sys.argv[1]):
    m = re.match(r"SystemCallFilter=(~?)(.*)", line)
    if not m:
        continue
    words = set().union(*(expand(w) for w in m[2].split()))
    if allowed is None:
        allowed = expand("@default") # systemd adds it to every list
    allowed = allowed - words if m[1] else allowed | words
used, after = set(), False
for line in open(sys.argv[2]):
    after = after or ("execve(" in line and "/musterd\"" in line and "setpriv" not in line)
    m = re.match(r"\d+ +(?:<\.\.\. )?([a-z_0-9]+)", line)
    if after and m:
        used.add(m[1])
print(len(used), "used", "refused:", *sorted(used - allowed - {"execve"}))
print("control:", *sorted({"mount", "ptrace", "chown", "bpf", "reboot"} - allowed))
END
check "the unit's filter has every system call that musterd makes: $(head -n1 "$tmp/calls")" grep -qE '^[3-9][0-9] used refused:$' "$tmp/calls"
check "control: and not every system call" grep -qx 'control: bpf chown mount ptrace reboot' "$tmp/calls"
