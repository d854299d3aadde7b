/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_cas.h"

#include "ek_memo.h"
#include "log.h"
#include "logquote.h"

#include <pthread.h>

struct ek_cas {
        pthread_rwlock_t lock;
        char dir[256];
        struct ekca *set; /* NULL: none */
        size_t n;            /* certificates in it */
        struct unused unused; /* files that were read for it, and are not in it */
        uint64_t generation; /* of it */
        struct ek_memo *memo; /* of what it was asked */
};

DEFINE_CLEANUP(struct ekca *, ekca_free)

int ek_cas_new(const char *dir, struct ek_cas **ret)
{
        struct ek_cas *c = calloc(1, sizeof(*c));

        if (!c || ek_memo_new(&c->memo) < 0) {
                free(c);
                return -ENOMEM;
        }
        (void)pthread_rwlock_init(&c->lock, NULL);
        (void)snprintf(c->dir, sizeof(c->dir), "%s", dir);
        *ret = c;
        return 0;
}

void ek_cas_free(struct ek_cas *c)
{
        if (!c)
                return;
        ekca_free(c->set);
        ek_memo_free(c->memo);
        (void)pthread_rwlock_destroy(&c->lock);
        free(c);
}

static void warn_of_odd(const struct ekca *set)
{
        char text[256];
        size_t n = 0;
        const char *first = ekca_odd(set, &n);

        if (first)
                log_warn("%zu of the EK CA certificates have a key of another kind than RSA of 2048 to 4096 bits and P-256, "
                         "P-384 or P-521, first: %s. They are used; what they signed costs more to verify, or is worth less. "
                         "Next: take them out unless a node needs them", n, log_quote(first, text, sizeof(text)));
}

static void note_unused(void *ctx, const char *file, const char *why)
{
        unused_add(ctx, file, why);
}

int ek_cas_read(const char *dir, struct ekca **ret, struct unused *ret_unused)
{
        _cleanup_(ekca_freep) struct ekca *set = NULL;
        int n = ekca_new(&set);

        if (n == 0)
                n = ekca_load_dir(set, dir, note_unused, ret_unused);
        if (n < 0 && n != -ENOENT) {
                log_err("cannot read the directory of the EK CA certificates, %s: %s. Next: let the user that musterd runs as read it",
                        dir, strerror(-n));
                return n;
        }
        unused_log(ret_unused, dir, "an EK CA",
                   "put a CA certificate there that musterd's user can read, in PEM or DER, or remove the file; "
                   "then systemctl reload musterd");
        if (n <= 0)
                log_warn("no EK CA certificates in %s: no EK certificate will chain. Next: put the TPM vendors' CAs there", dir);
        warn_of_odd(set);
        *ret = take_ptr(set);
        return n > 0 ? n : 0;
}

int ek_cas_reload(struct ek_cas *c)
{
        _cleanup_(ekca_freep) struct ekca *set = NULL;
        struct unused unused = { 0 };
        struct ekca *old;
        int n = ek_cas_read(c->dir, &set, &unused);

        if (n < 0)
                return n;
        (void)pthread_rwlock_wrlock(&c->lock);
        old = c->set;
        c->set = take_ptr(set);
        c->n = (size_t)n;
        c->unused = unused;
        c->generation++;
        (void)pthread_rwlock_unlock(&c->lock);
        ekca_free(old);
        return n;
}

size_t ek_cas_now(struct ek_cas *c, struct unused *ret_unused)
{
        size_t n;

        (void)pthread_rwlock_rdlock(&c->lock);
        n = c->n;
        *ret_unused = c->unused;
        (void)pthread_rwlock_unlock(&c->lock);
        return n;
}

int ek_cas_digest(struct ek_cas *c, uint8_t ret[DIGEST_LEN])
{
        int r = 0;

        memset(ret, 0, DIGEST_LEN);
        (void)pthread_rwlock_rdlock(&c->lock);
        if (c->set)
                r = ekca_digest(c->set, ret);
        (void)pthread_rwlock_unlock(&c->lock);
        return r;
}

/* With the lock held. */
static enum ek_chain verify(const struct ek_cas *c, const struct jbufs *certs, const uint8_t node[DIGEST_LEN])
{
        _cleanup_(ekca_freep) struct ekca *extra = NULL;
        enum ek_chain chain = EK_CHAIN_UNMATCHED;
        struct ekcert leaf = { 0 };
        const char *why = NULL;

        if (ekca_new(&extra) < 0 || ekcert_parse(certs->v[0].p, certs->v[0].len, &leaf, &why) < 0)
                return EK_CHAIN_UNMATCHED;
        for (size_t i = 1; i < certs->n; i++)
                (void)ekca_add(extra, certs->v[i].p, certs->v[i].len, false, &why);
        if (!leaf.not_ek && same_bytes(leaf.id, DIGEST_LEN, node, DIGEST_LEN) && c->set)
                chain = ekcert_chain(&leaf, c->set, extra, &why);
        ekcert_free(&leaf);
        return chain == EK_CHAIN_OK ? EK_CHAIN_OK : EK_CHAIN_UNMATCHED;
}

enum ek_chain ek_cas_check(struct ek_cas *c, const struct jbufs *certs, const uint8_t node[DIGEST_LEN])
{
        enum ek_chain chain = EK_CHAIN_OK;
        uint8_t key[DIGEST_LEN];

        if (certs->n == 0)
                return EK_CHAIN_NONE;
        if (ek_memo_key(certs, node, key) < 0)
                return EK_CHAIN_UNMATCHED;
        (void)pthread_rwlock_rdlock(&c->lock);
        if (!ek_memo_good(c->memo, c->generation, node, key)) {
                chain = verify(c, certs, node);
                if (chain == EK_CHAIN_OK)
                        ek_memo_keep(c->memo, c->generation, node, key);
        }
        (void)pthread_rwlock_unlock(&c->lock);
        return chain;
}
