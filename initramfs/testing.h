/* SPDX-License-Identifier: Apache-2.0 */
/* testing.h - what only a test build of the client does, by a word on the
 * kernel command line: `muster.test=save` keeps the last attest request
 * and verdict in run_dir, as an attacker would who holds the client;
 * `muster.test=drop-event` cuts the last event off the event log; and by the
 * environment: MUSTER_TEST_SECRETS names a file that gets a line in hex for
 * each secret, so that a test can search for it elsewhere,
 * MUSTER_TEST_SAVE does what `muster.test=save` does, and
 * MUSTER_TEST_STOP stops the process at the places of these names, so that a
 * test can look into its memory. In a real build these are nothing. */
#ifndef MUSTER_TESTING_H
#define MUSTER_TESTING_H

#include "node.h"

#ifdef MUSTER_TEST_TCTI
void testing_forge(struct node *n);
void testing_save(const struct node *n, const char *name, const struct buf *body);
void testing_secret(const char *name, const void *p, size_t len);
void testing_stop(const char *place);
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

static inline void testing_secret(const char *name, const void *p, size_t len)
{
        (void)name;
        (void)p;
        (void)len;
}

static inline void testing_stop(const char *place)
{
        (void)place;
}
#endif

#endif
