/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.h - how long a node waits before it asks again.
 *
 * DOC: Theory of operation
 * A parent that answers names a time (retry_after): that it is busy, or that
 * it refuses. It is there, and knows; so a node waits for that time and, at
 * random, up to as long again; where it is told so once more a quarter, and
 * from then on half of that time longer. So those that were turned away
 * together come back spread out, and all soon after a parent is well again:
 * at 5 s after 5 to 10 s, in the end 7.5 to 12.5 s. What is added to a long
 * time is less: a wait of more than BACKOFF_MAX_MS is the time that was named
 * and at most BACKOFF_SPREAD_MS.
 *
 * Where nobody answers nothing is known: from BACKOFF_MIN_MS on, twice as
 * long each time up to BACKOFF_MAX_MS, and of that at random half to all.
 *
 * Pure: no clock, no randomness of its own; `random` is 32 uniform bits. */
#ifndef MUSTER_BACKOFF_H
#define MUSTER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define BACKOFF_SPREAD_MS 30000

/* All zero: nothing failed yet. It is never set back: who gets in is done. */
struct backoff {
        int64_t silent_ms; /* of the last time that nobody answered */
        unsigned told;     /* times that a parent named a time, no more counted than matter */
};

/* told_ms: what the parent named, 0: none. Milliseconds to wait. */
int64_t backoff_next(struct backoff *b, int64_t told_ms, uint32_t random);

/* At random half to all of it. */
int64_t backoff_jitter(int64_t ms, uint32_t random);

#endif
