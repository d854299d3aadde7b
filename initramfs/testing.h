/* SPDX-License-Identifier: Apache-2.0 */
/* testing.h - what only a test build of the client does, by a word on the
 * kernel command line: `muster.test=save` keeps the last attest request
 * and verdict in run_dir, as an attacker would who holds the client;
 * `muster.test=drop-event` cuts the last event off the event log. In a real
 * build these are nothing. */
#ifndef MUSTER_TESTING_H
#define MUSTER_TESTING_H

#include "node.h"

#ifdef MUSTER_TEST_TCTI
void testing_forge(struct node *n);
void testing_save(const struct node *n, const char *name, const struct buf *body);
#else
static inline void testing_forge(struct node *n)
{
        (void)n;
}

static inline void testing_save(const struct node *n, const char *name, const struct buf *body)
{
        (void)n;
        (void)name;
        (void)body;
}
#endif

#endif
