/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_memo.h"

#include "lru_sets.h"

#define LABEL "muster ek chain v1"

struct entry {
        struct lru_entry lru; /* under the node's id */
        uint64_t generation;
        uint8_t chain[DIGEST_LEN];
};

struct ek_memo {
        struct lru_sets table;
};

int ek_memo_new(struct ek_memo **ret)
{
        struct ek_memo *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        if (lru_sets_init(&m->table, EK_MEMO_SETS, EK_MEMO_WAYS, sizeof(struct entry), NULL) < 0) {
                free(m);
                return -ENOMEM;
        }
        *ret = m;
        return 0;
}

void ek_memo_free(struct ek_memo *m)
{
        if (!m)
                return;
        lru_sets_done(&m->table);
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

bool ek_memo_good(struct ek_memo *m, uint64_t generation, const uint8_t node[DIGEST_LEN], const uint8_t key[DIGEST_LEN])
{
        struct entry *e;
        bool good;

        lru_sets_lock(&m->table);
        e = lru_sets_find(&m->table, node);
        good = e && e->generation == generation && same_bytes(e->chain, DIGEST_LEN, key, DIGEST_LEN);
        if (good)
                lru_sets_use(&m->table, e, node);
        lru_sets_unlock(&m->table);
        return good;
}

void ek_memo_keep(struct ek_memo *m, uint64_t generation, const uint8_t node[DIGEST_LEN], const uint8_t key[DIGEST_LEN])
{
        struct entry *e;

        lru_sets_lock(&m->table);
        e = lru_sets_place(&m->table, node);
        e->generation = generation;
        memcpy(e->chain, key, DIGEST_LEN);
        lru_sets_use(&m->table, e, node);
        lru_sets_unlock(&m->table);
}

size_t ek_memo_count(struct ek_memo *m)
{
        return lru_sets_count(&m->table);
}
