/* SPDX-License-Identifier: Apache-2.0 */
/* rounds.h - how often a second each of several functions runs, measured in
 * turns: ROUNDS rounds, in each every function for MS milliseconds of the
 * given clock. So what the machine does meanwhile falls on all alike; a figure
 * is the median of its rounds, a ratio that of the ratios within a round. One
 * thread. Ends the program where there is no clock. */
#ifndef MUSTER_BENCH_ROUNDS_H
#define MUSTER_BENCH_ROUNDS_H

#include <stddef.h>
#include <time.h>

#define ROUNDS 7
#define ROUNDS_MS 300

struct figure {
        const char *name;
        void (*f)(void);
        double rate[ROUNDS];
};

void rounds_measure(struct figure *v, size_t n, clockid_t clock);

double rounds_median(const struct figure *f);
double rounds_ratio(const struct figure *f, const struct figure *of);

#endif
