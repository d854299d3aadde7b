/* SPDX-License-Identifier: Apache-2.0 */
#include "door.h"

#include "server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>

#define EVENTS 64
#define ACCEPTS 256    /* before those inside are looked after again */
#define STALL_MS 250
#define ENOUGH 4 /* for each thread to do: no reason to let more in */
#define LOOK_MS 50     /* how often stalled ones are looked for, and tokens */
#define NO_FILES_MS 100

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

static int64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void push(struct queue *q, struct session *s)
{
        s->guest.prev = q->last;
        s->guest.next = NULL;
        *(q->last ? &q->last->guest.next : &q->first) = s;
        q->last = s;
}

static void take(struct queue *q, struct session *s)
{
        *(s->guest.prev ? &s->guest.prev->guest.next : &q->first) = s->guest.next;
        *(s->guest.next ? &s->guest.next->guest.prev : &q->last) = s->guest.prev;
        s->guest.prev = s->guest.next = NULL;
}

/* ---- those inside ------------------------------------------------------------ */

static void wake(struct door *d)
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
        take(&d->inside, s);
        s->guest.place = GUEST_DONE;
        d->n_inside--;
        if (d->n_waiting > 0 && !d->woken && d->n_inside <= d->most - d->most / 8)
                wake(d);
}

void door_done(struct door *d, struct session *s)
{
        (void)pthread_mutex_lock(&d->lock);
        out(d, s);
        (void)pthread_mutex_unlock(&d->lock);
}

void door_gone(struct door *d, struct session *s)
{
        (void)pthread_mutex_lock(&d->lock);
        out(d, s);
        if (s->guest.fd >= 0 && d->by_fd[s->guest.fd] == s)
                d->by_fd[s->guest.fd] = NULL;
        if (d->n_open-- == d->limit && !d->woken)
                wake(d);
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

unsigned door_waiting(struct door *d)
{
        unsigned n;

        (void)pthread_mutex_lock(&d->lock);
        n = d->n_waiting;
        (void)pthread_mutex_unlock(&d->lock);
        return n;
}

/* ---- the thread: arrivals ------------------------------------------------------ */

static void forget(struct door *d, struct session *s)
{
        guard_close(d->srv->guard, &s->conn);
        door_gone(d, s);
        free(s);
}

static void waiting(struct door *d, int more)
{
        (void)pthread_mutex_lock(&d->lock);
        d->n_waiting = (unsigned)((int)d->n_waiting + more);
        (void)pthread_mutex_unlock(&d->lock);
}

static void leave(struct door *d, struct session *s)
{
        int fd = s->guest.fd;

        if (s->guest.place == GUEST_QUEUED) {
                take(&d->queue[s->guest.queue], s);
                waiting(d, -1);
        }
        forget(d, s);
        (void)close(fd);
}

/* One that libmicrohttpd was given and closed unseen, for lack of memory, has
 * left its session where the next one with this descriptor comes. */
static bool enter(struct door *d, int fd, const struct sockaddr_storage *from)
{
        struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
        struct session *s;
        struct session *left;

        if ((size_t)fd >= d->n_fds)
                return false;
        (void)pthread_mutex_lock(&d->lock);
        left = d->by_fd[fd];
        (void)pthread_mutex_unlock(&d->lock);
        if (left)
                forget(d, left);
        s = calloc(1, sizeof(*s));
        if (!s)
                return false;
        s->listener = L_ATTEST;
        s->guest.fd = fd;
        s->guest.from = *from;
        if (guard_open(d->srv->guard, &s->conn, L_ATTEST, (const struct sockaddr *)from, fd) < 0) {
                free(s);
                return false;
        }
        (void)pthread_mutex_lock(&d->lock);
        d->by_fd[fd] = s;
        d->n_open++;
        (void)pthread_mutex_unlock(&d->lock);
        ev.data.ptr = s;
        if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
                forget(d, s);
                return false;
        }
        return true;
}

static void listen_again(struct door *d, bool on)
{
        struct epoll_event ev = { .events = on ? EPOLLIN : 0, .data.ptr = &d->listen };

        if (d->listening != on && epoll_ctl(d->epoll, EPOLL_CTL_MOD, d->listen, &ev) == 0)
                d->listening = on;
}

static bool room(struct door *d)
{
        bool yes;

        (void)pthread_mutex_lock(&d->lock);
        yes = d->n_open < d->limit;
        (void)pthread_mutex_unlock(&d->lock);
        return yes;
}

static void accept_some(struct door *d)
{
        for (unsigned i = 0; i < ACCEPTS && room(d); i++) {
                struct sockaddr_storage from = { 0 };
                socklen_t n = sizeof(from);
                int fd = accept4(d->listen, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
                        continue;
                if (fd < 0 && errno != EAGAIN) /* no files, no memory */
                        listen_again(d, false);
                if (fd < 0)
                        return;
                if (!guard_admit(d->srv->guard, L_ATTEST, (const struct sockaddr *)&from) || !enter(d, fd, &from))
                        (void)close(fd);
        }
}

static void on_guest(struct door *d, struct session *s, uint32_t events)
{
        if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
                leave(d, s);
        } else if (s->guest.place == GUEST_NEW) {
                s->guest.place = GUEST_QUEUED;
                s->guest.queue = guard_queue(d->srv->guard, &s->conn);
                push(&d->queue[s->guest.queue], s);
                waiting(d, 1);
        }
}

