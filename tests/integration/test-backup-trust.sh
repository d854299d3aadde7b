#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# What a backup gives away, what a restore takes back, and whose backup it is:
# in the middle of the replacement of each key, over a newer state, and after
# somebody wrote in the backup.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
requires sqlite3 --version
requires openssl version
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
mkdir -p "$tmp/ipxe" && echo x >"$tmp/ipxe/snponly.efi"
p=$tmp/p
pki=$p/etc/pki
m() { "$bin/muster" "$@"; }
parent_init "$p"
parent_start "$p"
etc=(--etc "$p/etc")
again() { parent_stop; second_over; parent_start "$p"; }
backup() { m backup "$1" "${etc[@]}" --state "$p/state" "${@:2}"; }

# ---- in the middle of the replacement of each key, a plain backup holds no key ----
public='^(ca|server|policy|ca-previous|server-previous|policy-previous)\.pem$|^ssh_ca(-previous)?\.pub$'
# private DIR: names of its files that are not known to be public
private() { find "$1" -type f -printf '%f\n' | grep -vE "$public"; }
# secrets DIR: how many of the parent's private files are somewhere in it, by their bytes
secrets() { find "$1" -type f -exec sha256sum {} + | cut -c1-64 | sort -u | comm -12 - "$tmp/private" | wc -l; }
n=0
for key in policy server ca store ssh-ca; do
        check "rotate $key" m rotate "$key" "${etc[@]}"
        # what an interruption leaves: the new files, not in place yet
        for f in policy.key server.key ca.key store.key ssh_ca; do cp -p "$pki/$f" "$pki/$f.new"; done
        (cd "$pki" && private . | xargs sha256sum | cut -c1-64 | sort -u) >"$tmp/private"
        n=$((n + 1))
        check "a plain backup while the $key key is replaced" backup "$tmp/plain$n"
        is "the $key key being replaced: no private file is in it" 0 "$(secrets "$tmp/plain$n")"
        is "the $key key being replaced: nothing but public names" "" "$(private "$tmp/plain$n/etc/pki")"
        check "one with keys" backup "$tmp/keys$n" --with-keys
        is "holds each of them" "$(wc -l <"$tmp/private")" "$(secrets "$tmp/keys$n")"
        is "and none that others may read" "" "$(find "$tmp/keys$n/etc/pki" -type f -perm /077 -printf '%f\n' | grep -vE "$public")"
        rm "$pki"/*.new
        if [ "$key" = store ]; then # musterd wraps the images' keys anew when it starts
                check_says 0 'wrapped by the previous store key, which no restore puts back' "a backup before that warns" backup "$tmp/early"
                again
                check_lacks "control: after it, no more" 'previous store key' <(backup "$tmp/late" 2>&1)
                check "and that was a backup" test -s "$tmp/late/manifest.json"
        fi
        [ "$key" = server ] || check "rotate $key ends" m rotate "$key" --finish --force "${etc[@]}"
done
echo secret >"$p/etc/notes"
out=$(backup "$tmp/left" 2>&1)
check "what is not known to be public is left out, and it says so" grep -q 'left out.*etc/notes' <<<"$out"
is "it is not there" 0 "$(find "$tmp/left" -name notes | wc -l)"
check "with the keys it is taken" backup "$tmp/left2" --with-keys
is "for nobody else" 600 "$(stat -c %a "$tmp/left2/etc/notes")"
rm "$p/etc/notes"

# the mode is the name's, whatever the backup's is
chmod 644 "$tmp/left2/etc/pki/"*
user=$(id -un)
[ "$user" != root ] || user=daemon
check "restored elsewhere, from files of mode 0644" m restore "$tmp/left2" --etc "$tmp/e/etc" --state "$tmp/e/state" --user "$user" --unauthenticated
is "private keys are put back for nobody else" "" "$(find "$tmp/e/etc/pki" -type f -perm /077 -printf '%f\n' | grep -vE "$public")"
is "all five of them" 5 "$(find "$tmp/e/etc/pki" -type f -perm 600 | wc -l)"
is "certificates for everybody" 644 "$(stat -c %a "$tmp/e/etc/pki/ca.pem")"
parent_stop

# ---- a restore over a newer state ---------------------------------------------------
id() { printf '%s%s' "$1" "$(head -c 32 /dev/urandom | xxd -p -c 64 | cut -c2-)"; }
add() { m node add "$1" --id "$2" --without-ek-certificate >/dev/null; }
of() { m node list -o json | jq -r --arg i "$1" '.nodes[] | select(.id == $i) | "\(.name // "-") \(.state)"'; }
sql() { sqlite3 "$p/state/muster.db" "$1"; }
a=$(id 0) b=$(id 1) t=$(id f) q=$(id e) gone=$(id d)
ca_of() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/k" -subj "/CN=$1" -out "$p/etc/ek-ca/$1.pem" -days 9 2>/dev/null; }
ca_of good
ca_of stolen
for key in policy ca store; do m rotate "$key" "${etc[@]}" >/dev/null; done
again
add r1n001 "$a" && add thief "$t" && add quar "$q" && add gone "$gone"
# one AK in the backup and later, with counters that go on
parent_stop
ak="x'000b$(printf '%064d' 7)'"
sql "UPDATE nodes SET ak_name = $ak, reset_count = 5, restart_count = 1, clock = 100 WHERE id IN ('$a', '$q')"
parent_start "$p"
check "policy facts is warn in the backup" m policy facts warn
check "policy tpm is refuse in the backup" m policy tpm refuse
check "a backup with keys, while three keys are replaced" backup "$tmp/old" --with-keys
# since then
for key in policy ca store; do m rotate "$key" --finish --force "${etc[@]}" >/dev/null; done
rm "$p/etc/ek-ca/stolen.pem"
m node remove r1n001 >/dev/null && add r1n001 "$b" && m node revoke r1n001 >/dev/null
m node revoke thief >/dev/null
m node quarantine quar >/dev/null
m node revoke gone >/dev/null && m node remove gone >/dev/null
m policy facts quarantine >/dev/null
m policy tpm warn >/dev/null
m policy pcr1 profile >/dev/null
parent_stop
sql "UPDATE nodes SET reset_count = 7, restart_count = 0, clock = 50 WHERE id = '$q'"
sql "INSERT INTO settings VALUES ('default_boot', 'r9')"
restore() { m restore "$1" "${etc[@]}" --state "$p/state" --force "${@:2}"; }
out=$(restore "$tmp/old" 2>&1)
is "the older backup is restored" 0 $?
said() { check "it says: $1" grep -qE -e "$1" <<<"$out"; }
said "r1n001 \($(cut -c1-12 <<<"$b")\) stays revoked, without its name"
said 'policy facts stays quarantine, as it was; the backup has warn'
said 'policy pcr1 stays profile'
said 'policy tpm is refuse again, was warn'
said 'TPM counters stay as high as they were: 1$'
said 'the default boot entry is none again, was r9'
said 'not put back, only by hand: the backup holds: etc/pki/policy-previous\.key'
said 'not put back, since its directory is in use.*etc/ek-ca/stolen\.pem'
is "no key comes back that was replaced, nor a new one" "" "$(find "$pki" -name '*-previous*' -o -name '*.new')"
is "no maker's CA that was taken out" "good.pem" "$(ls "$p/etc/ek-ca")"
is "counters that went on stay" "7|0|50" "$(sql "SELECT reset_count, restart_count, clock FROM nodes WHERE id = '$q'")"
is "others are the backup's" "5|1|100" "$(sql "SELECT reset_count, restart_count, clock FROM nodes WHERE id = '$a'")"
parent_start "$p"
is "who was revoked stays so, though its name is another's in the backup" "- revoked" "$(of "$b")"
is "and so do those behind it" "thief revoked" "$(of "$t")"
is "and who was quarantined" "quar quarantined" "$(of "$q")"
is "and who was removed is quarantined" "gone quarantined" "$(of "$gone")"
is "as is who had the name before and was removed" "r1n001 quarantined" "$(of "$a")"
is "the stricter choices hold" "profile refuse quarantine" "$(m policy list -o json | jq -r '[.policy[].value] | join(" ")')"
check "the journal's chain goes on" m log verify
parent_stop
# where there is nothing yet, all of it comes back but what was on its way out
new=(m restore "$tmp/old" --etc "$tmp/n/etc" --state "$tmp/n/state" --user "$user")
check_says 1 'without .*n/etc/pki/store\.key nobody can tell' "not onto a machine without the store key, unasked" "${new[@]}"
out=$("${new[@]}" --unauthenticated 2>&1)
is "onto another machine" 0 $?
said 'THE BACKUP IS NOT AUTHENTICATED'
said "put in place: $tmp/n/etc/ek-ca/stolen\.pem"
said "put in place: $tmp/n/etc/pki/ca\.key"
is "its keys are there, but for those that were being removed" "ca.key ca.pem policy.key policy.pem server.key server.pem ssh_ca ssh_ca.pub store.key" \
        "$(ls "$tmp/n/etc/pki" | paste -sd' ')"
# an admin who puts the private keys back first gets the rest
mkdir -p "$tmp/o/etc/pki" && cp -p "$tmp/old/etc/pki/store.key" "$tmp/o/etc/pki/"
check "onto a machine that has a private key" m restore "$tmp/old" --etc "$tmp/o/etc" --state "$tmp/o/state" --user "$user"
is "its certificates come too" 4 "$(find "$tmp/o/etc/pki" -name '*.pem' -o -name '*.pub' | wc -l)"

# ---- somebody writes where backups are kept ----------------------------------------------
parent_start "$p"
check "a backup" backup "$tmp/good"
check "the CA is replaced after it" m rotate ca "${etc[@]}"
check "and that one only is good" m rotate ca --finish --force "${etc[@]}"
parent_stop
says() { check_says 1 'it was altered, or not made under the store key' "$1" restore "$2"; }
# of each file that says what it holds
sum() { jq '.files = ([inputs | split(" ")] | map({path: .[2], size: (.[1] | tonumber), sha256: .[0]}))' "$1/manifest.json" \
        <(cd "$1" && for f in $(jq -r '.files[].path' manifest.json) "${@:2}"; do echo "$(sha256sum <"$f" | cut -c1-64) $(stat -c %s "$f") $f"; done | jq -R .) \
        >"$tmp/m" && cp "$tmp/m" "$1/manifest.json"; }
cp -a "$tmp/good" "$tmp/bad1" && sqlite3 "$tmp/bad1/muster.db" "UPDATE nodes SET state = 1, reason = ''" && sum "$tmp/bad1"
says "a node that was revoked is let in, by the backup: refused" "$tmp/bad1"
cp -a "$tmp/good" "$tmp/bad2" && rm "$tmp/bad2/manifest.mac"
says "a backup without a MAC is refused" "$tmp/bad2"
cp -a "$tmp/good" "$tmp/bad3" && mkdir "$tmp/bad3/etc/hooks.d" && echo '#!/bin/sh' >"$tmp/bad3/etc/hooks.d/00" && sum "$tmp/bad3" etc/hooks.d/00
says "a file to run is in it: refused" "$tmp/bad3"
check_says 1 'a file that no backup holds: etc/hooks\.d/00' "for who takes it unauthenticated, too" restore "$tmp/bad3" --unauthenticated
cp -a "$tmp/good" "$tmp/bad4" && echo x >"$tmp/bad4/state/muster.db-wal" && sum "$tmp/bad4" state/muster.db-wal
check_says 1 'a file that no backup holds: state/muster\.db-wal' "nor is anything put beside the database" restore "$tmp/bad4" --unauthenticated
elsewhere() { m restore "$1" --etc "$tmp/$2/etc" --state "$tmp/$2/state" --user "$user" --unauthenticated; }
check "what is well formed is taken by who says so" elsewhere "$tmp/bad1" c
check "as it was made, it is this cluster's, though its CA was replaced" restore "$tmp/good"
check "while the store key is replaced, the previous one says so" m rotate store "${etc[@]}"
check "restored then" restore "$tmp/good"
again
check "the previous one goes" m rotate store --finish "${etc[@]}"
parent_stop
says "after that it cannot be told" "$tmp/good"
check "who is sure of it still can restore it" elsewhere "$tmp/good" d
