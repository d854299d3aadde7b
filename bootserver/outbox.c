/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox.h"

#include "mem.h"

#include <pthread.h>

struct outbox {
        pthread_mutex_t lock;
        pthread_cond_t cond;
        pthread_t thread;
        const struct outbox_ops *ops;
        void *ctx;
        struct outbox_wait *first;
        struct outbox_wait **last; /* where the next one goes */
        unsigned count;
        unsigned limit;
        bool asleep; /* until somebody waits */
        bool stopping;
        bool joined;
};

/* With the lock held. The waiter is its call's again after this. */
static void resume_up_to(struct outbox *o, uint64_t lost, uint64_t ticket, int result)
{
        struct outbox_wait **at = &o->first;

        while (*at) {
                struct outbox_wait *w = *at;

                if (result == 0 && w->ticket > ticket) {
                        at = &w->next;
                        continue;
                }
                *at = w->next;
                o->count--;
                w->result = result == 0 && w->ticket <= lost ? -EIO : result;
                o->ops->resume(w->conn);
        }
        o->last = at;
}

static void *run(void *arg)
{
        struct outbox *o = arg;

        (void)pthread_mutex_lock(&o->lock);
        for (;;) {
                uint64_t lost = 0;
                uint64_t ticket = 0;
                int r;

                o->asleep = true;
                while (!o->first && !o->stopping)
                        (void)pthread_cond_wait(&o->cond, &o->lock);
                o->asleep = false;
                if (!o->first)
                        break;
                (void)pthread_mutex_unlock(&o->lock);
                o->ops->gather(o->ctx);
                r = o->ops->sync(o->ctx, &lost, &ticket);
                (void)pthread_mutex_lock(&o->lock);
                resume_up_to(o, lost, ticket, r);
                (void)pthread_mutex_unlock(&o->lock);
                o->ops->tidy(o->ctx);
                (void)pthread_mutex_lock(&o->lock);
        }
        (void)pthread_mutex_unlock(&o->lock);
        return NULL;
}

int outbox_start(const struct outbox_ops *ops, void *ctx, unsigned limit, struct outbox **ret)
{
        struct outbox *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        o->ops = ops;
        o->ctx = ctx;
        o->limit = limit;
        o->last = &o->first;
        (void)pthread_mutex_init(&o->lock, NULL);
        (void)pthread_cond_init(&o->cond, NULL);
        r = pthread_create(&o->thread, NULL, run, o);
        if (r != 0) {
                (void)pthread_cond_destroy(&o->cond);
                (void)pthread_mutex_destroy(&o->lock);
                free(o);
                return -r;
        }
        *ret = o;
        return 0;
}

int outbox_hold(struct outbox *o, struct outbox_wait *me, void *conn, uint64_t ticket)
{
        int r;

        (void)pthread_mutex_lock(&o->lock);
        r = o->stopping ? -ESHUTDOWN : o->count >= o->limit ? -ENOSPC : 0;
        if (r == 0) {
                *me = (struct outbox_wait){ .conn = conn, .ticket = ticket, .result = -EINPROGRESS };
                *o->last = me;
                o->last = &me->next;
                o->count++;
                o->ops->suspend(conn);
                if (o->asleep)
                        (void)pthread_cond_signal(&o->cond);
        }
        (void)pthread_mutex_unlock(&o->lock);
        return r;
}

unsigned outbox_count(struct outbox *o)
{
        unsigned n;

        (void)pthread_mutex_lock(&o->lock);
        n = o->count;
        (void)pthread_mutex_unlock(&o->lock);
        return n;
}

unsigned outbox_stop(struct outbox *o)
{
        unsigned n;

        (void)pthread_mutex_lock(&o->lock);
        n = o->count;
        o->stopping = true;
        (void)pthread_cond_signal(&o->cond);
        (void)pthread_mutex_unlock(&o->lock);
        if (!o->joined)
                (void)pthread_join(o->thread, NULL);
        o->joined = true;
        return n;
}

void outbox_free(struct outbox *o)
{
        if (!o)
                return;
        (void)outbox_stop(o);
        (void)pthread_cond_destroy(&o->cond);
        (void)pthread_mutex_destroy(&o->lock);
        free(o);
}
