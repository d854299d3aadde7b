# SPDX-License-Identifier: Apache-2.0
# Sourced after ../lib.sh, musterd-lib.sh, hostile-lib.sh, postgresql-lib.sh and
# ../storm/lib.sh: musterd a, b and c on one PostgreSQL, and fleets whose nodes
# begin with one of them each.
# shellcheck shell=bash disable=SC2154
declare -A parent_pid parent_port boot_ports

# at NAME COMMAND…: with that parent's configuration, socket and log
at() {
        # shellcheck disable=SC2034
        local conf=$tmp/$1/musterd.conf sock=$tmp/$1/admin.sock pid_file=$tmp/$1/pid log=$tmp/$1/log
        shift
        "$@"
}

# parent_begin NAME: not in a subshell, which would keep the pid to itself
parent_begin() {
        "$bin/musterd" --config "$tmp/$1/musterd.conf" >>"$tmp/$1/log" 2>&1 &
        parent_pid[$1]=$!
        cleanup_pid "$!"
        echo "$!" >"$tmp/$1/pid"
        wait_for 20 at "$1" admin GET /v1/status || { tail "$tmp/$1/log"; return 1; }
}

# parent_end NAME [SIGNAL]: its exit code
parent_end() {
        kill "-${2:-TERM}" "${parent_pid[$1]}"
        wait "${parent_pid[$1]}" 2>/dev/null
}

# parents_three: the first one has boot r9 and image i, the others its files
parents_three() {
        local name port
        storm_parent "database = $pg_conninfo" "rate-strangers = 5000" || return 1
        musterd_stop || return 1
        for name in a b c; do
                mkdir -p "$tmp/$name"
                cp -a "$state" "$tmp/$name/state"
                port=$(free_port)
                parent_port[$name]=$port
                boot_ports[$name]=$(free_port)
                sed -e "s#$state#$tmp/$name/state#" -e "s#$sock#$tmp/$name/admin.sock#" -e "s#:$attest_port#:$port#" \
                        -e "s#:$boot_port#:${boot_ports[$name]}#" "$conf" >"$tmp/$name/musterd.conf"
                parent_begin "$name" || return 1
        done
}

# fleets_three EACH: keys.a, .b and .c, all enrolled through a
fleets_three() {
        local name
        for name in a b c; do
                [ -s "$tmp/keys.$name" ] || "$storm" keys "$tmp/keys.$name" "$1" "$tmp/keys.$name.csv" || return 1
                sed -i "2,\$s/^s/$name/" "$tmp/keys.$name.csv"
        done
        sed -i '2,$s/^a/s/' "$tmp/keys.a.csv" # storm_enrol learns from s000000 on
        keys=$tmp/keys.a
        storm_parents=127.0.0.1:${parent_port[a]} at a storm_enrol || return 1
        for name in b c; do at a m node add --manifest "$tmp/keys.$name.csv" >/dev/null || return 1; done
}

# fleet_go FLEET NODES ARGS…: the nodes of a fleet, its own parent first; $tmp/FLEET.ledger and .json
fleet_go() {
        local name=$1 n=$2 order
        # shellcheck disable=SC2034
        local keys=$tmp/keys.$name
        shift 2
        case $name in a) order="a b c" ;; b) order="b c a" ;; *) order="c a b" ;; esac
        [ "${fleet_parents:-a b c}" = "a b c" ] || order=$fleet_parents
        # shellcheck disable=SC2046
        storm_parents=$(for p in $order; do echo "127.0.0.1:${parent_port[$p]}"; done) \
                at "$name" storm_go "$n" --ledger "$tmp/$name.ledger" --json "$tmp/$name.json" "$@" >"$tmp/$name.out" 2>&1
}

# fleets_go NODES ARGS…: all three in the background, pids in $fleets
fleets_go() {
        local name
        fleets=()
        rm -f "$tmp"/[abc].ledger "$tmp"/[abc].json
        for name in a b c; do
                fleet_go "$name" "$@" &
                fleets+=($!)
                cleanup_pid "$!"
        done
}

# fleets_wait: how many nodes were released is in $fleets_released, what they say in $ledger
fleets_wait() {
        wait "${fleets[@]}"
        ledger=$tmp/ledger
        cat "$tmp"/[abc].ledger >"$ledger"
        # shellcheck disable=SC2034
        fleets_released=$(jq -s 'map(.released) | add' "$tmp"/[abc].json)
}
