/* SPDX-License-Identifier: Apache-2.0 */
/* door.h - lets connections to the attest listener in, a few at a time.
 *
 * DOC: Theory of operation
 * A thread accepts at once whatever comes and guard.h admits, so that the
 * kernel's backlog does not overflow when a whole machine room starts. What
 * has not sent the whole first record of its handshake costs a descriptor
 * and this struct. What has stands in one of three queues - known
 * addresses, strangers that come seldom, and often - and the thread hands it
 * to libmicrohttpd when its turn comes: when fewer than DOOR_INSIDE for each
 * of the daemon's threads are inside. So those inside are done from
 * handshake to verdict without waiting for thousands of others, first come,
 * first served, and memory for TLS and bodies is that of a few.
 * A guest is inside until its first request is answered or held. When those
 * inside leave the threads too little to do, one whose peer has been silent
 * for STALL_MS is not counted any more: who stalls keeps nobody waiting. It
 * is only not counted: guard.c ends it at its deadline.
 *
 * The thread owns a connection until it handed it over; libmicrohttpd
 * closes it after that. serve.c calls door_claim() when a connection starts,
 * door_done() when its first request is answered or held, and door_gone()
 * when it ended. All are callable from any thread. */
#ifndef MUSTER_DOOR_H
#define MUSTER_DOOR_H

#include "fair.h"

#include <microhttpd.h>

#define DOOR_INSIDE 64 /* for each thread */

struct door;
struct server;
struct session;

/* Part of a session; door.c's alone. */
struct guest {
        struct session *prev, *next; /* in its queue, or of those inside */
        struct sockaddr_storage from;
        enum { GUEST_NEW, GUEST_QUEUED, GUEST_INSIDE, GUEST_DONE } place;
        int fd;
        enum fair_class queue;
};

/* Listens on srv->fd[L_ATTEST], which it takes, for srv->daemon[L_ATTEST],
 * with at most `limit` connections open at once. */
int door_open(struct server *srv, unsigned limit, struct door **ret);
/* No more are let in, and those that were not yet are closed. */
void door_shut(struct door *d);
void door_free(struct door *d); /* after the daemon has stopped */

/* The session of a connection that was let in; NULL: there is none. */
struct session *door_claim(struct door *d, int fd);
void door_done(struct door *d, struct session *s);
/* How many are inside now. */
unsigned door_inside(struct door *d);
/* Before its session is freed. */
void door_gone(struct door *d, struct session *s);

#endif
