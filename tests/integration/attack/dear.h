/* SPDX-License-Identifier: Apache-2.0 */
/* dear.h - kinds of requests that are dear to answer, for flood.c. */
#ifndef MUSTER_DEAR_H
#define MUSTER_DEAR_H

#include "../hostile/hostile.h"

struct dear {
        const char *name; /* the first is the honest one, that of the last is NULL */
        void (*edit)(struct attest_request *r);
        struct fx_knobs knobs;
        bool new_ak; /* a challenge is asked for */
};

extern const struct dear dears[];

#endif