/* ---- the thread: turns ----------------------------------------------------------- */

static void let_in(struct door *d, struct session *s)
{
        struct sockaddr_storage from = s->guest.from;
        int fd = s->guest.fd;
        socklen_t n = from.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

        take(&d->queue[s->guest.queue], s);
        (void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, fd, NULL);
        (void)pthread_mutex_lock(&d->lock);
        d->n_waiting--;
        d->n_inside++;
        s->guest.place = GUEST_INSIDE;
        push(&d->inside, s);
        (void)pthread_mutex_unlock(&d->lock);
        /* until it is claimed the descriptor may be closed, and be another's */
        guard_fd(d->srv->guard, &s->conn, -1);
        if (MHD_add_connection(d->srv->daemon[L_ATTEST], fd, (const struct sockaddr *)&from, n) != MHD_YES)
                forget(d, s); /* closed already */
}

static bool full(struct door *d)
{
        bool yes;

        (void)pthread_mutex_lock(&d->lock);
        yes = d->n_inside >= d->most;
        (void)pthread_mutex_unlock(&d->lock);
        return yes;
}

/* Those that come often have every eighth turn, and the others' when there
 * are none. */
static bool next_turn(struct door *d)
{
        unsigned t = d->turn++ % 8;
        enum fair_class first = t == 7 ? FAIR_OFTEN : t % 2 == 0 ? FAIR_KNOWN : FAIR_SELDOM;

        for (unsigned i = 0; i < FAIR_CLASSES; i++) {
                unsigned k = (first + i) % FAIR_CLASSES;
                struct session *s = d->queue[k].first;

                if (s && guard_turn(d->srv->guard, &s->conn)) {
                        let_in(d, s);
                        return true;
                }
        }
        return false;
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
static int let_some_in(struct door *d)
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

static bool awake(struct door *d)
{
        uint64_t n;
        bool stop;

        if (read(d->wake, &n, sizeof(n)) < 0 && errno != EAGAIN)
                log_debug("door: %s", strerror(errno));
        (void)pthread_mutex_lock(&d->lock);
        d->woken = false;
        stop = d->stop;
        (void)pthread_mutex_unlock(&d->lock);
        return !stop;
}

static void *keep(void *arg)
{
        struct door *d = arg;
        struct epoll_event ev[EVENTS];
        int wait = -1;

        for (;;) {
                int n = epoll_wait(d->epoll, ev, EVENTS, wait);
                bool come = false;

                listen_again(d, room(d));
                for (int i = 0; i < n; i++) {
                        if (ev[i].data.ptr == &d->wake && !awake(d))
                                return NULL;
                        if (ev[i].data.ptr == &d->listen)
                                come = true;
                        else if (ev[i].data.ptr != &d->wake)
                                on_guest(d, ev[i].data.ptr, ev[i].events);
                }
                if (come)
                        accept_some(d);
                wait = let_some_in(d);
        }
}

/* ---- opening and shutting ---------------------------------------------------------- */

static int watch(struct door *d, int fd, int *which)
{
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = which };

        return epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void door_discard(struct door *d)
{
        if (d->epoll >= 0)
                (void)close(d->epoll);
        if (d->wake >= 0)
                (void)close(d->wake);
        free(d->by_fd);
        free(d);
}

int door_open(struct server *srv, unsigned limit, struct door **ret)
{
        struct door *d = calloc(1, sizeof(*d));
        struct rlimit l = { 0 };
        int r;

        if (!d)
                return -ENOMEM;
        (void)getrlimit(RLIMIT_NOFILE, &l);
        d->srv = srv;
        d->limit = limit;
        d->most = DOOR_INSIDE * srv->conf.threads;
        d->n_fds = (size_t)l.rlim_cur;
        d->by_fd = calloc(d->n_fds, sizeof(struct session *));
        d->listen = srv->fd[L_ATTEST];
        d->listening = true;
        d->epoll = epoll_create1(EPOLL_CLOEXEC);
        d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        r = !d->by_fd ? -ENOMEM : d->epoll < 0 || d->wake < 0 ? -errno : watch(d, d->wake, &d->wake);
        if (r == 0)
                r = watch(d, d->listen, &d->listen);
        if (r < 0) {
                door_discard(d);
                return r;
        }
        (void)pthread_mutex_init(&d->lock, NULL);
        *ret = d; /* the thread may let one in at once, and who serves it asks for the door */
        r = pthread_create(&d->thread, NULL, keep, d);
        if (r != 0) {
                *ret = NULL;
                (void)pthread_mutex_destroy(&d->lock);
                door_discard(d);
                return -r;
        }
        srv->fd[L_ATTEST] = -1;
        return 0;
}

void door_shut(struct door *d)
{
        (void)pthread_mutex_lock(&d->lock);
        d->stop = true;
        wake(d);
        (void)pthread_mutex_unlock(&d->lock);
        (void)pthread_join(d->thread, NULL);
        (void)close(d->listen);
        for (size_t i = 0; i < d->n_fds; i++)
                if (d->by_fd[i] && d->by_fd[i]->guest.place < GUEST_INSIDE)
                        leave(d, d->by_fd[i]);
}

void door_free(struct door *d)
{
        for (size_t i = 0; i < d->n_fds; i++)
                if (d->by_fd[i])
                        forget(d, d->by_fd[i]);
        (void)pthread_mutex_destroy(&d->lock);
        door_discard(d);
}
