/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <openssl/err.h>
#include <openssl/pem.h>

int pki_cert_to_der(const X509 *cert, struct buf *ret)
{
        int n = i2d_X509(cert, NULL);
        uint8_t *p, *end;

        if (n <= 0)
                return -EIO;
        p = end = malloc((size_t)n);
        if (!p)
                return -ENOMEM;
        if (i2d_X509(cert, &end) != n) {
                free(p);
                return -EIO;
        }
        *ret = (struct buf){ p, (size_t)n };
        return 0;
}

int pki_cert_subject(const X509 *cert, struct buf *ret)
{
        const uint8_t *der = NULL;
        size_t n = 0;
        uint8_t *p;

        if (X509_NAME_get0_der(X509_get_subject_name(cert), &der, &n) != 1 || n == 0)
                return -EBADMSG;
        p = malloc(n);
        if (!p)
                return -ENOMEM;
        memcpy(p, der, n);
        *ret = (struct buf){ p, n };
        return 0;
}

int pki_cert_from_der(const uint8_t *der, size_t len, X509 **ret)
{
        _cleanup_(X509_freep) X509 *cert = NULL;
        const uint8_t *p = der;

        if (len == 0 || len > PKI_PEM_MAX)
                return -EBADMSG;
        cert = d2i_X509(NULL, &p, (long)len);
        ERR_clear_error();
        if (!cert || p != der + len)
                return -EBADMSG;
        *ret = take_ptr(cert);
        return 0;
}

int pki_cert_to_pem(const X509 *cert, struct buf *ret)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
        char *p = NULL;
        uint8_t *copy;
        long n;

        if (!bio)
                return -ENOMEM;
        if (PEM_write_bio_X509(bio, cert) != 1 || (n = BIO_get_mem_data(bio, &p)) <= 0)
                return -EIO;
        copy = malloc((size_t)n + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, p, (size_t)n);
        copy[n] = '\0';
        *ret = (struct buf){ copy, (size_t)n };
        return 0;
}

int pki_cert_from_pem(const void *pem, size_t len, X509 **ret)
{
        _cleanup_(buf_wipe) struct buf der = { 0 };
        int r = pki_pem_read(pem, len, "CERTIFICATE", &der);

        return r < 0 ? r : pki_cert_from_der(der.p, der.len, ret);
}
