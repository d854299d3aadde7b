#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# A backup that an older musterd made, and a state that one left: restored,
# and read, as if they were of this version; an altered journal is found.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
requires sqlite3 --version
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
mkdir -p "$tmp/ipxe" && echo x >"$tmp/ipxe/snponly.efi"
p=$tmp/p
m() { "$bin/muster" "$@"; }
parent_init "$p"
parent_start "$p"
add() { m node add "$1" --id "$(head -c 32 /dev/urandom | xxd -p -c 64)" --without-ek-certificate >/dev/null; }
add n1 && add n2 && add n3
m node revoke n2 >/dev/null
check "a backup" m backup "$tmp/b" --etc "$p/etc" --state "$p/state"
m node revoke n1 >/dev/null
parent_stop

# second FILE: the database as version 2 of its schema had it
second() {
        sqlite3 "$1" "ALTER TABLE nodes DROP COLUMN restart_count; ALTER TABLE nodes DROP COLUMN clock;
                ALTER TABLE nodes DROP COLUMN ak_token; ALTER TABLE nodes DROP COLUMN cleared;
                ALTER TABLE nodes DROP COLUMN firmware_version; ALTER TABLE nodes DROP COLUMN tpm_maker;
                ALTER TABLE nodes DROP COLUMN facts_before; ALTER TABLE nodes DROP COLUMN former;
                ALTER TABLE nodes DROP COLUMN policy_key; ALTER TABLE nodes DROP COLUMN address;
                ALTER TABLE images DROP COLUMN list; ALTER TABLE macs DROP COLUMN since;
                ALTER TABLE nodes DROP COLUMN why; PRAGMA user_version = 2; ${2:-}"
}
# told BACKUP: its manifest holds what it is now
told() { jq --arg d "$(sha256sum "$1/muster.db" | cut -c1-64)" --argjson s "$(stat -c %s "$1/muster.db")" \
        '(.files[] | select(.path == "muster.db")) |= (.sha256 = $d | .size = $s)' "$1/manifest.json" >"$tmp/m" && cp "$tmp/m" "$1/manifest.json"; }
states() { sqlite3 "$1/muster.db" "SELECT name, state FROM nodes ORDER BY name" | paste -sd' '; }
cp -a "$tmp/b" "$tmp/b2" && second "$tmp/b2/muster.db" && told "$tmp/b2"
cp -a "$tmp/b" "$tmp/bad" && second "$tmp/bad/muster.db" "DROP TRIGGER journal_no_update; UPDATE journal SET event = 'approved' WHERE seq = 2" && told "$tmp/bad"
cp -a "$tmp/b" "$tmp/cut" && second "$tmp/cut/muster.db" "DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)" && told "$tmp/cut"
user=$(id -un)
[ "$user" != root ] || user=daemon
to() { m restore "$1" --etc "$tmp/$2/etc" --state "$tmp/$2/state" --user "$user" --unauthenticated; }
check_says 1 'journal in .* was altered: event 2' "an older backup whose journal was altered is refused" to "$tmp/bad" x
check_says 1 'journal in .* was altered' "one whose journal was cut is refused" to "$tmp/cut" x
check "nothing of them is put in place" test ! -e "$tmp/x/state"
check "an older musterd's backup is restored" to "$tmp/b2" y
is "it is of this version then" 4 "$(sqlite3 "$tmp/y/state/muster.db" 'PRAGMA user_version')"
check "with its journal" m log verify --database "$tmp/y/state/muster.db"
is "and its nodes" "n1|1 n2|5 n3|1" "$(states "$tmp/y/state")"
out=$(m restore "$tmp/b" --etc "$p/etc" --state "$p/state" --force 2>&1)
is "over a state of this version what was revoked since stays so" "0 n1|5 n2|5 n3|1" "$? $(states "$p/state")"
# the same over a state that an older musterd left, before this one has started on it
second "$p/state/muster.db"
sqlite3 "$p/state/muster.db" "UPDATE nodes SET state = 5 WHERE name = 'n3'"
out=$(m restore "$tmp/b" --etc "$p/etc" --state "$p/state" --force 2>&1)
is "so it does over an older musterd's" "0 n1|5 n2|5 n3|5" "$? $(states "$p/state")"
check "nothing is said to be lost" sh -c '! grep LOST' <<<"$out"
is "its copy is gone" "" "$(find "$p/state" -name '.old*')"
