#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A virtual cluster's folder below a home that only root may enter: musterd's
# user has to reach it all the same.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || { echo "# needs: root"; exit 77; }
. "$top/qemu-harness/cluster.sh"
as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }

chmod 755 "$tmp"
check "where its user gets to, it is the folder itself" test "$(cluster_dir "$tmp/open/c")" = "$(readlink -f "$tmp")/open/c"
install -d -m 700 "$tmp/home"
first=$(cluster_dir "$tmp/home/c")
cleanup_fn 'rm -rf "$first" "${second:-}"'
touch "$first/file"
check "in a closed home it is a link to where its user gets to" as_nobody test -e "$first/file"
check "which the home has" test "$tmp/home/c" -ef "$first"
second=$(cluster_dir "$tmp/home/c")
check "made anew, nothing of the old one is left" test ! -e "$first" -a -z "$(ls "$second")"
