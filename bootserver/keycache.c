/* SPDX-License-Identifier: Apache-2.0 */
#include "keycache.h"

#include "evidence_impl.h"

#include <pthread.h>

struct entry {
        uint64_t used; /* 0: free */
        uint8_t ek[DIGEST_LEN]; /* SHA-256 of the EK's public area */
        uint8_t id[DIGEST_LEN]; /* the node id it makes */
        uint8_t ak[POLICY_NAME_LEN]; /* the AK's Name: nameAlg and that hash of its public area */
        struct quote_verifier ak_ready;
};

struct keycache {
        pthread_mutex_t lock;
        uint64_t clock;
        struct entry v[KEYCACHE_SETS][KEYCACHE_WAYS];
};

int keycache_new(struct keycache **ret)
{
        struct keycache *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        (void)pthread_mutex_init(&c->lock, NULL);
        *ret = c;
        return 0;
}

void keycache_free(struct keycache *c)
{
        if (!c)
                return;
        for (size_t i = 0; i < KEYCACHE_SETS; i++)
                for (size_t k = 0; k < KEYCACHE_WAYS; k++)
                        quote_verifier_free(&c->v[i][k].ak_ready);
        (void)pthread_mutex_destroy(&c->lock);
        free(c);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
        return same_bytes(a, DIGEST_LEN, b, DIGEST_LEN);
}

/* The EK's entry, or the one of its set to give up for it. */
static struct entry *entry_of(struct keycache *c, const uint8_t ek[DIGEST_LEN])
{
        struct entry *set = c->v[(ek[0] << 8 | ek[1]) % KEYCACHE_SETS];
        struct entry *oldest = set;

        for (size_t i = 0; i < KEYCACHE_WAYS; i++) {
                if (set[i].used > 0 && same(set[i].ek, ek))
                        return &set[i];
                if (set[i].used < oldest->used)
                        oldest = &set[i];
        }
        return oldest;
}

static bool is_of(const struct entry *e, const uint8_t ek[DIGEST_LEN])
{
        return e->used > 0 && same(e->ek, ek);
}

static bool same_ak(const struct entry *e, const struct evidence *ev)
{
        return same_bytes(e->ak, POLICY_NAME_LEN, ev->ak_name, POLICY_NAME_LEN);
}

void keycache_give(struct keycache *c, struct evidence *ev)
{
        struct entry *e;

        if (!ev->has_ek || !ev->has_ak || ev->has_ek_id || ev->ak_ready.ctx)
                return;
        (void)pthread_mutex_lock(&c->lock);
        e = entry_of(c, ev->ek_digest);
        if (is_of(e, ev->ek_digest)) {
                e->used = ++c->clock;
                memcpy(ev->ek_id, e->id, DIGEST_LEN);
                ev->has_ek_id = true;
                if (same_ak(e, ev))
                        (void)quote_verifier_copy(&e->ak_ready, &ev->ak_ready); /* or it is worked out again */
        }
        (void)pthread_mutex_unlock(&c->lock);
}

void keycache_keep(struct keycache *c, const struct evidence *ev)
{
        _cleanup_(quote_verifier_free) struct quote_verifier old = { 0 }; /* freed without the lock */
        struct quote_verifier copy;
        struct entry *e;

        if (!ev->has_ek_id || !ev->ak_ready.ctx)
                return;
        (void)pthread_mutex_lock(&c->lock);
        e = entry_of(c, ev->ek_digest);
        if ((!is_of(e, ev->ek_digest) || !same_ak(e, ev)) && quote_verifier_copy(&ev->ak_ready, &copy) == 0) {
                old = e->ak_ready;
                memcpy(e->ek, ev->ek_digest, DIGEST_LEN);
                memcpy(e->id, ev->ek_id, DIGEST_LEN);
                memcpy(e->ak, ev->ak_name, POLICY_NAME_LEN);
                e->ak_ready = copy;
                e->used = ++c->clock;
        }
        (void)pthread_mutex_unlock(&c->lock);
}

size_t keycache_count(struct keycache *c)
{
        size_t n = 0;

        (void)pthread_mutex_lock(&c->lock);
        for (size_t i = 0; i < KEYCACHE_SETS; i++)
                for (size_t k = 0; k < KEYCACHE_WAYS; k++)
                        n += c->v[i][k].used > 0;
        (void)pthread_mutex_unlock(&c->lock);
        return n;
}
