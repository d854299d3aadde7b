#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What tests/bench/run does with its parts, and what lib.sh computes for them;
# with parts made here. No figure is judged.
. "$(dirname "$0")/../lib.sh"
requires jq --version

bench=$tmp/tree/tests/bench
mkdir -p "$bench" "$tmp/tree/qemu-harness"
cp "$top/tests/bench/"{run,lib.sh,bars.gp} "$bench/"
cp "$top/qemu-harness/accel.sh" "$tmp/tree/qemu-harness/"
export MUSTER_ACCEL=tcg
part() { # NAME, the rest of it on standard input
        { printf '#!/usr/bin/env bash\nset -e\n. "$(dirname "$0")/lib.sh"\nbench_part %s "$@"\n' "$1"; cat; } >"$bench/part-$1"
        chmod +x "$bench/part-$1"
}
part decide <<'END'
row "of the value" 3 s "" "<= 4"
row "of the ratio" 100 s 1.30 "<= 1.25"
row "not wanted" "$(median 3 1 10)" s
bench_write "Two and a half" 5
END
part broken <<'END'
row "never written" 1 s
bench_write "Broken" 1
exit 3
END
part silent <<<':'
part zeta <<'END'
echo '{"series": [1, 2]}' >"$work/raw"
row "zeta's" 1 s
bench_write "Last" 1 "$work/raw"
END
figures=$tmp/build/bench
mkdir "$tmp/work"
run() { TMPDIR=$tmp/work "$bench/run" "$tmp/build" "$@" >"$tmp/said" 2>"$tmp/err"; }
of() { jq -e "$2" "$figures/$1.json"; }

# medians and CPU
lib() { bash -c '. "$1"; shift; "$@"' - "$bench/lib.sh" "$@"; }
check "the median of an odd number of runs is the middle one" test "$(lib median 9 1 5)" = 5
check "of an even number, halfway between the two" test "$(lib median 1 2 4 100)" = 3
check "of numbers, not of words" test "$(lib median 10 9 1.5)" = 9
check_exit 1 "of nothing, an error" lib median
check "jq's median is the same" jq -ne "$(bash -c '. "$1"; echo "$bench_jq"' - "$bench/lib.sh")"' ([9,1,5] | median) == 5 and ([1,2,4,100] | median) == 3'
bash -c 'timeout 120 bash -c "i=0; while [ \$i -lt 300000 ]; do i=\$((i + 1)); done; touch \"$1/spun\"; exec sleep 120" & wait' - "$tmp" &
cleanup_pid $!
cpu_pid=$!
wait_for 100 test -e "$tmp/spun"
child=$(lib tree_pids "$cpu_pid" | wc -l)
check "a process tree is its root and all below" test "$child" -ge 3
check "CPU of a tree counts its descendants'" test "$(lib tree_cpu_ms "$cpu_pid")" -gt "$(lib proc_cpu_ms "$cpu_pid")"
for p in $(lib tree_pids "$cpu_pid"); do kill "$p" 2>/dev/null; done

# the parts
mkdir -p "$figures"
echo '{"title": "of another day", "runs": 1, "rows": [], "kept": true}' >"$figures/zeta.json"
echo '{"from": "make storm"}' >"$figures/storm.json"
check "a part that was measured is success" run decide
check "its row that is as wanted says so" grep -qE '^  of the value +3 s +<= 4 +yes$' "$tmp/said"
check "its row that is not, by the ratio, says so and fails nothing" grep -qE '^  of the ratio +100 s +1\.3 +<= 1\.25 +NO$' "$tmp/said"
check "its JSON has what was measured, when, and of which commit" of decide '.title == "Two and a half" and .runs == 5
        and (.rows | length) == 3 and .rows[2] == {name: "not wanted", value: 3, unit: "s", ratio: null, wanted: null}
        and (.measured | has("at") and has("commit") and has("seconds"))'
check "the other parts' JSON stays" of zeta .kept
check "and what is no part's" of storm '.from == "make storm"'
check "machine.json describes the machine" of machine '.cores > 0 and .memory_mib > 0 and has("cpu") and has("kernel") and has("commit") and has("load")'
check "results.json holds the parts there are" of results '.parts.decide.runs == 5 and .parts.zeta.kept and .ran == ["decide"] and .machine.cores > 0'
if command -v gnuplot >/dev/null; then check "and there is a picture" grep -q '</svg>' "$figures/decide.svg"; fi

check_exit 1 "a part that fails fails the whole" run
check "but only at the end: the others are measured, in order" of results '.ran == ["decide", "broken", "silent", "zeta"]
        and .failed == ["broken", "silent"] and (.parts | keys) == ["decide", "zeta"] and .parts.zeta.series == [1, 2]'
check "it is named" grep -q '^bench: not measured: broken silent$' "$tmp/err"
check "and leaves no figures" test ! -e "$figures/broken.json"
check_exit 2 "a part that does not exist is an error" run decide nosuch
check "which names those there are" grep -q "no part 'nosuch'.*decide broken silent zeta" "$tmp/err"
check "no folder of a part is left" rmdir "$tmp/work"

# what is derived from figures
scale() { "$top/tests/bench/scale" --check "$tmp/SCALE.md"; }
cp "$top/tests/bench/SCALE.md" "$tmp/"
check "SCALE.md's table is what its inputs give" scale
sed -i 's/^| first | [0-9.]* |/| first | 99 |/' "$tmp/SCALE.md"
check_exit 1 "with another input it is another" scale
