/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_tls.h - a P-256 key and a certificate of it, as PEM. For tests:
 * everything asserts. After cmocka.h. */
#ifndef MUSTER_FIXTURE_TLS_H
#define MUSTER_FIXTURE_TLS_H

#include "mem.h"

#include <openssl/pem.h>

static inline void fixture_pem(BIO *b, struct buf *ret)
{
        char *p = NULL;
        long n = BIO_get_mem_data(b, &p);

        ret->p = malloc((size_t)n + 1);
        assert_non_null(ret->p);
        memcpy(ret->p, p, (size_t)n);
        ret->p[n] = 0;
        ret->len = (size_t)n;
        BIO_free(b);
}

static inline void fixture_pair(struct buf *cert, struct buf *key)
{
        EVP_PKEY *k = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        BIO *b;

        assert_non_null(k);
        assert_non_null(x);
        (void)X509_set_pubkey(x, k);
        (void)X509_gmtime_adj(X509_getm_notBefore(x), -60);
        (void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        assert_true(X509_sign(x, k, EVP_sha256()) > 0);
        b = BIO_new(BIO_s_mem());
        (void)PEM_write_bio_X509(b, x);
        fixture_pem(b, cert);
        b = BIO_new(BIO_s_mem());
        (void)PEM_write_bio_PKCS8PrivateKey(b, k, NULL, NULL, 0, NULL, NULL);
        fixture_pem(b, key);
        X509_free(x);
        EVP_PKEY_free(k);
}

#endif
