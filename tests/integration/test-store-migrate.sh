#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# muster store migrate: what it refuses, and that nodes, revocations, boots,
# images and the journal are PostgreSQL's afterwards.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/postgresql-lib.sh"
node_requires
requires sqlite3 --version
node_files
pg_make || exit 1
pg_start || exit 1
p=$tmp/p
parent_init "$p"
parent_start "$p"
parent_content "$p" 1
node_facts 1
for n in n1 n2; do
        tpm_on "$tmp/tpm.$n"
        id=$("$bin/muster-node-test" enroll | jq -r .id)
        timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/run" --image-file "$tmp/image" >"$tmp/$n.log" 2>&1 &
        pid=$!
        cleanup_pid "$pid"
        wait_for 20 grep -q "waiting for approval" "$tmp/$n.log"
        "$bin/muster" node approve "$id" --name "$n" --without-ek-certificate >/dev/null
        wait "$pid" || not_ok "$n is enrolled" "$(cat "$tmp/$n.log")"
        tpm_off
done
"$bin/muster" node revoke n2 >/dev/null
"$bin/muster" node show n1 -o json | jq -S 'del(.last_seen, .last_ok)' >"$tmp/before"
events=$("$bin/muster" log verify -o json | jq .count)

# is NAME WANTED GOT
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
migrate() { "$bin/muster" store migrate --config "$1"; }
conf=$p/etc/musterd.conf
check_says 2 'musterd\.conf names no PostgreSQL database' "without database there is nowhere to move to" migrate "$conf"
cp "$conf" "$tmp/pg.conf"
echo "database = $pg_conninfo" >>"$tmp/pg.conf"
check_says 1 'is in use by another process' "not while musterd runs" migrate "$tmp/pg.conf"
parent_stop

cp "$p/state/muster.db" "$tmp/good.db"
sqlite3 "$p/state/muster.db" "DROP TRIGGER journal_no_update; UPDATE journal SET code = 'x' WHERE seq = 2"
out=$(migrate "$tmp/pg.conf" 2>&1)
check_says 1 'event 2 does not follow from the ones before it' "a journal that was altered is refused" migrate "$tmp/pg.conf"
check "and the event named" grep -q "event 2 " <<<"$out"
check "and nothing is there" test "$(psql -c 'SELECT count(*) FROM muster.nodes')" = 0
rm -f "$p"/state/muster.db-*
cp "$tmp/good.db" "$p/state/muster.db"

out=$(migrate "$tmp/pg.conf" 2>&1)
check "it is moved" grep -q "moved to PostgreSQL: 2 nodes, $events events" <<<"$out"
check_says 1 'holds a store already' "a database that holds a store is refused" migrate "$tmp/pg.conf"
for t in nodes macs settings boots images profiles evidence journal; do
        is "$t are as many" "$(sqlite3 "$p/state/muster.db" "SELECT count(*) FROM $t")" "$(psql -c "SELECT count(*) FROM muster.$t")"
done

# ---- and musterd goes on with it -----------------------------------------------
cp "$tmp/pg.conf" "$conf"
rm -f "$p"/state/muster.db* "$p/state/journal.head"
parent_start "$p"
is "the node's record is the same" "$(cat "$tmp/before")" "$("$bin/muster" node show n1 -o json | jq -S 'del(.last_seen, .last_ok)')"
check "log verify holds" "$bin/muster" log verify
tpm_on "$tmp/tpm.n1"
check "the node is let in" node_boot "$tmp/run" "$p/node.conf"
tpm_off
tpm_on "$tmp/tpm.n2"
out=$(node_boot "$tmp/run" "$p/node.conf" 2>&1)
check "the revoked one is not" grep -q M-REVOKED <<<"$out"
tpm_off
parent_stop
pg_stop INT
