/* SPDX-License-Identifier: Apache-2.0 */
/* door_impl.h - shared by door.c (the thread, who comes) and door_turns.c
 * (who is inside, and whose turn it is). */
#ifndef MUSTER_DOOR_IMPL_H
#define MUSTER_DOOR_IMPL_H

#include "server.h"

#include <pthread.h>
#include <sys/epoll.h>

struct queue {
        struct session *first, *last;
};

struct door {
        struct server *srv;
        pthread_t thread;
        int epoll, wake, listen;
        unsigned limit; /* open at once */
        unsigned most;  /* inside */
        struct session **by_fd;
        size_t n_fds;

        /* the thread's own */
        struct queue queue[FAIR_CLASSES];
        unsigned turn;
        bool listening;
        int64_t looked;

        pthread_mutex_t lock; /* for all below */
        struct queue inside;
        unsigned n_inside, n_open, n_waiting;
        bool stop, woken;
};

void queue_push(struct queue *q, struct session *s);
void queue_take(struct queue *q, struct session *s);

/* Its session ends here: before libmicrohttpd had it, or after it would not. */
void door_forget(struct door *d, struct session *s);
/* With the lock held: the thread is to look at everything again. */
void door_wake(struct door *d);
/* Likewise: so many more are waiting for their turn. */
void door_waits(struct door *d, int more);
/* Lets in whose turn it is; how long nothing but an event changes anything. */
int door_turns(struct door *d);

#endif
