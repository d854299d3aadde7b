/* SPDX-License-Identifier: Apache-2.0 */
/* waiters.h - requests held until an admin decides.
 *
 * A handler reads waiters_generation() before it reads the node, decides
 * that the node must wait, and calls waiters_hold(): the connection is
 * suspended unless something changed since that generation, so no decision
 * is missed. waiters_wake() (after the store committed), the passing of
 * `seconds`, the peer's going away, and waiters_stop() resume it; the handler then runs again. */
#ifndef MUSTER_WAITERS_H
#define MUSTER_WAITERS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct waiters;

struct waiter {
        struct waiter *prev, *next;
        struct MHD_Connection *conn;
        int fd; /* valid while held */
        int64_t until; /* monotonic ms */
        char node[65];
};

int waiters_start(unsigned limit, struct waiters **ret);
/* Resumes all and refuses further holds; before the daemons are stopped. */
void waiters_stop(struct waiters *w);
void waiters_free(struct waiters *w);

uint64_t waiters_generation(struct waiters *w);
/* 0: suspended. -EAGAIN: decide again. -ESHUTDOWN, -ENOSPC (`limit` are held):
 * answer now. One request per node is held: a further one resumes it. */
int waiters_hold(struct waiters *w, struct waiter *me, struct MHD_Connection *conn, const char *node, uint64_t generation,
                 unsigned seconds);
/* node NULL: all of them. */
void waiters_wake(struct waiters *w, const char *node);
unsigned waiters_count(struct waiters *w);

#endif
