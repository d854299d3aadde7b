/* SPDX-License-Identifier: Apache-2.0 */
#include "keycache.h"

#include "evidence_impl.h"
#include "lru_sets.h"

struct entry {
        struct lru_entry lru;        /* under the SHA-256 of the EK's public area */
        uint8_t id[DIGEST_LEN];      /* the node id it makes */
        uint8_t ak[POLICY_NAME_LEN]; /* the AK's Name: nameAlg and that hash of its public area */
        struct quote_verifier ak_ready;
};

struct keycache {
        struct lru_sets table;
};

static void drop(void *entry)
{
        quote_verifier_free(&((struct entry *)entry)->ak_ready);
}

int keycache_new(struct keycache **ret)
{
        struct keycache *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        if (lru_sets_init(&c->table, KEYCACHE_SETS, KEYCACHE_WAYS, sizeof(struct entry), drop) < 0) {
                free(c);
                return -ENOMEM;
        }
        *ret = c;
        return 0;
}

void keycache_free(struct keycache *c)
{
        if (!c)
                return;
        lru_sets_done(&c->table);
        free(c);
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
        lru_sets_lock(&c->table);
        e = lru_sets_find(&c->table, ev->ek_digest);
        if (e) {
                lru_sets_use(&c->table, e, ev->ek_digest);
                memcpy(ev->ek_id, e->id, DIGEST_LEN);
                ev->has_ek_id = true;
                if (same_ak(e, ev))
                        (void)quote_verifier_copy(&e->ak_ready, &ev->ak_ready); /* or it is worked out again */
        }
        lru_sets_unlock(&c->table);
}

void keycache_keep(struct keycache *c, const struct evidence *ev)
{
        _cleanup_(quote_verifier_free) struct quote_verifier old = { 0 }; /* freed without the lock */
        struct quote_verifier copy;
        struct entry *e;

        if (!ev->has_ek_id || !ev->ak_ready.ctx)
                return;
        lru_sets_lock(&c->table);
        e = lru_sets_find(&c->table, ev->ek_digest);
        if ((!e || !same_ak(e, ev)) && quote_verifier_copy(&ev->ak_ready, &copy) == 0) {
                e = lru_sets_place(&c->table, ev->ek_digest);
                old = e->ak_ready;
                memcpy(e->id, ev->ek_id, DIGEST_LEN);
                memcpy(e->ak, ev->ak_name, POLICY_NAME_LEN);
                e->ak_ready = copy;
                lru_sets_use(&c->table, e, ev->ek_digest);
        }
        lru_sets_unlock(&c->table);
}

size_t keycache_count(struct keycache *c)
{
        return lru_sets_count(&c->table);
}
