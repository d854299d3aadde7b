/* SPDX-License-Identifier: Apache-2.0 */
#include "ekcert_impl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define MAX_DEPTH 6 /* CAs in one chain */

/* One that was given along is not read before a signature of it is to be
 * verified: that alone can take half a millisecond. */
struct ca {
        X509 *x; /* NULL: not read yet */
        bool trusted;
        struct buf der;              /* of one given along */
        X509_NAME *subject, *issuer; /* of it */
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
        for (size_t i = 0; i < ca->n; i++) {
                X509_free(ca->v[i].x);
                buf_wipe(&ca->v[i].der);
                X509_NAME_free(ca->v[i].subject);
                X509_NAME_free(ca->v[i].issuer);
        }
        free(ca->v);
        free(ca);
}

int ekca_digest(const struct ekca *ca, uint8_t ret[DIGEST_LEN])
{
        memset(ret, 0, DIGEST_LEN);
        for (size_t i = 0; i < ca->n; i++) {
                uint8_t one[EVP_MAX_MD_SIZE];
                unsigned len = 0;

                if (!ca->v[i].trusted)
                        continue;
                if (X509_digest(ca->v[i].x, EVP_sha256(), one, &len) != 1 || len != DIGEST_LEN)
                        return -EIO;
                for (size_t k = 0; k < DIGEST_LEN; k++)
                        ret[k] ^= one[k];
        }
        return 0;
}

size_t ekca_count(const struct ekca *ca)
{
        size_t n = 0;

        for (size_t i = 0; i < ca->n; i++)
                n += ca->v[i].trusted;
        return n;
}

const char *ekca_odd(const struct ekca *ca, size_t *ret_n)
{
        *ret_n = ca->n_odd;
        return ca->n_odd > 0 ? ca->odd : NULL;
}

static int push(struct ekca *ca, const struct ca *one)
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
        ca->v[ca->n++] = *one;
        return 0;
}

static void note_odd(struct ekca *ca, X509 *x)
{
        if (ca->n_odd++ == 0)
                (void)X509_NAME_oneline(X509_get_subject_name(x), ca->odd, sizeof(ca->odd));
}

static int add_own(struct ekca *ca, const void *p, size_t len, const char **ret_why)
{
        _cleanup_(X509_freep) X509 *x = NULL;
        const char *odd = NULL;
        int r = ekcert_read(p, len, &x, &odd, ret_why);

        if (r == 0)
                r = push(ca, &(struct ca){ .x = x, .trusted = true });
        if (r == -E2BIG && ret_why)
                *ret_why = "there are too many CA certificates";
        if (r < 0)
                return r;
        if (odd)
                note_odd(ca, x);
        x = NULL; /* now the set's */
        return 0;
}

/* The next block between BEGIN and END: 0, -ENOENT at the end, -EBADMSG for one
 * that is damaged, after which there may be another. */
static int next_pem(BIO *bio, unsigned char **ret, long *ret_len)
{
        size_t left = BIO_ctrl_pending(bio);
        int r = 0;

        if (PEM_bytes_read_bio(ret, ret_len, NULL, PEM_STRING_X509, bio, NULL, (void *)"") != 1)
                r = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE || BIO_ctrl_pending(bio) == left ? -ENOENT
                                                                                                             : -EBADMSG;
        ERR_clear_error();
        return r;
}

/* The admin's file, of any number of certificates. Those that are whole are kept. */
static int add_pem(struct ekca *ca, const void *p, size_t len, const char **ret_why)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(p, (int)len);
        const char *why = NULL;
        size_t good = 0;
        size_t damaged = 0;
        int r = bio ? 0 : -ENOMEM;

        while (r != -ENOENT) {
                unsigned char *der = NULL;
                long n = 0;

                if (r == -ENOMEM)
                        return r;
                r = next_pem(bio, &der, &n);
                if (r == 0)
                        r = add_own(ca, der, (size_t)n, &why);
                OPENSSL_free(der);
                if (r == -E2BIG)
                        break;
                good += r == 0;
                damaged += r == -EBADMSG;
        }
        if (r != -E2BIG && damaged > 0)
                why = good > 0 ? "a certificate in it is damaged; the others in it are used" : "the certificate in it is damaged";
        else if (r != -E2BIG && good == 0)
                why = memmem(p, len, "PRIVATE KEY-----", 16) ? "it holds a private key and no certificate"
                                                             : "it holds no certificate in PEM";
        if (why && ret_why)
                *ret_why = why;
        return r == -E2BIG ? r : why ? -EBADMSG : 0;
}

static int add_given(struct ekca *ca, const void *p, size_t len, const char **ret_why)
{
        struct ekcert_names names;
        struct ca one = { 0 };
        int r = ekcert_take(p, len, &one.der, ret_why);

        if (r < 0)
                return r;
        r = ekcert_names(one.der.p, one.der.len, &names);
        if (r == 0) {
                one.subject = d2i_X509_NAME(NULL, &names.subject, (long)names.subject_len);
                one.issuer = d2i_X509_NAME(NULL, &names.issuer, (long)names.issuer_len);
                r = one.subject && one.issuer ? push(ca, &one) : -EBADMSG;
        }
        if (r == 0)
                return 0;
        ERR_clear_error();
        if (ret_why)
                *ret_why = "its issuer or subject does not parse";
        buf_wipe(&one.der);
        X509_NAME_free(one.subject);
        X509_NAME_free(one.issuer);
        return r;
}

