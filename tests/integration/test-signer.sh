#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The process that holds the cluster's keys: nobody else has them, it can do
# nothing but sign, and neither process outlives the other.
. "$(dirname "$0")/../lib.sh"
requires test "$(id -u)" = 0 # to read other processes' memory
requires curl --version
requires openssl version
requires jq --version
requires ss --version
requires python3 --version
. "$(dirname "$0")/musterd-lib.sh"
make_parent
mkdir "$tmp/hooks.d" # then there is a third process, with a socket of its own
: >"$tmp/musterd.log"
search() { python3 "$(dirname "$0")/memory-search.py" "$@"; }
children() { pgrep -P "$1" | sort; }
comm() { cat "/proc/$1/comm" 2>/dev/null; }
# signer_of PID: its child of that name
signer_of() { local p; for p in $(children "$1"); do [ "$(comm "$p")" = musterd-signer ] && echo "$p"; done; }
field() { awk -v f="$2:" '$1 == f { print $2 }' "/proc/$1/status"; }
# gone PID: no such process, or one that only waits to be reaped
gone() { [ ! -e "/proc/$1" ] || [ "$(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null)" = Z ]; }

# ---- what is looked for: private parts, as bytes and as OpenSSL and GMP keep numbers (least first)
scalar() { openssl pkey -in "$1" -noout -text | sed -n '/^priv:/,/^pub:/p' | grep '^ ' | tr -d ' :\n' | tail -c 64 | sed ':a; s/^.\{0,63\}$/0&/; ta'; }
backwards() { python3 -c 'import sys; print(bytes.fromhex(sys.argv[1])[::-1].hex())' "$1"; }
ca=$(scalar "$tmp/pki/ca.key")
policy=$(scalar "$tmp/pki/policy.key")
server=$(scalar "$tmp/pki/server.key")
ssh=$(openssl pkey -in "$tmp/pki/ssh_ca" -outform DER | tail -c 32 | xxd -p -c 64)
store=$(xxd -p -c 64 "$tmp/pki/store.key")
line2() { sed -n 2p "$1" | tr -d '\n' | xxd -p -c 200; } # of the file's own text
is "the keys to look for were read" "64 64 64 64 64" "${#ca} ${#policy} ${#server} ${#ssh} ${#store}"
secrets=("ca=$ca" "ca-backwards=$(backwards "$ca")" "policy=$policy" "policy-backwards=$(backwards "$policy")" "ssh-ca=$ssh" "store=$store"
        "ca-text=$(line2 "$tmp/pki/ca.key")" "policy-text=$(line2 "$tmp/pki/policy.key")" "ssh-ca-text=$(line2 "$tmp/pki/ssh_ca")")

musterd_start || exit 1
signer=$(signer_of "$musterd_pid")
is "musterd has a signing process" 1 "$(wc -w <<<"$signer")"

# ---- make it use every key: an image's key is wrapped
sealed_file "$state/images/i.img"
image_key=$(head -c 32 /dev/urandom | xxd -p -c 64)
check "an image's key is wrapped" admin POST /v1/images "{\"name\":\"i\",\"file\":\"i.img\",$sealed_about,\"key\":\"$(xxd -r -p <<<"$image_key" | base64)\",\"default\":true}"
check "and the signer logged it, with a count" grep -q '^<6>musterd-signer: node=0* made=wrapped-key image=i total=1$' "$tmp/musterd.log"

# ---- memory -------------------------------------------------------------------
search "$musterd_pid" "${secrets[@]}" "server-backwards=$(backwards "$server")" >"$tmp/net.mem" 2>&1
search "$signer" "${secrets[@]}" "image-key=$image_key" >"$tmp/signer.mem" 2>&1
# both ways of looking do find what is there
check "the network process has the key of its TLS certificate" grep -q '^server-backwards copies=[1-9]' "$tmp/net.mem"
for k in ca-backwards policy-backwards ssh-ca store; do
        check "the signer has $k" grep -q "^$k copies=[1-9]" "$tmp/signer.mem"
