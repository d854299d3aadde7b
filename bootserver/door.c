/* SPDX-License-Identifier: Apache-2.0 */
#include "door_impl.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#define EVENTS 64
#define ACCEPTS 256 /* before those inside are looked after again */

/* ---- arrivals ------------------------------------------------------ */

void door_forget(struct door *d, struct session *s)
{
        guard_close(d->srv->guard, &s->conn);
        door_gone(d, s);
        free(s);
}

void door_waits(struct door *d, int more)
{
        d->n_waiting = (unsigned)((int)d->n_waiting + more);
        metric_set(&d->srv->metrics, M_WAITING, d->n_waiting);
}

static void leave(struct door *d, struct session *s)
{
        int fd = s->guest.fd;

        if (s->guest.place == GUEST_QUEUED) {
                queue_take(&d->queue[s->guest.queue], s);
                (void)pthread_mutex_lock(&d->lock);
                door_waits(d, -1);
                (void)pthread_mutex_unlock(&d->lock);
        }
        door_forget(d, s);
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
                door_forget(d, left);
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
                door_forget(d, s);
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

/* All of the record that begins a handshake, or something that is none: what
 * libmicrohttpd would look at again and again while the rest is missing. */
static bool has_spoken(int fd)
{
        uint8_t head[5];
        int unread = 0;
        int need;

        if (recv(fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) < (ssize_t)sizeof(head))
                return false;
        need = (int)sizeof(head) + (head[3] << 8 | head[4]);
        return head[0] != 0x16 || need > 16384 + (int)sizeof(head) || (ioctl(fd, FIONREAD, &unread) == 0 && unread >= need);
}

static void on_guest(struct door *d, struct session *s, uint32_t events)
{
        if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
                leave(d, s);
        } else if (s->guest.place == GUEST_NEW && has_spoken(s->guest.fd)) {
                s->guest.place = GUEST_QUEUED;
                s->guest.queue = guard_queue(d->srv->guard, &s->conn);
                queue_push(&d->queue[s->guest.queue], s);
                (void)pthread_mutex_lock(&d->lock);
                door_waits(d, 1);
                (void)pthread_mutex_unlock(&d->lock);
        }
}

/* ---- the thread ------------------------------------------------------------ */

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
                wait = door_turns(d);
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
        d->n_fds = (size_t)4 * limit + 4096; /* the lowest that is free is used, and the boot listener has no more */
        if (d->n_fds > l.rlim_cur)
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
        door_wake(d);
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
                        door_forget(d, d->by_fd[i]);
        (void)pthread_mutex_destroy(&d->lock);
        door_discard(d);
}
