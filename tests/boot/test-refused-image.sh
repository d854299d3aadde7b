#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An image with one flipped byte: the client refuses; that nothing of it is mounted is seen in test-node-mount.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

d=$tmp/node
parent_new
f=$(ls "$tmp"/state/images/*.sealed)
cp -a "$f" "$f.new" # never the fixture's own, which is a hard link
mv "$f.new" "$f"
size=$(stat -c %s "$f")
python3 - "$f" "$((size / 2))" <<'EOP'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1)
    f.seek(int(sys.argv[2])); f.write(bytes([b[0] ^ 1]))
EOP
parent_start || exit 1
node_new "$d" "$fixture/node"
node_start "$d"
refused "$d" E-IMAGE
check "because a chunk of it does not verify" grep -aq 'E-IMAGE: .*does not verify' "$d/console.log"
explained 'did not verify \(E-IMAGE\)'
