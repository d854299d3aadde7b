#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Two musterd on one PostgreSQL: a node is enrolled and let in, what one
# records the other knows at once, and either goes on without the other.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/postgresql-lib.sh"
node_requires
node_files
pg_make || exit 1
pg_start || exit 1
a=$tmp/a
b=$tmp/b
parent_init "$a"
echo "database = $pg_conninfo" >>"$a/etc/musterd.conf"

# ---- what is refused at start, each with its exit code ------------------------
start_fails() { # CODE NAME TEXT DATABASE
        local out rc
        sed "s#^database = .*#database = $4#" "$a/etc/musterd.conf" >"$a/etc/bad.conf"
        out=$(timeout 60 "$bin/musterd" --config "$a/etc/bad.conf" 2>&1)
        rc=$?
        if [ "$rc" -eq "$1" ] && grep -qF -e "$3" <<<"$out" && ! grep -q hunter2 <<<"$out"; then
                ok "$2"
        else
                not_ok "$2" "exit $rc: $out"
        fi
}
start_fails 2 "a database that is no conninfo" "libpq" "muster.db"
start_fails 2 "a password in the configuration, which is not shown" "password" "$pg_conninfo password=hunter2"
start_fails 7 "a server that is not there" "cannot use PostgreSQL" "host=$tmp/nowhere user=muster"
psql -c "ALTER ROLE muster SET synchronous_commit = off"
start_fails 2 "a server that may lose a commit" "synchronous_commit is off" "$pg_conninfo"
psql -c "ALTER ROLE muster RESET synchronous_commit"

# ---- one musterd --------------------------------------------------------------
parent_start "$a"
a_pid=$node_parent_pid
parent_content "$a" 1
node_facts 1
check "nothing is kept beside it" test ! -e "$a/state/muster.db"
[[ $bin == *san* ]] || check "it is confined" grep -q "system calls .*confined" "$a.log"
on() { local at=$1; shift; MUSTER_SOCKET=$at/admin.sock "$bin/muster" "$@"; }
# enrol NODE CHECK DIR: a new machine boots, waits, is approved through the parent in DIR and let in
enrol() {
        local id pid
        tpm=$tmp/tpm.$1
        tpm_on "$tpm"
        id=$("$bin/muster-node-test" enroll | jq -r .id)
        timeout 60 "$bin/muster-node-test" boot --config "$3/node.conf" --run-dir "$tmp/run" --image-file "$tmp/image" >"$tmp/$1.log" 2>&1 &
        pid=$!
        cleanup_pid "$pid"
        wait_for 20 grep -q "waiting for approval" "$tmp/$1.log"
        on "$3" node approve "$id" --name "$1" --without-ek-certificate >/dev/null
        if wait "$pid"; then ok "$2"; else not_ok "$2" "$(cat "$tmp/$1.log" "$3.log")"; fi
}
enrol n1 "a node is enrolled and let in" "$a"

# ---- a second one, with the same keys and files --------------------------------
mkdir -p "$b"
cp -a "$a/etc" "$a/state" "$b/"
for port in boot attest; do free_port >"$b/$port-port"; done
sed -i -e "s#$a/#$b/#g" -e "s#:$(cat "$a/boot-port")\$#:$(cat "$b/boot-port")#" \
        -e "s#:$(cat "$a/attest-port")\$#:$(cat "$b/attest-port")#" "$b/etc/musterd.conf"
sed -e "s#:$(cat "$a/attest-port")#:$(cat "$b/attest-port")#" "$a/node.conf" >"$b/node.conf"
parent_start "$b"
again() { # NAME DIR: the machine is switched off and boots from the parent in DIR
        tpm_off
        tpm_on "$tpm"
        check "$1" node_boot "$tmp/run" "$2/node.conf"
}
again "the other one lets the node in" "$b"
check "and the first one knows" test "$(on "$a" node show n1 -o json | jq '.last_ok == .last_seen')" = true

# ---- what is cached follows within a second ------------------------------------
on "$a" boot add r10 "$tmp/uki.efi" --default --cmdline "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no quiet" >/dev/null
sleep 1
check "a boot entry added through one is known to the other after a second" \
        grep -q r10 <<<"$(on "$b" boot list)"

# ---- revoked through one, refused by the other ---------------------------------
on "$a" node revoke n1 >/dev/null
tpm_off
tpm_on "$tpm"
out=$(node_boot "$tmp/run" "$b/node.conf" 2>&1)
check "a node revoked through one is refused by the other" grep -q M-REVOKED <<<"$out"
tpm_off

# ---- killed, and PostgreSQL itself restarted ------------------------------------
kill -9 "$a_pid"
wait "$a_pid" 2>/dev/null
enrol n2 "with one killed, the other goes on" "$b"
check "log verify holds" on "$b" log verify
pg_stop INT
check_exit 1 "without PostgreSQL nothing can be changed" timeout 30 env MUSTER_SOCKET="$b/admin.sock" "$bin/muster" node quarantine n2
check "but musterd is there" kill -0 "$node_parent_pid"
pg_start || exit 1
check "and goes on when PostgreSQL is back" wait_for 10 on "$b" node show n2
again "the node is let in" "$b"
check "log verify holds still" on "$b" log verify
out=$(on "$b" backup "$tmp/backup" --etc "$b/etc" --state "$b/state" 2>&1)
check "a backup says that it is pg_dump's" grep -q pg_dump <<<"$out"
tpm_off
parent_stop
check "musterd stops" grep -q "stopped" "$b.log"

# ---- a password: in the passfile, read again within the sandbox ------------------
psql -c "CREATE ROLE guarded LOGIN PASSWORD 'hunter2'" -c "GRANT muster TO guarded"
sed -i '1i local all guarded scram-sha-256' "$pg_dir/data/pg_hba.conf"
kill -HUP "$pg_pid"
printf '*:*:*:guarded:hunter2\n' >"$tmp/pgpass"
chmod 0600 "$tmp/pgpass"
[ "$(id -u)" != 0 ] || chown nobody "$tmp/pgpass"
sed -i "s#^database = .*#database = host=$pg_dir user=guarded dbname=postgres passfile=$tmp/pgpass#" "$b/etc/musterd.conf"
parent_start "$b"
psql -c "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'guarded'" >/dev/null
check "with a passfile it connects, and again" wait_for 10 on "$b" node show n2
check_lacks "the password is not in the log" hunter2 "$b.log" "$pg_dir.log"
check "control: it is where it was put" grep -q hunter2 "$tmp/pgpass"
check_lacks "what libpq prints is not either" '^FATAL' "$b.log"
check_lacks "nor in its arguments or environment" hunter2 "/proc/$node_parent_pid/cmdline" "/proc/$node_parent_pid/environ"
parent_stop
pg_stop INT
