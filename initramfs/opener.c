/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * A ring of buffers. The caller fills the slot at `given`; a worker takes
 * the one at `taken`. Chunks may finish in any order, so each slot says
 * whether it is in use, and the caller waits for the slot that is next in
 * the ring. The lock is held for the ring's numbers only. */
#include "opener.h"

#include <pthread.h>
#include <sched.h>

#define STACK ((size_t)256 << 10)

struct slot {
        uint64_t i;
        size_t len;
        bool used;
        uint8_t bytes[SEAL_CHUNK_SEALED];
};

struct opener {
        const uint8_t *list;
        int fd;
        unsigned threads; /* that run; 0: the caller opens chunks itself */
        unsigned starting; /* counts the seals that workers have taken */
        unsigned slots;
        pthread_mutex_t lock;
        pthread_cond_t work; /* a slot was given, or it is the end */
        pthread_cond_t room; /* a slot is free again */
        pthread_t thread[OPENER_THREADS_MAX];
        struct seal *seal[OPENER_THREADS_MAX];
        struct slot *slot;
        size_t given, taken, done;
        bool end;
        int error; /* of the first chunk that failed, */
        uint64_t bad; /* which is this one */
};

unsigned opener_cores(void)
{
        cpu_set_t set;
        int n;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        n = CPU_COUNT(&set);
        return n < 1 ? 1 : n > OPENER_THREADS_MAX ? OPENER_THREADS_MAX : (unsigned)n;
}

static int write_at(int fd, const uint8_t *p, size_t len, uint64_t at)
{
        while (len > 0) {
                ssize_t k = pwrite(fd, p, len, (off_t)at);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EIO;
                p += k;
                at += (uint64_t)k;
                len -= (size_t)k;
        }
        return 0;
}

static int open_slot(struct opener *o, struct seal *seal, struct slot *s)
{
        if (seal_open_chunk(seal, o->list, s->i, s->bytes, s->len) < 0)
                return -EKEYREJECTED;
        return write_at(o->fd, s->bytes, s->len - SEAL_TAG_LEN, s->i << SEAL_CHUNK_LOG2);
}

/* With the lock held, when there are threads. */
static void finish(struct opener *o, struct slot *s, int r)
{
        if (r < 0 && (o->error == 0 || s->i < o->bad)) {
                o->error = r;
                o->bad = s->i;
        }
        s->used = false;
        o->done++;
}

static void *work(void *arg)
{
        struct opener *o = arg;
        struct seal *seal;

        (void)pthread_mutex_lock(&o->lock);
        seal = o->seal[o->starting++];
        for (;;) {
                struct slot *s;
                int r;

                while (o->taken == o->given && !o->end)
                        (void)pthread_cond_wait(&o->work, &o->lock);
                if (o->taken == o->given)
                        break;
                s = &o->slot[o->taken++ % o->slots];
                (void)pthread_mutex_unlock(&o->lock);
                r = open_slot(o, seal, s);
                (void)pthread_mutex_lock(&o->lock);
                finish(o, s, r);
                (void)pthread_cond_signal(&o->room);
        }
        (void)pthread_mutex_unlock(&o->lock);
        return NULL;
}

/* As many as can be had; none is no error. */
static void start(struct opener *o, unsigned threads)
{
        pthread_attr_t attr;

        if (threads < 2 || pthread_attr_init(&attr) != 0)
                return;
        (void)pthread_attr_setstacksize(&attr, STACK);
        while (o->threads < threads && pthread_create(&o->thread[o->threads], &attr, work, o) == 0)
                o->threads++;
        (void)pthread_attr_destroy(&attr);
}

int opener_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t header[SEAL_HEADER_LEN], const uint8_t *list, int fd,
               unsigned threads, struct opener **ret)
{
        _cleanup_(opener_freep) struct opener *o = calloc(1, sizeof(*o));
        int r = 0;

        if (!o)
                return -ENOMEM;
        (void)pthread_mutex_init(&o->lock, NULL);
        (void)pthread_cond_init(&o->work, NULL);
        (void)pthread_cond_init(&o->room, NULL);
        if (threads < 1)
                threads = 1;
        if (threads > OPENER_THREADS_MAX)
                threads = OPENER_THREADS_MAX;
        o->list = list;
        o->fd = fd;
        o->slots = threads > 1 ? 2 * threads : 1;
        o->slot = calloc(o->slots, sizeof(*o->slot));
        if (!o->slot)
                return -ENOMEM;
        for (unsigned i = 0; i < threads && r == 0; i++)
                r = seal_new(key, header, false, &o->seal[i]);
        if (r < 0)
                return r;
        start(o, threads);
        *ret = take_ptr(o);
        return 0;
}

void opener_free(struct opener *o)
{
        if (!o)
                return;
        (void)pthread_mutex_lock(&o->lock);
        o->end = true;
        (void)pthread_cond_broadcast(&o->work);
        (void)pthread_mutex_unlock(&o->lock);
        for (unsigned i = 0; i < o->threads; i++)
                (void)pthread_join(o->thread[i], NULL);
        for (unsigned i = 0; i < OPENER_THREADS_MAX; i++)
                seal_free(o->seal[i]);
        (void)pthread_cond_destroy(&o->work);
        (void)pthread_cond_destroy(&o->room);
        (void)pthread_mutex_destroy(&o->lock);
        free(o->slot);
        free(o);
}

uint8_t *opener_buffer(struct opener *o)
{
        struct slot *s = &o->slot[o->given % o->slots];
        bool failed;

        (void)pthread_mutex_lock(&o->lock);
        while (s->used && o->error == 0)
                (void)pthread_cond_wait(&o->room, &o->lock);
        failed = o->error != 0;
        (void)pthread_mutex_unlock(&o->lock);
        return failed ? NULL : s->bytes;
}

void opener_give(struct opener *o, uint64_t i, size_t len)
{
        struct slot *s = &o->slot[o->given % o->slots];

        (void)pthread_mutex_lock(&o->lock);
        s->i = i;
        s->len = len;
        s->used = true;
        o->given++;
        if (o->threads == 0) {
                o->taken++;
                finish(o, s, open_slot(o, o->seal[0], s));
        } else {
                (void)pthread_cond_signal(&o->work);
        }
        (void)pthread_mutex_unlock(&o->lock);
}

int opener_drain(struct opener *o, uint64_t *ret_chunk)
{
        int r;

        (void)pthread_mutex_lock(&o->lock);
        while (o->done != o->given)
                (void)pthread_cond_wait(&o->room, &o->lock);
        r = o->error;
        *ret_chunk = o->bad;
        o->error = 0;
        (void)pthread_mutex_unlock(&o->lock);
        return r;
}
