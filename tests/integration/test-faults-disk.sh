#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The disk below musterd is full, read-only, fails to sync, or gives back
# other bytes than were written. Nobody is let in unrecorded, no node is lost,
# what is wrong is named, and musterd comes back by itself where it can.
if [ -z "${MUSTER_OWN_MOUNTS:-}" ]; then
        export MUSTER_OWN_MOUNTS=1
        if [ "$(id -u)" = 0 ]; then exec unshare -m --propagation private bash "$0" "$@"; else exec unshare -rm bash "$0" "$@"; fi
fi
. "$(dirname "$0")/../lib.sh"
requires jq --version
requires sqlite3 --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/faults-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
[ -x "$bin/musterd-faults" ] || { echo "# needs: make tools"; exit 77; }
hostile_build || exit 1
mkdir -p "$state"
mount -t tmpfs -o size=24m,mode=0755 tmpfs "$state" || { echo "# needs: mount"; exit 77; }
cleanup_fn "umount -l '$state'"
make_parent
faults_cluster
db=$state/muster.db
logged() { check "the log says: $1" grep -qE "$1" "$tmp/musterd.log"; }
fresh_log() { : >"$tmp/musterd.log"; }
ask() { do_ "dial 0" "attest 0"; answer; }
again() { # NAME: after the fault, without anybody's help
        up 15 || not_ok "$1: musterd is back" "$(tail -n 3 "$tmp/musterd.log")"
        local before
        before=$(let_in)
        ask
        is "$1: the node is let in again" ok "$got"
        is "$1: and that is recorded" $((before + 1)) "$(let_in)"
        check "$1: the journal holds" chain_holds
        is "$1: no node is lost" n1 "$(admin GET /v1/nodes | jq -r '.nodes[0].name')"
}

# ---- no room, no writing -------------------------------------------------------
fresh_log
dd if=/dev/zero of="$state/ballast" bs=64k status=none 2>/dev/null
before=$(let_in)
refused=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do # until the log's spare pages are used
        ask
        [ "$got" = ok ] || { refused=$got; break; }
        before=$((before + 1))
done
is "a full disk: told to come again" M-BUSY "$refused"
is "a full disk: nobody is let in unrecorded" "$before" "$(let_in)"
is "a full disk: an admin is told" 503 "$(admin_status POST /v1/nodes/n1/quarantine)"
check "a full disk: what stopped it is named" jq -e '(.error | test("the disk that holds .* is full")) and (.next | test("make room"))' \
        <<<"$(admin POST /v1/nodes/n1/quarantine)"
check "a full disk: status says so" jq -e '.disk.full' <<<"$(admin GET /v1/status)"
check "a full disk: a backup says so" grep -qE 'disk that holds .* is full.*Next: make room' \
        <<<"$("$bin/muster" backup "$tmp/full-backup" --socket "$sock" 2>&1)"
logged 'database or disk is full.*Next: free space'
kill -9 "$(cat "$tmp/pid")"
died 1
wait_for 5 sh -c "[ \"\$(wc -l <'$tmp/exits')\" -ge 2 ]" && is "a full disk at the start is no final error" 7 "$(last_exit)"
rm -f "$state/ballast"
again "room again"
check "room again: status says so" jq -e '.disk.full | not' <<<"$(admin GET /v1/status)"

fresh_log
fault "error db-write 30 1" # what a file system that failed gives to open files
ask
is "a read-only disk: told to come again" M-BUSY "$got"
fault
unsupervise
mount -o remount,ro "$state"
supervise
died 2
is "a read-only disk at the start is no final error" 7 "$(last_exit)"
logged 'cannot (write to|use|open).*Next: (make the disk|check the disk|check state-dir)'
mount -o remount,rw "$state"
again "writable again"

fresh_log
before=$(let_in)
deaths=$(exits)
fault "error db-write 28 1"
ask
is "no room for one write: told to come again" M-BUSY "$got"
fault
again "room for it"
fresh_log
deaths=$(exits)
fault "error db-sync 5 1"
ask
is "a failed sync: told to come again" M-BUSY "$got"
check "a failed sync ends musterd" died $((deaths + 1)) 15
is "which is no final error" 7 "$(last_exit)"
fault
logged 'a sync failed.*Next: check the disk'
again "syncs again"

