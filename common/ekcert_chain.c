/* SPDX-License-Identifier: Apache-2.0 */
#include "ekcert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define MAX_DEPTH 6 /* CAs in one chain */

struct ekca {
        struct {
                X509 *x;
                bool trusted;
        } *v;
        size_t n, cap;
};

int ekca_new(struct ekca **ret)
{
        struct ekca *ca = calloc(1, sizeof(*ca));

        if (!ca)
                return -ENOMEM;
        *ret = ca;
        return 0;
}

void ekca_free(struct ekca *ca)
{
        if (!ca)
                return;
        for (size_t i = 0; i < ca->n; i++)
                X509_free(ca->v[i].x);
        free(ca->v);
        free(ca);
}

int ekca_digest(const struct ekca *ca, uint8_t ret[DIGEST_LEN])
{
        memset(ret, 0, DIGEST_LEN);
        for (size_t i = 0; i < ca->n; i++) {
                uint8_t one[EVP_MAX_MD_SIZE];
                unsigned len = 0;

                if (X509_digest(ca->v[i].x, EVP_sha256(), one, &len) != 1 || len != DIGEST_LEN)
                        return -EIO;
                for (size_t k = 0; k < DIGEST_LEN; k++)
                        ret[k] ^= one[k];
        }
        return 0;
}

static int push(struct ekca *ca, X509 *x, bool trusted)
{
        if (ca->n >= EKCA_MAX)
                return -E2BIG;
        if (ca->n == ca->cap) {
                size_t cap = ca->cap ? 2 * ca->cap : 16;
                void *v = reallocarray(ca->v, cap, sizeof(ca->v[0]));

                if (!v)
                        return -ENOMEM;
                ca->v = v;
                ca->cap = cap;
        }
        ca->v[ca->n].x = x;
        ca->v[ca->n++].trusted = trusted;
        return 0;
}

static int add_pem(struct ekca *ca, const void *p, size_t len, bool trusted, const char **ret_why)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(p, (int)len);
        size_t before = ca->n;

        if (!bio)
                return -ENOMEM;
        for (;;) {
                X509 *x = PEM_read_bio_X509(bio, NULL, NULL, (void *)"");
                int r;

                if (!x)
                        break;
                r = push(ca, x, trusted);
                if (r < 0) {
                        X509_free(x);
                        return r;
                }
        }
        if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || ca->n == before) {
                ERR_clear_error();
                if (ret_why)
                        *ret_why = ca->n == before ? "it holds no certificate in PEM" : "a certificate in it is damaged";
                return -EBADMSG;
        }
        ERR_clear_error();
        return 0;
}

int ekca_add(struct ekca *ca, const void *p, size_t len, bool trusted, const char **ret_why)
{
        struct ekcert c = { 0 };
        int r;

        if (len > EKCA_FILE_MAX) {
                if (ret_why)
                        *ret_why = "it is too large";
                return -E2BIG;
        }
        if (memmem(p, len, "-----BEGIN ", 11))
                return add_pem(ca, p, len, trusted, ret_why);
        r = ekcert_parse(p, len, &c, ret_why);
        if (r == 0)
                r = push(ca, c.cert, trusted);
        if (r == 0)
                c.cert = NULL; /* now the set's */
        ekcert_free(&c);
        return r;
}

static bool obeys_name_constraints(X509 *issuer, X509 *leaf)
{
        NAME_CONSTRAINTS *nc = X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);
        bool ok = !nc || NAME_CONSTRAINTS_check(leaf, nc) == X509_V_OK;

        NAME_CONSTRAINTS_free(nc);
        return ok;
}

/* By name alone: real vendors' authority key identifiers name a wrong serial
 * number. The signature decides. */
static bool named(X509 *issuer, X509 *subject)
{
        return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(subject)) == 0;
}

/* below: CAs between `subject` and the leaf, subject included if it is one */
static bool issued(X509 *issuer, X509 *subject, X509 *leaf, unsigned below)
{
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        long pathlen = X509_get_pathlen(issuer);

        return key && named(issuer, subject) && X509_check_ca(issuer) == 1 &&
               (X509_get_key_usage(issuer) & KU_KEY_CERT_SIGN) &&
               !(X509_get_extension_flags(issuer) & (EXFLAG_CRITICAL | EXFLAG_INVALID)) &&
               (pathlen < 0 || below <= (unsigned long)pathlen) && obeys_name_constraints(issuer, leaf) &&
               X509_verify(subject, key) == 1;
}

static bool find_anchor(const struct ekca *ca, X509 *subject, X509 *leaf, unsigned below)
{
        for (size_t i = 0; i < ca->n; i++)
                if (ca->v[i].trusted && issued(ca->v[i].x, subject, leaf, below))
                        return true;
        return false;
}

static bool climb(const struct ekca *ca, const struct ekca *extra, X509 *subject, X509 *leaf, unsigned below,
                  unsigned *budget)
{
        if (find_anchor(ca, subject, leaf, below))
                return true;
        if (below + 1 >= MAX_DEPTH)
                return false;
        for (size_t i = 0; extra && i < extra->n; i++) {
                X509 *x = extra->v[i].x;

                /* a signature costs time, and `extra` is a stranger's */
                if (!named(x, subject) || *budget == 0)
                        continue;
                (*budget)--;
                if (X509_cmp(x, subject) != 0 && issued(x, subject, leaf, below) &&
                    climb(ca, extra, x, leaf, below + 1, budget))
                        return true;
        }
        return false;
}

enum ek_chain ekcert_chain(const struct ekcert *c, const struct ekca *ca, const struct ekca *extra,
                           const char **ret_why)
{
        unsigned budget = 16;
        bool ok;

        if (!c || !c->cert || !ca)
                return EK_CHAIN_NONE;
        ok = climb(ca, extra, c->cert, c->cert, 0, &budget);
        ERR_clear_error();
        if (!ok && ret_why)
                *ret_why = "no trusted CA issued it, or its signature is wrong";
        return ok ? EK_CHAIN_OK : EK_CHAIN_UNMATCHED;
}

const char *ek_chain_name(enum ek_chain c)
{
        static const char *const names[] = { "ok", "unmatched", "none" };

        return names[c];
}
