# SPDX-License-Identifier: Apache-2.0
# Sourced: a parent on loopback for virtual nodes, which reach it as 10.0.2.2
# (QEMU's user networking). A cluster is a folder: etc/, state/, run/,
# musterd.log. Callers set `top`; programs come from $MUSTER_BIN or build/.
# shellcheck shell=bash

cluster_bin=${MUSTER_BIN:-$top/build}
cluster_boot_port=${cluster_boot_port:-18080}
cluster_attest_port=${cluster_attest_port:-18443}
cluster_pid=

# cluster_dir DIR: makes it anew, empty, and prints its path without links.
# A root's checkout may lie in a home that nobody else may enter, and musterd
# never runs as root: then DIR is a link to a folder in /var/tmp.
cluster_dir() {
        local real
        if [ -L "$1" ]; then
                real=$(readlink "$1")
                case $real in /var/tmp/muster-cluster.*) rm -rf "$real" ;; esac
        fi
        rm -rf "$1"
        mkdir -p "$1"
        if [ "$(id -u)" -eq 0 ] && ! setpriv --reuid nobody --regid nogroup --clear-groups test -x "$1"; then
                real=$(mktemp -d /var/tmp/muster-cluster.XXXXXX)
                chmod 755 "$real"
                rmdir "$1"
                ln -s "$real" "$1"
        fi
        (cd "$1" && pwd -P)
}

# cluster_init DIR: keys and configuration, as `muster init` makes them
cluster_init() {
        local user
        # musterd never runs as root
        if [ "$(id -u)" -eq 0 ]; then user=nobody; else user=$(id -un); fi
        mkdir -p "$1/run"
        "$cluster_bin/muster" init --etc "$1/etc" --state "$1/state" --address 10.0.2.2 --boot-port "$cluster_boot_port" \
                --attest-port "$cluster_attest_port" --socket "$1/run/admin.sock" --user "$user" --ipxe "$top/build/ipxe"
        # nothing is installed here: the template comes from the checkout
        if ! grep -q '^ipxe-template' "$1/etc/musterd.conf"; then
                install -m 644 "$top/ipxe/muster.ipxe.in" "$1/etc/"
                echo "ipxe-template = $1/etc/muster.ipxe.in" >>"$1/etc/musterd.conf"
        fi
}

# cluster_netns SCRIPT ARG…: runs SCRIPT in a network of its own, with loopback only
cluster_netns() {
        local ns=(unshare --net)
        [ "$(id -u)" -eq 0 ] || ns=(unshare --net --map-current-user --keep-caps)
        # shellcheck disable=SC2016
        "${ns[@]}" bash -c 'ip link set lo up && exec bash "$@"' - "$@"
}

# cluster_uki DIR OUT CLIENT [dracut arguments…]; CLUSTER_BUILD_OPTIONS: options of boot build
cluster_uki() {
        local dir=$1 out=$2 client=$3 kver options=()
        shift 3
        read -ra options <<<"${CLUSTER_BUILD_OPTIONS:-}"
        kver=$(ls "$top/build/kernel/lib/modules")
        "$cluster_bin/muster" boot build --output "$out" --kernel "$top/build/kernel/vmlinuz" --kver "$kver" \
                --kmoddir "$top/build/kernel/lib/modules/$kver" --etc "$dir/etc" --node-binary "$client" \
                --module-dir "$top/dracut-module/90muster" --drivers virtio_net "${options[@]}" -- "$@"
}

# cluster_start DIR: musterd until it answers; its pid in cluster_pid
cluster_start() {
        local tries=0
        export MUSTER_SOCKET=$1/run/admin.sock
        "$cluster_bin/musterd" --config "$1/etc/musterd.conf" >>"$1/musterd.log" 2>&1 &
        cluster_pid=$!
        until "$cluster_bin/muster" status >/dev/null 2>&1; do
                tries=$((tries + 1))
                if [ "$tries" -gt 100 ] || ! kill -0 "$cluster_pid" 2>/dev/null; then
                        echo "musterd did not start, $1/musterd.log:" >&2
                        tail -n 20 "$1/musterd.log" >&2
                        return 1
                fi
                sleep 0.2
        done
}

cluster_stop() {
        [ -n "$cluster_pid" ] || return 0
        kill "$cluster_pid" 2>/dev/null
        wait "$cluster_pid" 2>/dev/null
        cluster_pid=
}