# ---- other bytes than were written ----------------------------------------------
unsupervise
cp -a "$state" "$tmp/good"
start_says() { # NAME CODE PATTERN: one start, not repeated
        local rc
        fresh_log
        timeout 20 "$bin/musterd" --config "$conf" >>"$tmp/musterd.log" 2>&1
        rc=$?
        is "$1: exit code" "$2" "$rc"
        logged "$3"
        check "$1: systemd leaves it so" test "${final_codes/ $2 /}" != "$final_codes"
}
put_back() { find "$state" -mindepth 1 -delete; cp -a "$tmp/good/." "$state/"; }
flip() { printf '\377\000\252\125' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
cat >"$tmp/damage" <<'END'
the header|flip $db 0|4|the database is damaged.*Next: stop musterd.*muster restore
its page size|flip $db 16|4|the database is damaged
a page|dd if=/dev/urandom of=$db bs=4096 seek=3 count=1 conv=notrunc status=none|4|the database is damaged.*Next
cut short|truncate -s 20000 $db|4|(the database is damaged|had been committed)
nothing left|truncate -s 0 $db|4|ends at event 0, but event [0-9]+ had been committed.*Next
another file|head -c 8192 /dev/urandom >$db|4|the database is damaged.*not a database
the note of the head|echo x >$state/journal.head|4|journal.head does not hold what musterd wrote
END
while IFS='|' read -r name how code says; do
        put_back
        eval "$how"
        start_says "$name" "$code" "$says"
done <"$tmp/damage"
put_back
dd if=/dev/urandom of="$db" bs=4096 seek=3 count=1 conv=notrunc status=none
check_says 1 'damaged|malformed|altered|cannot|corrupt' "muster log verify finds a damaged page" "$bin/muster" log verify --database "$db"
put_back

# a log that is lost: musterd is killed while the last events are only there
supervise
up
ask
is "let in once more" ok "$got"
kill -STOP "$supervisor"
kill -9 "$(cat "$tmp/pid")"
sleep 0.1
unsupervise_now() { kill -CONT "$supervisor"; unsupervise; }
cp -a "$state" "$tmp/crashed"
touch "$tmp/stop"
unsupervise_now
lost() { find "$state" -mindepth 1 -delete; cp -a "$tmp/crashed/." "$state/"; }
check "the last events are in the write-ahead log" test -s "$tmp/crashed/muster.db-wal"
lost
rm -f "$db-wal" "$db-shm"
start_says "the write-ahead log is gone" 4 'ends at event [0-9]+, but event [0-9]+ had been committed.*Next: .muster restore'
lost
size=$(stat -c %s "$db-wal")
for at in 40 $((size / 2)) $((size - 100)); do flip "$db-wal" "$at"; done
start_says "the write-ahead log is damaged" 4 'had been committed'
lost
cp -p "$tmp/good/muster.db" "$db"
rm -f "$db-wal" "$db-shm"
start_says "an older copy is put back by hand" 4 'had been committed'
rm -f "$state/journal.head"
supervise
up
is "an admin may go on without; it is on record" 1 "$(admin GET /v1/events | jq '[.events[] | select(.event == "journal-head-missing")] | length')"
again "without the lost events"
unsupervise

# ---- the journal's rows ----------------------------------------------------------
put_back
sqlite3 "$db" "DROP TRIGGER journal_no_update; UPDATE journal SET event = 'ok' WHERE seq = 2"
fresh_log
supervise
up
logged 'the journal was altered: event 2 .*Next: .muster log verify'
is "an altered row does not keep nodes from booting" ok "$(ask; echo "$got")"
is "the server names it" 2 "$(admin GET /v1/events/verify | jq .bad)"
unsupervise
check_says 1 'was altered: event 2.*Next' "so does muster log verify, without a musterd" "$bin/muster" log verify --database "$db"

# ---- two on one state ------------------------------------------------------------
put_back
supervise
up
sed -e "s/:$boot_port/:$(free_port)/; s/:$attest_port/:$(free_port)/; s#^admin-socket.*#admin-socket = $tmp/run/other.sock#" "$conf" >"$tmp/second.conf"
check_says 7 'in use' "a second musterd on the same state ends" timeout 10 "$bin/musterd" --config "$tmp/second.conf"
is "the first one goes on" 200 "$(admin_status GET /v1/status)"
unsupervise
