/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"

#define BACKOFF_TOLD 2 /* quarters that are added at most */

static int64_t least(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* 0 up to less than ms */
static int64_t share(int64_t ms, uint32_t random)
{
        return (int64_t)((uint64_t)ms * random >> 32);
}

int64_t backoff_jitter(int64_t ms, uint32_t random)
{
        return ms - share(ms / 2, random);
}

int64_t backoff_next(struct backoff *b, int64_t told_ms, uint32_t random)
{
        if (told_ms > 0) {
                int64_t spread = least(told_ms, BACKOFF_SPREAD_MS);
                int64_t room = BACKOFF_MAX_MS - told_ms - spread;
                int64_t more = least(told_ms / 4 * b->told, room > 0 ? room : 0);

                if (b->told < BACKOFF_TOLD)
                        b->told++;
                return told_ms + more + share(spread, random);
        }
        b->silent_ms = b->silent_ms == 0 ? BACKOFF_MIN_MS : least(b->silent_ms * 2, BACKOFF_MAX_MS);
        return backoff_jitter(b->silent_ms, random);
}
