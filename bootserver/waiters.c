/* SPDX-License-Identifier: Apache-2.0 */
#include "waiters.h"

#include "mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#define LOOK_MS 2000 /* how soon a peer that went away is noticed */

struct waiters {
        pthread_mutex_t lock;
        pthread_cond_t cond;
        pthread_t thread;
        struct waiter *first;
        uint64_t generation;
        unsigned count;
        unsigned limit;
        bool stopping;
        bool joined;
};

static int64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* With the lock held. The waiter is its call's again after this. */
static void resume(struct waiters *w, struct waiter *me)
{
        if (me->prev)
                me->prev->next = me->next;
        else
                w->first = me->next;
        if (me->next)
                me->next->prev = me->prev;
        w->count--;
        MHD_resume_connection(me->conn);
}

static void resume_node(struct waiters *w, const char *node)
{
        for (struct waiter *i = w->first, *after; i; i = after) {
                after = i->next;
                if (!node || strcmp(i->node, node) == 0)
                        resume(w, i);
        }
}

/* libmicrohttpd does not look at a suspended connection. */
static bool peer_is_gone(const struct waiter *i)
{
        struct tcp_info info;
        socklen_t n = sizeof(info);

        return i->fd >= 0 && getsockopt(i->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_state != TCP_ESTABLISHED;
}

static void *timer(void *arg)
{
        struct waiters *w = arg;

        (void)pthread_mutex_lock(&w->lock);
        while (!w->stopping) {
                int64_t now = now_ms();
                int64_t next = now + (w->first ? LOOK_MS : 60000);
                struct timespec t;

                for (struct waiter *i = w->first, *after; i; i = after) {
                        after = i->next;
                        if (i->until <= now || peer_is_gone(i))
                                resume(w, i);
                        else if (i->until < next)
                                next = i->until;
                }
                t.tv_sec = next / 1000;
                t.tv_nsec = next % 1000 * 1000000;
                (void)pthread_cond_timedwait(&w->cond, &w->lock, &t);
        }
        (void)pthread_mutex_unlock(&w->lock);
        return NULL;
}

int waiters_start(unsigned limit, struct waiters **ret)
{
        struct waiters *w = calloc(1, sizeof(*w));
        pthread_condattr_t attr;
        int r;

        if (!w)
                return -ENOMEM;
        w->limit = limit;
        (void)pthread_mutex_init(&w->lock, NULL);
        (void)pthread_condattr_init(&attr);
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&w->cond, &attr);
        (void)pthread_condattr_destroy(&attr);
        r = pthread_create(&w->thread, NULL, timer, w);
        if (r != 0) {
                free(w);
                return -r;
        }
        *ret = w;
        return 0;
}

void waiters_stop(struct waiters *w)
{
        (void)pthread_mutex_lock(&w->lock);
        w->stopping = true;
        while (w->first)
                resume(w, w->first);
        (void)pthread_cond_signal(&w->cond);
        (void)pthread_mutex_unlock(&w->lock);
        if (!w->joined)
                (void)pthread_join(w->thread, NULL);
        w->joined = true;
}

void waiters_free(struct waiters *w)
{
        if (!w)
                return;
        waiters_stop(w);
        (void)pthread_cond_destroy(&w->cond);
        (void)pthread_mutex_destroy(&w->lock);
        free(w);
}

uint64_t waiters_generation(struct waiters *w)
{
        uint64_t g;

        (void)pthread_mutex_lock(&w->lock);
        g = w->generation;
        (void)pthread_mutex_unlock(&w->lock);
        return g;
}

int waiters_hold(struct waiters *w, struct waiter *me, struct MHD_Connection *conn, const char *node, uint64_t generation,
                 unsigned seconds)
{
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
        int r = 0;

        (void)pthread_mutex_lock(&w->lock);
        if (w->stopping) {
                r = -ESHUTDOWN;
        } else if (w->generation != generation) {
                r = -EAGAIN;
        } else {
                resume_node(w, node);
                r = w->count < w->limit ? 0 : -ENOSPC;
        }
        if (r == 0) {
                memset(me, 0, sizeof(*me));
                me->conn = conn;
                me->fd = fd ? fd->connect_fd : -1;
                me->until = now_ms() + (int64_t)seconds * 1000;
                (void)snprintf(me->node, sizeof(me->node), "%s", node);
                me->next = w->first;
                if (w->first)
                        w->first->prev = me;
                w->first = me;
                w->count++;
                MHD_suspend_connection(conn);
                (void)pthread_cond_signal(&w->cond);
        }
        (void)pthread_mutex_unlock(&w->lock);
        return r;
}

void waiters_wake(struct waiters *w, const char *node)
{
        (void)pthread_mutex_lock(&w->lock);
        w->generation++;
        resume_node(w, node);
        (void)pthread_mutex_unlock(&w->lock);
}

unsigned waiters_count(struct waiters *w)
{
        unsigned n;

        (void)pthread_mutex_lock(&w->lock);
        n = w->count;
        (void)pthread_mutex_unlock(&w->lock);
        return n;
}