int ekca_add(struct ekca *ca, const void *p, size_t len, bool trusted, const char **ret_why)
{
        if (len == 0 || len > (trusted ? EKCA_FILE_MAX : EKCERT_MAX)) {
                if (ret_why)
                        *ret_why = len ? "it is too large" : "it is empty";
                return len ? -E2BIG : -EBADMSG;
        }
        if (!trusted)
                return add_given(ca, p, len, ret_why);
        if (memmem(p, len, "-----BEGIN ", 11))
                return add_pem(ca, p, len, ret_why);
        return add_own(ca, p, len, ret_why);
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
        struct ca *ca;
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
        if (ekcert_signed_by(subject, key))
                return true;
        s->wrong--;
        return false;
}

static X509_NAME *subject_of(const struct ca *c)
{
        return c->subject ? c->subject : X509_get_subject_name(c->x);
}

static X509_NAME *issuer_of(const struct ca *c)
{
        return c->issuer ? c->issuer : X509_get_issuer_name(c->x);
}

static bool same_cert(const struct ca *a, const struct ca *b)
{
        if (a->x && b->x)
                return X509_cmp(a->x, b->x) == 0;
        return a->der.len == b->der.len && a->der.len > 0 && memcmp(a->der.p, b->der.p, a->der.len) == 0;
}

static void find_named(struct search *s, const struct ekca *extra)
{
        bool in[EKCERT_GIVEN] = { false };
        size_t done = 0;
        X509_NAME *issuer = X509_get_issuer_name(s->leaf);

        for (;;) {
                for (size_t i = 0; i < extra->n && i < EKCERT_GIVEN; i++) {
                        struct ca *c = &extra->v[i];
                        bool twice = false;

                        if (in[i] || X509_NAME_cmp(subject_of(c), issuer) != 0)
                                continue;
                        in[i] = true;
                        for (size_t k = 0; k < s->n; k++)
                                twice = twice || same_cert(c, s->v[k].ca);
                        if (!twice)
                                s->v[s->n++] = (struct middle){ c, 0 };
                }
                if (done == s->n)
                        return;
                issuer = issuer_of(s->v[done++].ca);
        }
}

/* Is there a key that is vouched for, would be tried at this `room`, and may be its issuer's? */
static bool may_be_issued(const struct search *s, const struct ca *c, unsigned room)
{
        X509_NAME *issuer = issuer_of(c);

        for (size_t i = 0; i < s->ca->n; i++)
                if (s->ca->v[i].trusted && X509_NAME_cmp(X509_get_subject_name(s->ca->v[i].x), issuer) == 0 &&
                    is_ca(s->ca->v[i].x, s->leaf) && room_of(s->ca->v[i].x, MAX_DEPTH) == room)
                        return true;
        for (size_t i = 0; i < s->n; i++)
                if (s->v[i].room == room && X509_NAME_cmp(subject_of(s->v[i].ca), issuer) == 0)
                        return true;
        return false;
}

/* Reads it, now that it may be worth it. It is dropped when it is a copy of an
 * anchor or of the leaf, or when it is no certificate at all. */
static X509 *ready(struct search *s, struct ca *c)
{
        if (!c->x && c->der.p)
                c->x = ekcert_x509(c->der.p, c->der.len);
        if (!c->x && c->der.p) { /* it cost as much as a wrong signature */
                buf_wipe(&c->der);
                s->wrong--;
        }
        if (!c->x || X509_cmp(c->x, s->leaf) == 0)
                return NULL;
        for (size_t i = 0; i < s->ca->n; i++)
                if (s->ca->v[i].trusted && X509_cmp(c->x, s->ca->v[i].x) == 0)
                        return NULL;
        return c->x;
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
                for (size_t i = 0; i < s->n; i++) {
                        X509 *x = s->v[i].ca->x;

                        if (s->v[i].room > 0 && (room == 0 || s->v[i].room == room) && x && named(x, subject) &&
                            other_key_named(x, subject) == (other == 1) && verify(s, subject, x))
                                return true;
                }
        return false;
}

/* The issuers that the most CAs may stand below come first, so that each one gets
 * the most room it can have, and no pair of issuer and subject is tried twice. */
static void vouch(struct search *s)
{
        for (unsigned room = MAX_DEPTH; room > 1; room--)
                for (size_t i = 0; i < s->n && s->checks > 0 && s->wrong > 0; i++) {
                        struct middle *m = &s->v[i];
                        X509 *x = m->room == 0 && may_be_issued(s, m->ca, room) ? ready(s, m->ca) : NULL;

                        if (x && (by_anchor(s, x, room) || by_middle(s, x, room)) && is_ca(x, s->leaf))
                                m->room = room_of(x, room - 1);
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
