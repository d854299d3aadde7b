#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/fetch-nginx.sh [DIR]: the distribution's nginx, unpacked into DIR
# (build/nginx) and not installed: no service, nothing of the machine's
# changes. The tests and benches that have a cache in front of musterd run it
# with a configuration of their own. Fetched once.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:-$here/../build/nginx}
[ ! -x "$dir/nginx" ] || exit 0
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
trap 'rm -rf "$dir/.fetch"' EXIT
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"')
MUSTER_BUILD=$dir/.fetch "$here/../ipxe/apt-fetch.sh" "$suite" "$dir/.fetch/root" nginx
"$dir/.fetch/root/usr/sbin/nginx" -v 2>/dev/null || { echo "fetch-nginx: this nginx does not run here. Next: see ldd" >&2; exit 1; }
install -m 0755 "$dir/.fetch/root/usr/sbin/nginx" "$dir/nginx.new"
mv "$dir/nginx.new" "$dir/nginx"
