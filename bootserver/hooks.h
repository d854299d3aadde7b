/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.h - tells the executables in hooks-dir of each change of a node's
 * state, as one JSON object on standard input:
 *
 *   {"time", "node", "name", "from", "to", "code", "incident"}
 *
 * A thread runs them one after another in the order of their names, each
 * for at most 30 seconds, as musterd's user, without its descriptors. The
 * queue is bounded; what does not fit is dropped and logged. hooks_send()
 * never waits; call it after the commit. */
#ifndef MUSTER_HOOKS_H
#define MUSTER_HOOKS_H

#include "store.h"

struct hooks;

int hooks_start(const char *dir, struct hooks **ret);
void hooks_stop(struct hooks *h); /* NULL-safe; drops what is queued */

/* h may be NULL. from "": the node is new. */
void hooks_send(struct hooks *h, const struct node *n, const char *from, const char *to, const char *code,
                const char *incident);

#endif
