/* SPDX-License-Identifier: Apache-2.0 */
/* store_move.h - all that a store holds, into an empty one.
 *
 * One transaction of `to`; before it is committed the journal there is
 * verified, and its head and the number of nodes are compared. MUSTER_OK, or
 * MUSTER_NO with `fail`: then nothing was changed. */
#ifndef MUSTER_STORE_MOVE_H
#define MUSTER_STORE_MOVE_H

#include "store.h"

struct store_moved {
        uint64_t nodes;
        uint64_t events;
};

int store_move(struct store *from, struct store *to, struct store_moved *ret, struct fail *fail);

#endif
