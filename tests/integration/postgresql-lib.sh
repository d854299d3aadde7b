# SPDX-License-Identifier: Apache-2.0
# Sourced after ../lib.sh: a PostgreSQL server for this test alone, on a Unix
# socket in a folder of its own, without TCP, run by an account without rights.
# shellcheck shell=bash disable=SC2154
pg_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg_dir=$tmp/pg
pg_user=$(id -un)
[ "$(id -u)" != 0 ] || pg_user=nobody

# replaces the shell it runs in
pg_exec() { if [ "$(id -u)" = 0 ]; then exec setpriv --reuid "$pg_user" --regid "$(id -g "$pg_user")" --clear-groups "$@"; else exec "$@"; fi; }

# pg_make: a new cluster; everybody on this machine who reaches the socket may connect as role muster
pg_make() {
        requires test -x "$pg_bin/initdb"
        mkdir -p "$pg_dir"
        chmod 0755 "$pg_dir"
        [ "$(id -u)" != 0 ] || chown "$pg_user" "$pg_dir"
        (pg_exec env LC_ALL=C "$pg_bin/initdb" -D "$pg_dir/data" -U muster -A trust -E UTF8 --no-locale) >"$tmp/initdb.log" 2>&1 || {
                cat "$tmp/initdb.log"
                return 1
        }
        cat >>"$pg_dir/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$pg_dir'
max_connections = 40
shared_buffers = 16MB
END
}

pg_start() {
        (pg_exec env LC_ALL=C "$pg_bin/postgres" -D "$pg_dir/data") >>"$pg_dir.log" 2>&1 &
        pg_pid=$!
        cleanup_pid "$pg_pid"
        wait_for 60 "$pg_bin/pg_isready" -h "$pg_dir" -U muster -d postgres || { cat "$pg_dir.log"; return 1; }
}

# pg_stop [SIGNAL]: INT ends its sessions
pg_stop() {
        kill "-${1:-INT}" "$pg_pid"
        wait "$pg_pid"
}

# shellcheck disable=SC2034
pg_conninfo="host=$pg_dir user=muster dbname=postgres"
psql() { "$pg_bin/psql" -h "$pg_dir" -U muster -d postgres -Atq -v ON_ERROR_STOP=1 "$@"; }
