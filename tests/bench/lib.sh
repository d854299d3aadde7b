# SPDX-License-Identifier: Apache-2.0
# Sourced by tests/bench/run and its parts: medians, what processes used, rows
# and their table, the machine, bar charts. A part:
#
#   . "$(dirname "$0")/lib.sh"
#   bench_part decide "$@"               # build, out, tools, work, json; arguments: BUILDDIR
#   row "name" VALUE unit [RATIO [WANTED]]
#   bench_write "title" RUNS [RAW.json]  # $json, the table, and a chart if there is gnuplot
#
# WANTED is `<= N` (or N alone) or `>= N`: of the ratio where the row has one (and no "wanted_of": "value"), else of the value.
# Nothing here is a test: a figure that is not as wanted fails nothing.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034 # $ in jq programs; what parts use

bench_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$bench_here/../.." && pwd)
say() { echo "bench: $*" >&2; }
# die WORDS: for what boots a node in $d and leaves its logs in $out
die() {
        say "$*. See $out"
        tail -n 20 "$d/console.log" >&2
        exit 1
}

# bench_part NAME BUILDDIR: names and folders of a part; `work` goes when it ends
bench_part() {
        bench_name=$1
        build=$(mkdir -p "${2:-build}" && cd "${2:-build}" && pwd) || exit 1
        out=$build/bench
        tools=$build/rel/bench
        json=$out/$bench_name.json
        export MUSTER_BIN=$build
        mkdir -p "$out"
        work=$(mktemp -d "${TMPDIR:-/tmp}/muster-bench.XXXXXX") || exit 1
        bench_ends=('rm -rf "$work"')
        trap bench_end EXIT
        bench_rows=$work/rows
        : >"$bench_rows"
        cd "$top" || exit 1
}
# bench_at_end CMD: run when the part ends, however it ends; the last given first
bench_at_end() { bench_ends=("$1" "${bench_ends[@]}"); }
bench_end() {
        local rc=$? c
        trap - EXIT
        set +e
        for c in "${bench_ends[@]}"; do eval "$c"; done
        exit "$rc"
}
# bench_needs PROGRAM…: files that `make bench` builds
bench_needs() {
        local f
        for f in "$@"; do [ -x "$f" ] || { say "$f is missing. Next: make bench PARTS=$bench_name"; exit 1; }; done
}

