# SPDX-License-Identifier: Apache-2.0
# Sourced by shell tests. A test script prints `ok - behaviour` or
# `not ok - behaviour` for each behaviour it checks and exits non-zero when
# one failed. Things it starts are given to cleanup_pid and stopped by pid.
# shellcheck shell=bash

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
bin=${MUSTER_BIN:-$top/build}
# archives and unit programs, for helpers that link against them
# shellcheck disable=SC2034
objs=${MUSTER_OBJS:-$bin/rel}
# shellcheck disable=SC2034
corpus=${MUSTER_CORPUS:-$top/../shared/data}
# the little one of our own
# shellcheck disable=SC2034
made=$top/tests/data/made
tmp=$(mktemp -d "${TMPDIR:-/tmp}/muster-test.XXXXXX")
chmod 0711 "$tmp" # musterd runs as nobody when a test runs as root
failed=0
cleanup_pids=()
cleanup_cmds=()

cleanup_pid() { cleanup_pids+=("$1"); }
cleanup_fn() { cleanup_cmds+=("$*"); }

cleanup_all() {
        local rc=$? p c
        trap - EXIT
        set +e
        for c in "${cleanup_cmds[@]}"; do eval "$c"; done
        for p in "${cleanup_pids[@]}"; do kill "$p" 2>/dev/null; done
        for p in "${cleanup_pids[@]}"; do wait "$p" 2>/dev/null; done
        if [ -n "${KEEP:-}" ]; then echo "# kept: $tmp"; else rm -rf "$tmp"; fi
        [ "$rc" -ne 0 ] && exit "$rc"
        exit "$((failed > 0))"
}
trap cleanup_all EXIT

# ok NAME / not_ok NAME [detail]
ok() { echo "ok - $1"; }
not_ok() {
        echo "not ok - $1"
        [ $# -gt 1 ] && printf '%s\n' "$2" | sed 's/^/#   /'
        failed=$((failed + 1))
}

# with_corpus: succeeds where the real logs, quotes and certificates are that MUSTER_CORPUS names. Without them the checks
# that follow it are one skipped one, or a failed one when CI is set
with_corpus() {
        [ -d "$corpus/eventlogs" ] && return 0
        if [ -n "${CI:-}" ]; then not_ok "the corpus is at $corpus"; else echo "skip - needs the corpus, at $corpus"; fi
        return 1
}

# check NAME CMD…: passes when CMD succeeds; its output is shown when not
check() {
        local name=$1 out
        shift
        if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "exit $?: $* :: $out"; fi
}

# check_exit N NAME CMD…: passes when CMD exits with N
check_exit() {
        local want=$1 name=$2 out rc
        shift 2
        out=$("$@" 2>&1)
        rc=$?
        if [ "$rc" -eq "$want" ]; then ok "$name"; else not_ok "$name" "exit $rc, wanted $want: $* :: $out"; fi
}

# check_says N TEXT NAME CMD…: passes when CMD exits with N and says TEXT, an extended regular expression. For what has
# to be refused: an exit code alone is also that of a mistake in the test
check_says() {
        local want=$1 text=$2 name=$3 out rc
        shift 3
        out=$("$@" 2>&1)
        rc=$?
        if [ "$rc" -eq "$want" ] && grep -qE -e "$text" <<<"$out"; then
                ok "$name"
        else
                not_ok "$name" "exit $rc, wanted $want and '$text': $* :: $out"
        fi
}

# add_sections STUB OUT .NAME=FILE…: the stub with these sections behind its own, each on pages of its own. A stub's
# sections begin at its ImageBase, which is zero in Debian 12 and far above it in Debian 13
add_sections() {
        local stub=$1 out=$2 at=0 vma size part args=()
        shift 2
        while read -r vma size; do
                at=$((16#$vma + 16#$size > at ? 16#$vma + 16#$size : at))
        done < <(objdump -h "$stub" | awk '$1 ~ /^[0-9]+$/ { print $4, $3 }')
        for part in "$@"; do
                at=$(((at + 4095) / 4096 * 4096))
                args+=(--add-section "$part" --change-section-vma "${part%%=*}=$at")
                at=$((at + $(stat -L -c %s "${part#*=}")))
        done
        objcopy "${args[@]}" "$stub" "$out"
}

# check_lacks NAME TEXT PATH…: passes when there is something to read in each PATH (a file, or a directory with files) and
# none of it holds TEXT, an extended regular expression. `! grep` passes too when the file is not there
check_lacks() {
        local name=$1 text=$2 p out rc
        shift 2
        for p; do
                if [ ! -e "$p" ] || ! grep -rqas '' "$p"; then
                        not_ok "$name" "$p has nothing to read"
                        return
                fi
        done
        out=$(grep -raE -e "$text" "$@" 2>&1)
        rc=$?
        if [ "$rc" -eq 1 ]; then ok "$name"; else not_ok "$name" "grep exits with $rc: ${out:0:400}"; fi
}

# requires CMD…: skip (77) when it does not run; CI counts a skip as a failure
requires() {
        if ! "$@" >/dev/null 2>&1; then
                echo "# needs: $*"
                exit 77
        fi
}

# wait_for SECONDS CMD…: until CMD succeeds
wait_for() {
        local end=$((SECONDS + $1))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -ge "$end" ] && return 1
                sleep 0.1
        done
}

# initramfs_part FILE: an initramfs without the uncompressed archive that may stand before it (ACPI tables)
initramfs_part() {
        python3 -c '
import mmap, sys
with open(sys.argv[1], "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
    at = 0
    if m[:6] == b"070701":
        at = m.find(b"TRAILER!!!\0") + 11
        while m[at] == 0:
            at += 1
    sys.stdout.buffer.write(m[at:])' "$1"
}

# free_port: a TCP port that nobody uses just now, nor the one after it. Below the range that connections get theirs
# from: a test with thousands of them leaves those taken for a minute.
free_port() {
        python3 -c '
import random, socket
def free(port):
    with socket.socket() as s:
        try:
            s.bind(("", port))
        except OSError:
            return False
    return True
print(next(p for p in iter(lambda: random.randrange(10000, 32000), None) if free(p) and free(p + 1)))'
}
