/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h - when memory that many connections had used is worth giving back.
 * An allocator keeps what is freed. Told once a tick how many connections
 * are open, this says when a crowd has left: each time that fewer than a
 * quarter of the most are still there, and twice at the end, as the last
 * connections may be counted out before their memory is freed.
 * Pure: no I/O, no clock, not thread-safe. Nothing fails. */
#ifndef MUSTER_CROWD_H
#define MUSTER_CROWD_H

#include <stdbool.h>

#define CROWD_MANY 32 /* connections, at 48 KiB: the fewest that are a crowd */

struct crowd {
        unsigned most; /* open at once since it last said so */
        bool there;    /* there was a crowd, and some of it may be left */
};

/* At every tick, with the connections open now: is it time to give back? */
bool crowd_left(struct crowd *c, unsigned open);

#endif
