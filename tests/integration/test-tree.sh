#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What holds of the tree itself: shell scripts pass shellcheck, the pure parts
# of common/ call no I/O, the client has no way to load or start anything.
. "$(dirname "$0")/../lib.sh"
requires command -v shellcheck
requires command -v nm
cd "$top" || exit 2

scripts() {
        find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sort | while read -r f; do
                case $f in
                *.sh | ./.ci/run) echo "$f" ;;
                *) head -c 32 "$f" | head -n 1 | grep -aqE '^#!.*\b(ba|da)?sh\b' && echo "$f" ;;
                esac
        done
}
mapfile -t list < <(scripts)
check "there are shell scripts to look at" test "${#list[@]}" -gt 20
check "shell scripts pass shellcheck" shellcheck -x -S warning "${list[@]}"

# parsers and decisions do no I/O, take time as a parameter and never log
pure='tpmadvice backoff digest eventlog eventlog_replay eventlog_text hex ini jlist jout jscan jtab pe policy quote quote_verify seal tpmanswer
      sshcert sshtext tpmcrypt tpmpub tpmpub_key uki uki_initrd wire_attest wire_frame wire_manifest wire_verdict bundle nvdata ekcert ekcert_chain ekcert_key'
io='socket|connect|open|open64|openat|fopen|fopen64|read|write|printf|fprintf|vfprintf|dprintf|puts|time|clock_gettime|getenv|syslog|log_msg|system|execve'
uses_io() { nm -u "$1" | awk '{print $2}' | sed 's/^__//; s/_chk$//' | grep -xE "$io"; }
check "control: what a module does of it is found" test -n "$(uses_io "$objs/host/common/http.o")$(uses_io "$objs/host/common/log.o")"
for m in $pure; do
        o=$objs/host/common/$m.o
        [ -f "$o" ] || { not_ok "common/$m.c is pure" "$o is not there"; continue; }
        out=$(uses_io "$o")
        if [ -z "$out" ]; then ok "common/$m.c is pure"; else not_ok "common/$m.c is pure" "$out"; fi
done
for m in conditions facts head decide decide_chain decide_policy explain profile profile_json profile_settings choices refs; do
        o=$objs/host/bootserver/$m.o
        [ -f "$o" ] || { not_ok "bootserver/$m.c is pure" "$o is not there"; continue; }
        out=$(uses_io "$o")
        if [ -z "$out" ]; then ok "bootserver/$m.c is pure"; else not_ok "bootserver/$m.c is pure" "$out"; fi
done

# common/ includes nothing above it
out=$(grep -nE '#include "' common/*.[ch] | sed 's/.*#include "\(.*\)"/\1/' | sort -u | while read -r h; do
        [ -f "common/$h" ] || echo "$h"; done)
if [ -z "$out" ]; then ok "common/ includes nothing above it"; else not_ok "common/ includes nothing above it" "$out"; fi

# the client of the initramfs: static, starts nothing, no test code
check "muster-node is static" sh -c "file '$bin/muster-node' | grep -qE 'static(ally linked|-pie)'"
client_calls() { for o in "$objs"/node/initramfs/*.o "$objs"/node/common/*.o; do nm -u "$o"; done | awk '{print $2}'; }
check "control: what the client calls is found" grep -qx mount <(client_calls)
out=$(client_calls | grep -xE 'execve|execv|execl|execlp|execvp|system|popen|posix_spawn|dlopen|getaddrinfo|gethostbyname|getpwnam')
if [ -z "$out" ]; then ok "the client starts no program and uses no NSS or dlopen"; else not_ok "the client starts no program and uses no NSS or dlopen" "$out"; fi
check_lacks "the client holds no test code" 'muster\.test|MUSTER_TCTI|MUSTER_EVENTLOG' "$bin/muster-node"
check "control: the one for tests holds it" grep -qaE 'MUSTER_EVENTLOG' "$bin/muster-node-test"
size=$(zstd -19 -q -c "$bin/muster-node" | wc -c)
# with the small OpenSSL, where there is a source of it (initramfs/build-openssl.sh); else with the distribution's,
# which is half as large again since 3.5
limit=1572864
! pkg-config --atleast-version=3.5 libcrypto || limit=2359296
[ ! -e build/openssl/stamp ] || limit=1310720
check "the client is at most $limit bytes under zstd -19 ($size)" test "$size" -le "$limit"
# what is linked into it is not updated by the distribution: it says what that is
holds() { grep -qxE -e "$1" <<<"$version"; }
version=$("$bin/muster-node" --version)
read -r tss _ <build/tss/stamp
ossl="the distribution's"
[ ! -e build/openssl/stamp ] || read -r ossl _ <build/openssl/stamp
check "muster-node --version names its tpm2-tss" holds "tpm2-tss ${tss%+muster}( .*)?"
# a checkout whose `make deps` is of yesterday holds what it held then
recipe=$(sed -n 's/.*recipe=\([0-9]*\)$/\1/p' initramfs/build-tss.sh)
case "$tss $(cut -d' ' -f2,3 build/tss/stamp)" in
*"+muster recipe $recipe") check "which is old, and repaired" holds 'tpm2-tss .* \(older than 4\.1\.4: GHSA-7638-f8gq-c475 and GHSA-p3px-r4mm-jpw5 are repaired by its build\)' ;;
*"recipe $recipe") check "which is not old" dpkg --compare-versions "$tss" ge 4.1.4 ;;
*) echo "# build/tss is of an older recipe. Next: make deps" ;;
esac
check "and its OpenSSL" grep -qF "($ossl)" <(grep '^OpenSSL [1-9]' <<<"$version")
check "and its json-c" holds "json-c $(pkg-config --modversion json-c)"
read -ra flags < <(make -pn 2>/dev/null | sed -n 's/^STATICL := //p')
check "its linker flags link what is whole" sh -c 'echo "int main(void) { return 0; }" | gcc "$@" -o "$0" -xc -' "$tmp/whole" "${flags[@]}"
check_says 1 "undefined reference to .absent'" "and refuse what is not" sh -c 'echo "int absent(void); int main(void) { return absent(); }" | gcc "$@" -o "$0" -xc -' "$tmp/absent" "${flags[@]}"