# median N…: of any numbers
median() {
        [ $# -gt 0 ] || return 1
        printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END {
                m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.10g\n", m }'
}
# for jq programs, of an array
bench_jq='def median: sort | length as $n | if $n == 0 then null elif $n % 2 == 1 then .[($n - 1) / 2] else (.[$n / 2 - 1] + .[$n / 2]) / 2 end;
          def digits($n): if . == null or . == 0 then . else (. | fabs | log10 | floor) as $e
                | if $e >= $n - 1 then round else pow(10; $n - 1 - $e) as $f | . * $f | round / $f end end;'

# ---- processes ---------------------------------------------------------------
# proc_cpu_ms PID: user and system time, ended threads included
proc_cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$1/stat"; }
# proc_kib PID VmRSS|VmHWM
proc_kib() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
# tree_pids PID: it and its descendants
tree_pids() {
        cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
                { pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
                END { for (p in parent) { for (q = p; q in parent && q != root && q > 1; q = parent[q]); if (q == root) print p } }'
}
# tree_cpu_ms PID: of it, its descendants and those of them that have ended and been waited for
tree_cpu_ms() {
        local p
        for p in $(tree_pids "$1"); do cat "/proc/$p/stat" 2>/dev/null; done |
                awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); t += $12 + $13 + $14 + $15 } END { print int(t * 1000 / hz) }'
}

# ---- rows --------------------------------------------------------------------
# row NAME VALUE UNIT [RATIO [WANTED]]; RATIO may be empty
row() {
        jq -cn --arg name "$1" --argjson value "$2" --arg unit "$3" --argjson ratio "${4:-null}" --arg wanted "${5:-}" \
                '$ARGS.named | .wanted |= if . == "" then null else . end' >>"$bench_rows"
}
# bench_save TITLE RUNS [RAW.json]: the part's JSON, RAW's members in it
bench_save() {
        jq -n --arg title "$1" --argjson runs "$2" --slurpfile rows "$bench_rows" --slurpfile raw "${3:-/dev/null}" \
                '($raw[0] // {}) + {title: $title, runs: $runs, rows: $rows}' >"$json.new" && mv "$json.new" "$json"
}
# bench_write TITLE RUNS [RAW.json]: saves, prints the table, draws a chart
bench_write() {
        bench_save "$@" || return 1
        bench_table "$json"
        bench_bars "$json" "$out/$bench_name.svg"
}
# bench_table FILE: title, then name, value, unit, ratio, wanted, met
bench_table() {
        jq -r "$bench_jq"'
                def wants: .wanted // "" | if type == "number" then "<= \(.)" else tostring end;
                def met: (if .wanted_of == "value" then .value else .ratio // .value end) as $v | wants
                        | if (test("^[<>]= *[0-9.]+$") and ($v | type == "number")) | not then ""
                          else startswith("<") as $most | (split("=")[1] | ltrimstr(" ") | tonumber) as $n
                        | if (if $most then $v <= $n else $v >= $n end) then "yes" else "NO" end end;
                "\n\(.title) (runs: \(.runs // 1))",
                (["", "value", "unit", "ratio", "wanted", "met"] | @tsv),
                (.rows[] | [.name, (.value | if type == "number" then digits(4) else . end // "-"), .unit // "",
                        (.ratio | digits(3)) // "", wants, met] | @tsv)' "$1" |
                awk -F'\t' 'NF < 2 { print; next }
                        { n++; for (i = 1; i <= 6; i++) { c[n, i] = $i; if (length($i) > w[i]) w[i] = length($i) } }
                        END { for (k = 1; k <= n; k++) printf "  %-*s  %*s %-*s %*s  %-*s %s\n", w[1], c[k, 1], w[2], c[k, 2], w[3], c[k, 3],
                                w[4], c[k, 4], w[5], c[k, 5], c[k, 6] }' | sed 's/ *$//'
}
# bench_bars FILE OUT.svg: the rows of the commonest unit as bars; nothing without gnuplot
bench_bars() {
        command -v gnuplot >/dev/null || return 0
        local data=$work/bars from=$work/bars.json unit
        cat "$1" >"$from"
        set -- "$from" "$2"
        unit=$(jq -r '[.rows[] | select(.value | type == "number") | .unit // ""] | group_by(.) | max_by(length) | .[0] // ""' "$1") || return 0
        jq -r --arg unit "$unit" "$bench_jq"'.rows[] | select((.value | type == "number") and (.unit // "") == $unit)
                | "\"\(.name | gsub("[\"\\\\]"; ""))\" \(.value) \(.value | digits(4))"' "$1" >"$data"
        [ -s "$data" ] || return 0
        gnuplot -e "data='$data'; out='$2'; unit='${unit//\'/}'; rows=$(wc -l <"$data"); heading='$(jq -r '.title | gsub("[\u0027]"; "")' "$1")'" \
                "$bench_here/bars.gp" || say "no picture of $bench_name"
}

# ---- the machine ---------------------------------------------------------------
bench_version() { dpkg-query -W -f='${Version}' "$1" 2>/dev/null || echo unknown; }
# bench_machine BUILD: JSON
bench_machine() {
        local accel
        accel=$(vnode_build=$1 bash -c '. "$1" && accel_name' - "$top/qemu-harness/accel.sh" 2>/dev/null) || accel=unknown
        jq -n --arg date "$(date -u +%F)" --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
                --argjson cores "$(nproc)" --argjson memory_mib "$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)" \
                --arg kernel "$(uname -r)" --arg accelerator "$accel" --arg os "$(. /etc/os-release && echo "$PRETTY_NAME")" \
                --arg openssl "$(bench_version libssl-dev)" --arg libmicrohttpd "$(bench_version libmicrohttpd-dev)" \
                --arg gnutls "$(bench_version libgnutls28-dev)" --arg swtpm "$(bench_version swtpm)" --arg qemu "$(bench_version qemu-system-x86)" \
                --arg ovmf "$(bench_version ovmf)" --arg load "$(cut -d' ' -f1-3 /proc/loadavg)" \
                --arg commit "$(git -C "$top" rev-parse --short HEAD 2>/dev/null || echo unknown)" '$ARGS.named'
}
bench_machine_words() {
        jq -r '"Muster \(.commit), \(.date): \(.cpu), \(.cores) cores, \(.memory_mib) MiB, \(.os), Linux \(.kernel)",
           "accelerator \(.accelerator), QEMU \(.qemu), OVMF \(.ovmf), swtpm \(.swtpm)",
           "OpenSSL \(.openssl), libmicrohttpd \(.libmicrohttpd), GnuTLS \(.gnutls); load when it began \(.load)"' "$1"
}
