/* SPDX-License-Identifier: Apache-2.0 */
#include "ekcert_impl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define MAX_DEPTH 6 /* CAs in one chain */

struct ca {
        X509 *x;
        bool trusted;
};

struct ekca {
        struct ca *v;
        size_t n, cap;
        size_t n_odd;
        char odd[256];
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

const char *ekca_odd(const struct ekca *ca, size_t *ret_n)
{
        *ret_n = ca->n_odd;
        return ca->n_odd > 0 ? ca->odd : NULL;
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
        ca->v[ca->n++] = (struct ca){ x, trusted };
        return 0;
}

static void note_odd(struct ekca *ca, X509 *x)
{
        if (ca->n_odd++ == 0)
                (void)X509_NAME_oneline(X509_get_subject_name(x), ca->odd, sizeof(ca->odd));
}

static bool is_odd(X509 *x)
{
        unsigned char *der = NULL;
        int n = i2d_X509(x, &der);
        const char *why;
        bool odd = n <= 0 || ekcert_key_check(der, (size_t)n, &why) < 0;

        OPENSSL_free(der);
        return odd;
}

/* The admin's file, of any number of certificates. */
static int add_pem(struct ekca *ca, const void *p, size_t len, const char **ret_why)
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
                r = push(ca, x, true);
                if (r < 0) {
                        X509_free(x);
                        return r;
                }
                if (is_odd(x))
                        note_odd(ca, x);
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
        _cleanup_(X509_freep) X509 *x = NULL;
        const char *odd = NULL;
        int r;

        if (len == 0 || len > (trusted ? EKCA_FILE_MAX : EKCERT_MAX)) {
                if (ret_why)
                        *ret_why = len ? "it is too large" : "it is empty";
                return len ? -E2BIG : -EBADMSG;
        }
        if (trusted && memmem(p, len, "-----BEGIN ", 11))
                return add_pem(ca, p, len, ret_why);
        r = ekcert_read(p, len, trusted, &x, &odd, ret_why);
        if (r == 0)
                r = push(ca, x, trusted);
        if (r < 0)
                return r;
        if (odd)
                note_odd(ca, x);
        x = NULL; /* now the set's */
        return 0;
}

/* ---- chains ------------------------------------------------------------------ */

/* A chain is looked for twice. First upwards from the leaf by names alone, which
 * costs next to nothing: only a given certificate that is named on such a path
 * is looked at again. Then downwards from the anchors by signatures: each one is
 * verified with a key that is vouched for, and vouches for its own key when it
 * holds. The leaf comes last. So no signature is ever verified with a key that
 * the other side has chosen. */

/* One of the certificates given along that is named on a path. */
struct middle {
        X509 *x;
        unsigned room; /* CAs that may stand below it, itself included; 0: not vouched for */
};

struct search {
        const struct ekca *ca;
        X509 *leaf;
        struct middle v[EKCERT_GIVEN];
        size_t n;
        unsigned checks; /* signatures that may still be verified, */
        unsigned wrong;  /* and of them those that may be wrong */
};

/* By name alone: real vendors' authority key identifiers name a wrong serial
 * number. The signature decides. */
static bool named(X509 *issuer, X509 *subject)
{
        return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(subject)) == 0;
}

/* Does the subject name another key of that name? Such an issuer is tried last. */
static bool other_key_named(X509 *issuer, X509 *subject)
{
        const ASN1_OCTET_STRING *have = X509_get0_subject_key_id(issuer);
        const ASN1_OCTET_STRING *want = X509_get0_authority_key_id(subject);

        return have && want && ASN1_OCTET_STRING_cmp(have, want) != 0;
}

static bool obeys_name_constraints(X509 *issuer, X509 *leaf)
{
        NAME_CONSTRAINTS *nc = X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);
        bool ok = !nc || NAME_CONSTRAINTS_check(leaf, nc) == X509_V_OK;

        NAME_CONSTRAINTS_free(nc);
        return ok;
}

/* What a certificate says of itself counts only once it is vouched for. */
static bool is_ca(X509 *x, X509 *leaf)
{
        return X509_check_ca(x) == 1 && (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) &&
               !(X509_get_extension_flags(x) & (EXFLAG_CRITICAL | EXFLAG_INVALID)) && obeys_name_constraints(x, leaf);
}

