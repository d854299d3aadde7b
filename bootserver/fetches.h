/* SPDX-License-Identifier: Apache-2.0 */
/* fetches.h - when nodes' boot scripts were last asked for.
 *
 * Anyone can ask in any node's name, so this is a hint, kept in memory
 * alone: it writes nothing, survives no restart and proves nothing. Fixed
 * size; the oldest of a slot's neighbours gives way. Thread safe. `id` is a
 * node id in hex. */
#ifndef MUSTER_FETCHES_H
#define MUSTER_FETCHES_H

#include <stddef.h>
#include <stdint.h>

void fetch_note(const char *id, int64_t now);
int64_t fetch_last(const char *id); /* 0: not since musterd started */

/* Those of before `when` that are not known to be answered by the node: the
 * first 16 digits of their ids, in order, those after `after` ("": all). Up to
 * FETCHES_MAX of them; free() it. */
#define FETCHES_MAX 65536
struct fetch {
        char prefix[17];
        int64_t when;
};
int fetch_open(int64_t when, const char *after, struct fetch **ret, size_t *ret_n);
/* The node was seen after it, or is gone: not listed any more. */
void fetch_answered(const struct fetch *f);

#endif
