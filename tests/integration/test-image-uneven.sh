#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow: slow servers
# An image comes from several URLs, of which some serve it badly, slowly or not
# now. As long as one of them has it, neither of the others keeps it from a node.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
requires test -x "$objs/bench/image_fetch"
fetch=$objs/bench/image_fetch

small=$tmp/small
large=$tmp/large
mkdir "$small" "$large"
head -c 3M /dev/urandom >"$small/plain"
head -c 12M /dev/urandom >"$large/plain"
declare -A port
for d in "$small" "$large"; do
        "$fetch" seal "$d/plain" "$d/sealed" "$d/meta"
        port[$d]=$(free_port)
        : >"$d/asked"
        python3 "$top/tests/integration/uneven_mirror.py" "${port[$d]}" "$d/asked" "$d/sealed" &
        cleanup_pid $!
        wait_for 20 bash -c "exec 9<>/dev/tcp/127.0.0.1/${port[$d]}" || { not_ok "a mirror starts"; exit 1; }
done
# takes DIR HOW…: the image from these URLs, in that order, in a minute and a half
takes() {
        local d=$1 urls=()
        shift
        for how in "$@"; do urls+=("http://127.0.0.1:${port[$d]}/$how/image"); done
        rm -f "$d/out"
        : >"$d/asked"
        timeout 90 "$fetch" fetch "$d/meta" "$d/out" "${urls[@]}" >"$d/log" 2>&1 &&
                cmp "$d/out" "$d/plain"
}
asked() { [ "$(tr '\n' ' ' <"$1/asked")" = "$2 " ] || { cat "$1/asked" "$1/log"; return 1; }; }

# ---- bad bytes ---------------------------------------------------------------------
check "control: a true mirror's image is taken" takes "$small" true
check "a spoilt chunk is taken from the next URL" takes "$small" spoilt true
check "a spoilt cache before a parent that is busy for a while does not refuse the boot" takes "$small" spoilt busy3
check "the cache is not asked again for the chunk it gave badly" asked "$small" "spoilt busy3 busy3 busy3 busy3"
check_exit 1 "an image that every URL gives badly is refused" takes "$small" spoilt1 spoilt2 spoilt3
check "and each was asked once" asked "$small" "spoilt1 spoilt2 spoilt3"
check "the reason is the chunk" grep -q 'E-IMAGE.*chunk 2 does not verify' "$small/log"

# ---- slow servers --------------------------------------------------------------------
check "control: a mirror of 1 MB a second gives a large image" takes "$large" pace1000 true
check "and is not left" asked "$large" pace1000
check "an image behind a dripping cache is taken within a minute and a half, not ten" takes "$large" pace20 true
check "its next URL is asked, once" asked "$large" "pace20 true"
check "where every URL is slow, the image is taken" takes "$small" pace20 pace120
check "from the fastest, and none is asked twice" asked "$small" "pace20 pace120"
check "a slow cache before a parent that is busy for a while is left for it" takes "$large" pace60 busy1
check "when it has a place" asked "$large" "pace60 busy1 pace60 busy1"