/* How many CAs may stand at and below x, when so many may at most. */
static unsigned room_of(X509 *x, unsigned most)
{
        long pathlen = X509_get_pathlen(x);

        return pathlen >= 0 && (unsigned long)pathlen < most - 1 ? (unsigned)pathlen + 1 : most;
}

static bool verify(struct search *s, X509 *subject, X509 *issuer)
{
        EVP_PKEY *key = X509_get0_pubkey(issuer);

        if (!key || s->checks == 0 || s->wrong == 0)
                return false;
        s->checks--;
        if (X509_verify(subject, key) == 1)
                return true;
        s->wrong--;
        return false;
}

/* The same certificate, as the leaf, an anchor, or given twice. */
static bool have_already(const struct search *s, X509 *x)
{
        if (X509_cmp(x, s->leaf) == 0)
                return true;
        for (size_t i = 0; i < s->n; i++)
                if (X509_cmp(x, s->v[i].x) == 0)
                        return true;
        for (size_t i = 0; i < s->ca->n; i++)
                if (s->ca->v[i].trusted && X509_cmp(x, s->ca->v[i].x) == 0)
                        return true;
        return false;
}

static void find_named(struct search *s, const struct ekca *extra)
{
        bool in[EKCERT_GIVEN] = { false };
        size_t done = 0;
        X509 *subject = s->leaf;

        for (;;) {
                for (size_t i = 0; i < extra->n && i < EKCERT_GIVEN; i++) {
                        X509 *x = extra->v[i].x;

                        if (in[i] || !named(x, subject))
                                continue;
                        in[i] = true;
                        if (!have_already(s, x))
                                s->v[s->n++] = (struct middle){ x, 0 };
                }
                if (done == s->n)
                        return;
                subject = s->v[done++].x;
        }
}

/* By an anchor that this many CAs may stand at and below; room 0: however many. */
static bool by_anchor(struct search *s, X509 *subject, unsigned room)
{
        for (int other = 0; other < 2; other++)
                for (size_t i = 0; i < s->ca->n; i++) {
                        X509 *x = s->ca->v[i].x;

                        if (s->ca->v[i].trusted && named(x, subject) && other_key_named(x, subject) == (other == 1) &&
                            is_ca(x, s->leaf) && (room == 0 || room_of(x, MAX_DEPTH) == room) && verify(s, subject, x))
                                return true;
                }
        return false;
}

static bool by_middle(struct search *s, X509 *subject, unsigned room)
{
        for (int other = 0; other < 2; other++)
                for (size_t i = 0; i < s->n; i++)
                        if (s->v[i].room > 0 && (room == 0 || s->v[i].room == room) && named(s->v[i].x, subject) &&
                            other_key_named(s->v[i].x, subject) == (other == 1) && verify(s, subject, s->v[i].x))
                                return true;
        return false;
}

/* The issuers that the most CAs may stand below come first, so that each one gets
 * the most room it can have, and no pair of issuer and subject is tried twice. */
static void vouch(struct search *s)
{
        for (unsigned room = MAX_DEPTH; room > 1; room--)
                for (size_t i = 0; i < s->n; i++) {
                        struct middle *m = &s->v[i];

                        if (m->room == 0 && (by_anchor(s, m->x, room) || by_middle(s, m->x, room)) && is_ca(m->x, s->leaf))
                                m->room = room_of(m->x, room - 1);
                }
}

enum ek_chain ekcert_chain(const struct ekcert *c, const struct ekca *ca, const struct ekca *extra,
                           const char **ret_why)
{
        struct search s = { .ca = ca, .checks = EKCERT_CHECKS, .wrong = EKCERT_WRONG };
        bool ok;

        if (!c || !c->cert || !ca)
                return EK_CHAIN_NONE;
        s.leaf = c->cert;
        ok = by_anchor(&s, s.leaf, 0);
        if (!ok && extra) {
                find_named(&s, extra);
                vouch(&s);
                ok = by_middle(&s, s.leaf, 0);
        }
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
