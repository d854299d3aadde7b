/* SPDX-License-Identifier: Apache-2.0 */
/* fetches.h - when nodes' boot scripts were last asked for.
 *
 * Anyone can ask in any node's name, so this is a hint, kept in memory
 * alone: it writes nothing, survives no restart and proves nothing. Fixed
 * size; the oldest of a slot's neighbours gives way. Thread safe. `id` is a
 * node id in hex. */
#ifndef MUSTER_FETCHES_H
#define MUSTER_FETCHES_H

#include <stdint.h>

void fetch_note(const char *id, int64_t now);
int64_t fetch_last(const char *id); /* 0: not since musterd started */

#endif
