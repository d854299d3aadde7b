/* SPDX-License-Identifier: Apache-2.0 */
#include "door_impl.h"

#include <netinet/in.h>
#include <time.h>

#define STALL_MS 250
#define ENOUGH 4       /* for each thread to do: no reason to let more in */
#define LOOK_MS 50     /* how often stalled ones are looked for, and tokens */
#define NO_FILES_MS 100

static int64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void queue_push(struct queue *q, struct session *s)
{
        s->guest.prev = q->last;
        s->guest.next = NULL;
        *(q->last ? &q->last->guest.next : &q->first) = s;
        q->last = s;
}

void queue_take(struct queue *q, struct session *s)
{
        *(s->guest.prev ? &s->guest.prev->guest.next : &q->first) = s->guest.next;
        *(s->guest.next ? &s->guest.next->guest.prev : &q->last) = s->guest.prev;
        s->guest.prev = s->guest.next = NULL;
}

/* ---- those inside ------------------------------------------------------------ */

void door_wake(struct door *d)
{
        const uint64_t one = 1;

        d->woken = true;
        if (write(d->wake, &one, sizeof(one)) < 0)
                log_debug("door: %s", strerror(errno));
}

/* With the lock held. Not for each one: the thread then lets several in. */
static void out(struct door *d, struct session *s)
{
        if (s->guest.place != GUEST_INSIDE)
                return;
        queue_take(&d->inside, s);
        s->guest.place = GUEST_DONE;
        d->n_inside--;
        if (d->n_waiting > 0 && !d->woken && d->n_inside <= d->most - d->most / 8)
                door_wake(d);
}

void door_done(struct door *d, struct session *s)
{
        (void)pthread_mutex_lock(&d->lock);
        out(d, s);
        (void)pthread_mutex_unlock(&d->lock);
}

unsigned door_inside(struct door *d)
{
        unsigned n;

        (void)pthread_mutex_lock(&d->lock);
        n = d->n_inside;
        (void)pthread_mutex_unlock(&d->lock);
        return n;
}

void door_gone(struct door *d, struct session *s)
{
        (void)pthread_mutex_lock(&d->lock);
        out(d, s);
        if (s->guest.fd >= 0 && d->by_fd[s->guest.fd] == s)
                d->by_fd[s->guest.fd] = NULL;
        if (d->n_open-- == d->limit && !d->woken)
                door_wake(d);
        (void)pthread_mutex_unlock(&d->lock);
}

struct session *door_claim(struct door *d, int fd)
{
        struct session *s = NULL;

        (void)pthread_mutex_lock(&d->lock);
        if (fd >= 0 && (size_t)fd < d->n_fds)
                s = d->by_fd[fd];
        if (s)
                d->by_fd[fd] = NULL;
        (void)pthread_mutex_unlock(&d->lock);
        if (s)
                guard_fd(d->srv->guard, &s->conn, fd);
        return s;
}

/* ---- turns: the thread ----------------------------------------------------------- */

static void let_in(struct door *d, struct session *s)
{
        struct sockaddr_storage from = s->guest.from;
        int fd = s->guest.fd;
        socklen_t n = from.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

        queue_take(&d->queue[s->guest.queue], s);
        (void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, fd, NULL);
        (void)pthread_mutex_lock(&d->lock);
        door_waits(d, -1);
        d->n_inside++;
        s->guest.place = GUEST_INSIDE;
        queue_push(&d->inside, s);
        (void)pthread_mutex_unlock(&d->lock);
        /* until it is claimed the descriptor may be closed, and be another's */
        guard_fd(d->srv->guard, &s->conn, -1);
        if (MHD_add_connection(d->srv->daemon[L_ATTEST], fd, (const struct sockaddr *)&from, n) != MHD_YES)
                door_forget(d, s); /* closed already */
}

static bool full(struct door *d)
{
        bool yes;

        (void)pthread_mutex_lock(&d->lock);
        yes = d->n_inside >= d->most;
        (void)pthread_mutex_unlock(&d->lock);
        return yes;
}

static bool turn_of(struct door *d, enum fair_class k)
{
        struct session *s = d->queue[k].first;

        if (!s || !guard_turn(d->srv->guard, &s->conn))
                return false;
        let_in(d, s);
        return true;
}

/* Every second turn is a known address's, every eighth one's that comes
 * often; a turn that nobody takes is the next one's of this order. */
static bool next_turn(struct door *d)
{
        unsigned t = d->turn++ % 8;

        if (turn_of(d, t == 7 ? FAIR_OFTEN : t % 2 == 0 ? FAIR_KNOWN : FAIR_SELDOM))
                return true;
        return turn_of(d, FAIR_KNOWN) || turn_of(d, FAIR_SELDOM) || turn_of(d, FAIR_OFTEN);
}

/* Only when the threads have nothing better to do. */
static void count_stalled(struct door *d)
{
        int64_t now = now_ms();
        unsigned busy = 0;

        if (now - d->looked < LOOK_MS)
                return;
        d->looked = now;
        (void)pthread_mutex_lock(&d->lock);
        d->woken = true; /* it is awake */
        for (struct session *s = d->inside.first; s && busy < ENOUGH * d->srv->conf.threads; s = s->guest.next)
                busy += !guard_stalled(d->srv->guard, &s->conn, 0);
        for (struct session *s = d->inside.first, *next; s && busy < ENOUGH * d->srv->conf.threads; s = next) {
                next = s->guest.next;
                if (guard_stalled(d->srv->guard, &s->conn, STALL_MS))
                        out(d, s);
        }
        d->woken = false;
        (void)pthread_mutex_unlock(&d->lock);
}

/* How long nothing but an event changes anything. */
int door_turns(struct door *d)
{
        while (!full(d))
                if (!next_turn(d))
                        break;
        if (d->queue[FAIR_KNOWN].first || d->queue[FAIR_SELDOM].first || d->queue[FAIR_OFTEN].first) {
                count_stalled(d);
                return LOOK_MS;
        }
        return d->listening ? -1 : NO_FILES_MS;
}
