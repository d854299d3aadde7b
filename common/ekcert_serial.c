/* SPDX-License-Identifier: Apache-2.0 */
/* Reads certificates whose serial number has needless leading octets.
 *
 * DER allows none, and OpenSSL refuses such a certificate whole; but makers of
 * TPMs have signed many, and no TPM can get another one. The number is made
 * short before the library reads it. The signature is over the octets that the
 * maker signed, so those are kept beside what was read. */
#include "ekcert_impl.h"

#include "cursor.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <pthread.h>

enum { INTEGER = 0x02, SEQUENCE = 0x30, VERSION = 0xa0 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int signed_index = -1; /* of the ASN1_STRING that was signed */

static void free_signed(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
        (void)parent;
        (void)ad;
        (void)idx;
        (void)argl;
        (void)argp;
        ASN1_STRING_free(ptr);
}

static void make_index(void)
{
        signed_index = X509_get_ex_new_index(0, NULL, NULL, NULL, free_signed);
}

/* A tag and a length of one to three octets; the cursor then stands at the content. */
static int head(struct cursor *c, uint8_t tag, size_t *ret)
{
        uint8_t octet = 0;
        size_t n = 0;

        if (cur_u8(c, &octet) < 0 || octet != tag || cur_u8(c, &octet) < 0)
                return -EBADMSG;
        n = octet;
        if (octet > 0x82 || octet == 0x80)
                return -EBADMSG;
        if (octet > 0x80) {
                unsigned more = octet & 0x7fu;

                for (n = 0; more > 0; more--) {
                        if (cur_u8(c, &octet) < 0)
                                return -EBADMSG;
                        n = n << 8 | octet;
                }
        }
        if (n > c->left)
                return -EBADMSG;
        *ret = n;
        return 0;
}

static size_t needless(const uint8_t *p, size_t n)
{
        size_t k = 0;

        while (k + 1 < n && ((p[k] == 0x00 && !(p[k + 1] & 0x80)) || (p[k] == 0xff && (p[k + 1] & 0x80))))
                k++;
        return k;
}

struct place {
        const uint8_t *tbs;    /* with its head */
        size_t tbs_len;        /* with its head */
        const uint8_t *inner;  /* what it holds */
        size_t inner_len;
        const uint8_t *number; /* the serial number's octets */
        size_t number_len;
};

static int find_serial(const uint8_t *der, size_t len, struct place *ret)
{
        struct cursor c = cur_of(der, len);
        size_t n;

        if (head(&c, SEQUENCE, &n) < 0)
                return -EBADMSG;
        ret->tbs = c.p;
        if (head(&c, SEQUENCE, &ret->inner_len) < 0)
                return -EBADMSG;
        ret->inner = c.p;
        ret->tbs_len = (size_t)(c.p - ret->tbs) + ret->inner_len;
        if (c.left > 0 && c.p[0] == VERSION && (head(&c, VERSION, &n) < 0 || cur_skip(&c, n) < 0))
                return -EBADMSG;
        if (head(&c, INTEGER, &ret->number_len) < 0)
                return -EBADMSG;
        ret->number = c.p;
        return ret->number + ret->number_len <= ret->inner + ret->inner_len ? 0 : -EBADMSG;
}

static uint8_t *put_head(uint8_t *p, uint8_t tag, size_t n)
{
        *p++ = tag;
        *p++ = 0x82;
        *p++ = (uint8_t)(n >> 8);
        *p++ = (uint8_t)n;
        return p;
}

static uint8_t *put(uint8_t *p, const uint8_t *from, const uint8_t *to)
{
        memcpy(p, from, (size_t)(to - from));
        return p + (to - from);
}

/* The certificate with a serial number that is as short as it can be; lengths
 * of two octets are read as well where one would do. */
static int shorten(const uint8_t *der, size_t len, const struct place *at, struct buf *ret)
{
        const uint8_t *rest = at->number + at->number_len; /* of the signed part */
        const uint8_t *end = at->inner + at->inner_len;
        const uint8_t *number = at->number + needless(at->number, at->number_len);
        size_t number_len = (size_t)(rest - number);
        const uint8_t *before = at->inner; /* the version, if there is one */
        uint8_t *p;
        struct cursor c = cur_of(at->inner, at->inner_len);
        size_t n = 0;

        if (c.p[0] == VERSION && (head(&c, VERSION, &n) < 0 || cur_skip(&c, n) < 0))
                return -EBADMSG;
        ret->p = malloc(len + 12);
        if (!ret->p)
                return -ENOMEM;
        n = (size_t)(c.p - before) + 4 + number_len + (size_t)(end - rest);
        p = put_head(ret->p, SEQUENCE, 4 + n + (size_t)(der + len - end));
        p = put_head(p, SEQUENCE, n);
        p = put(p, before, c.p);
        p = put_head(p, INTEGER, number_len);
        p = put(p, number, rest);
        p = put(p, rest, der + len);
        ret->len = (size_t)(p - ret->p);
        return 0;
}

static int keep_signed(X509 *x, const struct place *at)
{
        ASN1_STRING *s = NULL;

        if (pthread_once(&once, make_index) != 0 || signed_index < 0)
                return -ENOMEM;
        s = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
        if (s && ASN1_STRING_set(s, at->tbs, (int)at->tbs_len) == 1 && X509_set_ex_data(x, signed_index, s) == 1)
                return 0;
        ASN1_STRING_free(s);
        return -ENOMEM;
}

static X509 *read_x509(const uint8_t *der, size_t len)
{
        const uint8_t *end = der;
        X509 *x = d2i_X509(NULL, &end, (long)len);

        if (x && end == der + len)
                return x;
        X509_free(x);
        return NULL;
}

X509 *ekcert_x509(const uint8_t *der, size_t len)
{
        _cleanup_(buf_wipe) struct buf own = { 0 };
        struct place at = { 0 };
        X509 *x;

        if (find_serial(der, len, &at) < 0 || needless(at.number, at.number_len) == 0)
                return read_x509(der, len);
        if (shorten(der, len, &at, &own) < 0)
                return NULL;
        x = read_x509(own.p, own.len);
        if (x && keep_signed(x, &at) < 0) {
                X509_free(x);
                x = NULL;
        }
        return x;
}

bool ekcert_signed_by(X509 *x, EVP_PKEY *key)
{
        const ASN1_BIT_STRING *signature = NULL;
        const X509_ALGOR *alg = NULL;
        ASN1_STRING *was = NULL;

        if (pthread_once(&once, make_index) == 0 && signed_index >= 0)
                was = X509_get_ex_data(x, signed_index);
        if (!was)
                return X509_verify(x, key) == 1;
        X509_get0_signature(&signature, &alg, x);
        return X509_ALGOR_cmp(alg, X509_get0_tbs_sigalg(x)) == 0 &&
               ASN1_item_verify(ASN1_ITEM_rptr(ASN1_SEQUENCE), alg, signature, was, key) == 1;
}
