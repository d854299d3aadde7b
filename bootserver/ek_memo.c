/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_memo.h"

#include <pthread.h>

#define LABEL "muster ek chain v1"

struct entry {
        uint64_t used; /* 0: free */
        uint64_t generation;
        uint8_t node[DIGEST_LEN];
        uint8_t key[DIGEST_LEN];
};

struct ek_memo {
        pthread_mutex_t lock;
        uint64_t clock;
        struct entry v[EK_MEMO_SETS][EK_MEMO_WAYS];
};

int ek_memo_new(struct ek_memo **ret)
{
        struct ek_memo *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        (void)pthread_mutex_init(&m->lock, NULL);
        *ret = m;
        return 0;
}

void ek_memo_free(struct ek_memo *m)
{
        if (!m)
                return;
        (void)pthread_mutex_destroy(&m->lock);
        free(m);
}

/* Each part with its length before it, so that no two lists have the same bytes. */
int ek_memo_key(const struct jbufs *certs, const uint8_t node[DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();

        if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(md, LABEL, sizeof(LABEL)) != 1 ||
            EVP_DigestUpdate(md, node, DIGEST_LEN) != 1)
                return -EIO;
        for (size_t i = 0; i < certs->n; i++) {
                uint64_t len = certs->v[i].len;

                if (EVP_DigestUpdate(md, &len, sizeof(len)) != 1 || EVP_DigestUpdate(md, certs->v[i].p, certs->v[i].len) != 1)
                        return -EIO;
        }
        return EVP_DigestFinal_ex(md, ret, NULL) == 1 ? 0 : -EIO;
}

static bool same(const uint8_t *a, const uint8_t *b)
{
        return same_bytes(a, DIGEST_LEN, b, DIGEST_LEN);
}

/* The node's entry, or the one of its set to give up for it. */
static struct entry *entry_of(struct ek_memo *m, const uint8_t node[DIGEST_LEN])
{
        struct entry *set = m->v[(node[0] << 8 | node[1]) % EK_MEMO_SETS];
        struct entry *oldest = set;

        for (size_t i = 0; i < EK_MEMO_WAYS; i++) {
                if (set[i].used > 0 && same(set[i].node, node))
                        return &set[i];
                if (set[i].used < oldest->used)
                        oldest = &set[i];
        }
        return oldest;
}

bool ek_memo_good(struct ek_memo *m, uint64_t generation, const uint8_t node[DIGEST_LEN], const uint8_t key[DIGEST_LEN])
{
        struct entry *e;
        bool good;

        (void)pthread_mutex_lock(&m->lock);
        e = entry_of(m, node);
        good = e->used > 0 && e->generation == generation && same(e->node, node) && same(e->key, key);
        if (good)
                e->used = ++m->clock;
        (void)pthread_mutex_unlock(&m->lock);
        return good;
}

void ek_memo_keep(struct ek_memo *m, uint64_t generation, const uint8_t node[DIGEST_LEN], const uint8_t key[DIGEST_LEN])
{
        struct entry *e;

        (void)pthread_mutex_lock(&m->lock);
        e = entry_of(m, node);
        memcpy(e->node, node, DIGEST_LEN);
        memcpy(e->key, key, DIGEST_LEN);
        e->generation = generation;
        e->used = ++m->clock;
        (void)pthread_mutex_unlock(&m->lock);
}

size_t ek_memo_count(struct ek_memo *m)
{
        size_t n = 0;

        (void)pthread_mutex_lock(&m->lock);
        for (size_t i = 0; i < EK_MEMO_SETS; i++)
                for (size_t k = 0; k < EK_MEMO_WAYS; k++)
                        n += m->v[i][k].used > 0;
        (void)pthread_mutex_unlock(&m->lock);
        return n;
}
