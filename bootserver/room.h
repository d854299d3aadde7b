/* SPDX-License-Identifier: Apache-2.0 */
/* room.h - how much room the state directory's disk has. I/O, no logging. */
#ifndef MUSTER_ROOM_H
#define MUSTER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#define ROOM_FULL ((uint64_t)1 << 20) /* with less than this the store cannot write for long */

/* What an unprivileged process may still write there, and all of it: 0 or negative errno. */
int room_of(const char *dir, uint64_t *ret_free, uint64_t *ret_size);
bool room_is_full(const char *dir);

#endif
