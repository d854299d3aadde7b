/* SPDX-License-Identifier: Apache-2.0 */
/* unreachable.h - which nodes are shown as unreachable, without a look at
 * the others: only one that asked for its boot script can be (fetches.h).
 *
 * 0, what fn returned when that was negative, or the store's errors. */
#ifndef MUSTER_UNREACHABLE_H
#define MUSTER_UNREACHABLE_H

#include "store.h"

/* In the order of their ids, from behind `after` (NULL: from the first). */
int unreachable_list(struct store *s, int64_t now, const char *after, node_fn fn, void *ctx);
/* How many records are shown in each state (node_shown_state()), and how many as unreachable. */
struct shown_counts {
        uint64_t shown[NODE_STATES];
        uint64_t unreachable;
};
int unreachable_counts(struct store *s, int64_t now, struct shown_counts *ret);

#endif
