/* SPDX-License-Identifier: Apache-2.0 */
#include "lru_sets.h"

#include <assert.h>

int lru_sets_init(struct lru_sets *t, size_t sets, size_t ways, size_t size, void (*drop)(void *entry))
{
        uint8_t *v;
        size_t n;
        size_t all;

        assert(sets > 0 && ways > 0 && size >= sizeof(struct lru_entry) && size % _Alignof(struct lru_entry) == 0);
        v = __builtin_mul_overflow(sets, ways, &n) || __builtin_mul_overflow(n, size, &all) ? NULL : calloc(n, size);
        if (!v)
                return -ENOMEM;
        *t = (struct lru_sets){ .sets = sets, .ways = ways, .size = size, .drop = drop, .v = v };
        (void)pthread_mutex_init(&t->lock, NULL);
        return 0;
}

static struct lru_entry *entry_at(const struct lru_sets *t, size_t i)
{
        return (struct lru_entry *)(void *)(t->v + i * t->size);
}

void lru_sets_done(struct lru_sets *t)
{
        for (size_t i = 0; t->drop && i < t->sets * t->ways; i++)
                if (entry_at(t, i)->used > 0)
                        t->drop(entry_at(t, i));
        (void)pthread_mutex_destroy(&t->lock);
        free(t->v);
        t->v = NULL;
}

void lru_sets_lock(struct lru_sets *t)
{
        (void)pthread_mutex_lock(&t->lock);
}

void lru_sets_unlock(struct lru_sets *t)
{
        (void)pthread_mutex_unlock(&t->lock);
}

static bool is_of(const struct lru_entry *e, const uint8_t key[DIGEST_LEN])
{
        return e->used > 0 && same_bytes(e->key, DIGEST_LEN, key, DIGEST_LEN);
}

void *lru_sets_place(struct lru_sets *t, const uint8_t key[DIGEST_LEN])
{
        size_t first = (size_t)(key[0] << 8 | key[1]) % t->sets * t->ways;
        struct lru_entry *oldest = entry_at(t, first);

        for (size_t i = first; i < first + t->ways; i++) {
                struct lru_entry *e = entry_at(t, i);

                if (is_of(e, key))
                        return e;
                if (e->used < oldest->used)
                        oldest = e;
        }
        return oldest;
}

void *lru_sets_find(struct lru_sets *t, const uint8_t key[DIGEST_LEN])
{
        struct lru_entry *e = lru_sets_place(t, key);

        return is_of(e, key) ? e : NULL;
}

void lru_sets_use(struct lru_sets *t, void *entry, const uint8_t key[DIGEST_LEN])
{
        struct lru_entry *e = entry;

        memcpy(e->key, key, DIGEST_LEN);
        e->used = ++t->clock;
}

size_t lru_sets_count(struct lru_sets *t)
{
        size_t n = 0;

        lru_sets_lock(t);
        for (size_t i = 0; i < t->sets * t->ways; i++)
                n += entry_at(t, i)->used > 0;
        lru_sets_unlock(t);
        return n;
}
