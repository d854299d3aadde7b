# SPDX-License-Identifier: Apache-2.0
# Called by bench_bars (lib.sh) with data, out, unit, rows and heading set.
set terminal svg size 900,(90 + 26 * rows) background "white" font "sans,12" noenhanced
set output out
set title heading
set xlabel unit
stats data using 2 nooutput
set xrange [0:STATS_max > 0 ? 1.12 * STATS_max : 1]
set yrange [rows - 0.4:-0.6]
set style fill solid 0.7 noborder
set grid xtics
set tics nomirror
unset key
plot data using ($2 / 2):0:($2 / 2):(0.35):yticlabels(1) with boxxyerror linecolor rgb "#31688e", \
     data using 2:0:(" ".strcol(3)) with labels left offset char 0.5,0 font ",10"
