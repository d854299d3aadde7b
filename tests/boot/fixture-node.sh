#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The part of fixture.sh that runs in a network namespace: a parent with boot
# entry and image, and node n1 through its first boot, as an admin would.
fixture_dir=$1
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
set -e
MUSTER_SOCKET=$fixture_dir/run/admin.sock
vn=$fixture_dir/node
"$bin/musterd" --config "$fixture_dir/etc/musterd.conf" >"$fixture_dir/musterd.log" 2>&1 &
parent_pid=$!
cleanup_pid "$parent_pid"
wait_for 20 m status
"$vnode" create "$vn" --mac 52:54:00:6d:00:01 --uuid 6d757374-6572-4000-8000-000000000001 --serial VNODE0001
cleanup_fn "$vnode stop '$vn' || :"
cp "$("$vnode" ek-ca "$vn")"/*.pem "$fixture_dir/etc/ek-ca/"
kill -HUP "$parent_pid"
m boot add r1 "$fixture_dir/r1.efi"
m image add base "$fixture_dir/image.squashfs"
"$vnode" start "$vn" --parent-port "$boot_port"
"$vnode" wait "$vn" 'waiting for approval' 300
id=$(m node list -o json | jq -r '.nodes[0].id')
m node approve "$id" --name n1
"$vnode" wait "$vn" 'muster-node: .*: passed at' 300
# only once the node has let go of its TPM may the copies be made
"$vnode" stop "$vn"
m node show n1
kill "$parent_pid"
wait "$parent_pid" || :
rm -f "$fixture_dir"/run/admin.sock
