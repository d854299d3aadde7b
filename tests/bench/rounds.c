/* SPDX-License-Identifier: Apache-2.0 */
#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOT 20 /* calls between two looks at the clock */

static double now(clockid_t clock)
{
        struct timespec t;

        if (clock_gettime(clock, &t) < 0) {
                perror("clock_gettime");
                exit(1);
        }
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rate(void (*f)(void), clockid_t clock)
{
        double start = now(clock);
        double spent;
        unsigned n = 0;

        do {
                for (int i = 0; i < LOT; i++, n++)
                        f();
                spent = now(clock) - start;
        } while (spent < ROUNDS_MS / 1e3);
        return n / spent;
}

void rounds_measure(struct figure *v, size_t n, clockid_t clock)
{
        for (int round = 0; round < ROUNDS; round++)
                for (size_t i = 0; i < n; i++)
                        v[i].rate[round] = rate(v[i].f, clock);
}

static int ascending(const void *a, const void *b)
{
        double x = *(const double *)a;
        double y = *(const double *)b;

        return (x > y) - (x < y);
}

static double median(double v[ROUNDS])
{
        qsort(v, ROUNDS, sizeof(v[0]), ascending);
        return v[ROUNDS / 2];
}

double rounds_median(const struct figure *f)
{
        double v[ROUNDS];

        memcpy(v, f->rate, sizeof(v));
        return median(v);
}

double rounds_ratio(const struct figure *f, const struct figure *of)
{
        double v[ROUNDS];

        for (int round = 0; round < ROUNDS; round++)
                v[round] = f->rate[round] / of->rate[round];
        return median(v);
}
