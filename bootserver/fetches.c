/* SPDX-License-Identifier: Apache-2.0 */
#include "fetches.h"

#include "hex.h"
#include "mem.h"

#include <pthread.h>

#define SLOTS 65536 /* a power of two */
#define WAYS 8

static struct {
        pthread_mutex_t lock;
        struct slot {
                uint64_t key; /* ids are hashes: their beginning tells them apart */
                int64_t when; /* 0: free */
        } slot[SLOTS];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t key_of(const char *id)
{
        uint8_t raw[8] = { 0 };
        uint64_t key;

        (void)hex_decode(id, strnlen(id, 16), raw, sizeof(raw), &(size_t){ 0 });
        memcpy(&key, raw, sizeof(key));
        return key;
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
        *s = (struct slot){ key, now };
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
