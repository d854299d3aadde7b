/* SPDX-License-Identifier: Apache-2.0 */
#include "fetches.h"

#include "hex.h"
#include "mem.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#define SLOTS FETCHES_MAX /* a power of two */
#define WAYS 8

static struct {
        pthread_mutex_t lock;
        struct slot {
                uint64_t key; /* ids are hashes: their beginning tells them apart */
                int64_t when : 63; /* 0: free */
                bool answered : 1;
        } slot[SLOTS];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t key_of(const char *id)
{
        uint8_t raw[8] = { 0 };
        uint64_t key;

        (void)hex_decode(id, strnlen(id, 16), raw, sizeof(raw), &(size_t){ 0 });
        memcpy(&key, raw, sizeof(key));
        return be64toh(key); /* their order is the ids' */
}

static struct slot *find(uint64_t key)
{
        struct slot *first = &table.slot[key % SLOTS & ~(uint64_t)(WAYS - 1)];

        for (struct slot *s = first; s < first + WAYS; s++)
                if (s->when && s->key == key)
                        return s;
        return NULL;
}

static struct slot *oldest(uint64_t key)
{
        struct slot *first = &table.slot[key % SLOTS & ~(uint64_t)(WAYS - 1)];
        struct slot *old = first;

        for (struct slot *s = first + 1; s < first + WAYS; s++)
                if (s->when < old->when)
                        old = s;
        return old;
}

void fetch_note(const char *id, int64_t now)
{
        uint64_t key = key_of(id);
        struct slot *s;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key);
        if (!s)
                s = oldest(key);
        *s = (struct slot){ .key = key, .when = now };
        (void)pthread_mutex_unlock(&table.lock);
}

int64_t fetch_last(const char *id)
{
        struct slot *s;
        int64_t when;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key_of(id));
        when = s ? s->when : 0;
        (void)pthread_mutex_unlock(&table.lock);
        return when;
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct fetch *)a)->prefix, ((const struct fetch *)b)->prefix);
}

int fetch_open(int64_t when, const char *after, struct fetch **ret, size_t *ret_n)
{
        uint64_t from = key_of(after);
        struct fetch *f;
        size_t n = 0;
        size_t i = 0;

        (void)pthread_mutex_lock(&table.lock);
        for (const struct slot *s = table.slot; s < table.slot + SLOTS; s++)
                n += s->when && s->when < when && !s->answered && (!*after || s->key > from);
        f = calloc(n ? n : 1, sizeof(*f));
        for (const struct slot *s = table.slot; s < table.slot + SLOTS && f; s++)
                if (s->when && s->when < when && !s->answered && (!*after || s->key > from)) {
                        (void)snprintf(f[i].prefix, sizeof(f[i].prefix), "%016" PRIx64, s->key);
                        f[i++].when = s->when;
                }
        (void)pthread_mutex_unlock(&table.lock);
        if (!f)
                return -ENOMEM;
        qsort(f, n, sizeof(*f), compare);
        *ret = f;
        *ret_n = n;
        return 0;
}

void fetch_answered(const struct fetch *f)
{
        struct slot *s;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key_of(f->prefix));
        if (s && s->when == f->when)
                s->answered = true;
        (void)pthread_mutex_unlock(&table.lock);
}
