# SPDX-License-Identifier: Apache-2.0
# Called by run, with files, out and nodes set: releases, connections, memory, CPU, failures.
set terminal svg size 900,1150 background "white" font "sans,12"
set output out
set multiplot layout 5,1
set grid
set key outside top center horizontal
set xrange [0:*]
set yrange [0:*]
name(i) = i == 1 ? "first of these boots" : sprintf("number %d", i)
set ylabel "nodes released"
plot for [i=1:words(files)] word(files, i) using 1:2 with lines linewidth 2 title name(i)
set ylabel "open connections"
plot for [i=1:words(files)] word(files, i) using 1:3 with lines linewidth 2 title name(i)
set ylabel "musterd's RSS, MiB"
plot for [i=1:words(files)] word(files, i) using 1:4 with lines linewidth 2 title name(i)
set ylabel "musterd's CPU, % of a core"
plot for [i=1:words(files)] word(files, i) using 1:7 with lines linewidth 2 title name(i)
set ylabel "failures so far"
set xlabel "seconds"
plot for [i=1:words(files)] word(files, i) using 1:8 with lines linewidth 2 title name(i)
