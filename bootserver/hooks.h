/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.h - tells the executables in hooks-dir of each change of a node's
 * state, as one JSON object on standard input:
 *
 *   {"time", "node", "name", "from", "to", "code", "incident"}
 *
 * or of what happened to a node without a change of its state:
 *
 *   {"time", "node", "name", "event", "detail": {…}}
 *
 * The process that reads the network may neither fork nor run a program, so
 * hooks_start() forks one that does (hooks_runner.h): call it before any
 * key is read, listener opened or thread made. hooks_send() never waits and
 * is safe from any thread; call it after the commit. What does not fit is
 * dropped and logged. */
#ifndef MUSTER_HOOKS_H
#define MUSTER_HOOKS_H

#include "conf.h"
#include "store.h"

struct hooks;

/* 0 and NULL: there is no hooks-dir, none are wanted. */
int hooks_start(const struct conf *conf, struct hooks **ret, struct fail *fail);
void hooks_stop(struct hooks *h); /* NULL-safe; drops what is queued, awaits the hook that runs */

/* h may be NULL. from "": the node is new. */
void hooks_send(struct hooks *h, const struct node *n, const char *from, const char *to, const char *code,
                const char *incident);
void hooks_event(struct hooks *h, const struct node *n, const char *event, const char *detail); /* detail: JSON, an object */

#endif