done
is "the network process has none of the cluster's keys, in no form" 9 "$(grep -v ^server "$tmp/net.mem" | grep -c 'copies=0 unlocked=0')"
is "each copy of a key in the signer is locked and left out of dumps" 10 "$(grep -c 'unlocked=0$' "$tmp/signer.mem")"
is "the signer forgets the image keys that pass through it" "image-key copies=0 unlocked=0" "$(grep ^image-key "$tmp/signer.mem")"
[ "$failed" -gt 0 ] && sed 's/^/# /' "$tmp/net.mem" "$tmp/signer.mem"

# ---- what the signer can do ---------------------------------------------------
is "it does not run as root" "$(id -u nobody)" "$(field "$signer" Uid)"
is "it has no capability in any set" "0000000000000000 5" "$(awk '/^Cap/ { print $2 }' "/proc/$signer/status" | sort | uniq -c | awk '{ print $2, $1 }')"
is "no new privileges" 1 "$(field "$signer" NoNewPrivs)"
is "its system calls are filtered" 2 "$(field "$signer" Seccomp)"
is "it is one thread" 1 "$(field "$signer" Threads)"
is "no core dump" 0 "$(awk '/^Max core/ { print $6 }' "/proc/$signer/limits")"
is "no further process" 0 "$(awk '/^Max processes/ { print $4 }' "/proc/$signer/limits")"
is "it holds the null device, the log and one socket" "/dev/null /dev/null $tmp/musterd.log socket" \
        "$(for i in "/proc/$signer/fd"/*; do readlink "$i"; done | sed 's/^socket:.*/socket/' | paste -sd' ')"
is "no listener and no network socket" "" "$(ss -Hatunp 2>/dev/null | grep "pid=$signer," || true)"
check "of which musterd has some" test "$(ss -Hatunp | grep -c "pid=$musterd_pid,")" -ge 2
as_nobody() { setpriv --reuid "$(id -u nobody)" --clear-groups "$@" 2>/dev/null; }
is "its own user may not read its memory" "yes no" "$(as_nobody head -c 1 /proc/self/maps | wc -c | sed 's/^1$/yes/') $(as_nobody head -c 1 "/proc/$signer/maps" | wc -c | sed 's/^0$/no/')"

# ---- neither outlives the other -------------------------------------------------
ends() { local rc; wait "$musterd_pid"; rc=$?; musterd_pid=; return "$rc"; }
kill -KILL "$signer"
wait_for 10 gone "$musterd_pid" || kill "$musterd_pid"
ends
is "musterd exits with 6 when the signer is killed" 6 "$?"
check "and says what happened" grep -q 'the signing process is gone (killed by signal 9).*Next:' "$tmp/musterd.log"
musterd_start || exit 1
signer=$(signer_of "$musterd_pid")
is "it starts again, with another signer" 1 "$(wc -w <<<"$signer")"
kill -TERM "$signer"
check "a SIGTERM to all of the service is for musterd to act on" admin GET /v1/status
kill -KILL "$musterd_pid"
check "the signer ends when musterd was killed" wait_for 5 gone "$signer"
{ wait "$musterd_pid"; } 2>/dev/null
musterd_start || exit 1
signer=$(signer_of "$musterd_pid")
musterd_stop
is "SIGTERM ends musterd cleanly" 0 "$?"
check "and its signer" wait_for 5 gone "$signer"

# ---- no signer, no musterd -------------------------------------------------------
for f in ca.key policy.key ssh_ca store.key; do
        mv "$tmp/pki/$f" "$tmp/pki/away"
        check_says 3 "cannot read the key file .*/$f: No such file" "without $f it does not start" "$bin/musterd" --config "$conf"
        check_says 3 "cannot read the key file .*/$f: No such file" "and --check-config says so ($f)" "$bin/musterd" --check-config --config "$conf"
        mv "$tmp/pki/away" "$tmp/pki/$f"
done
