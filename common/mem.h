/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h - ownership, wiping and comparison of memory.
 *
 * _cleanup_(f) runs f(&var) when var leaves its scope; always initialise
 * such a variable. take_ptr() moves ownership out of one. secret_wipe()
 * and its kin overwrite bytes in a way the compiler keeps. same_bytes() is
 * the one comparison for digests, nonces, MACs and tokens: constant time
 * in the contents, not in the lengths. None of these fail. */
#ifndef MUSTER_MEM_H
#define MUSTER_MEM_H

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define take_ptr(p) ({ __typeof__(p) t_ = (p); (p) = NULL; t_; })
#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

#define DIGEST_LEN 32 /* SHA-256, bytes */

static inline void wipe(void *p, size_t n)
{
        if (p && n)
                explicit_bzero(p, n); /* glibc's is several times faster than OPENSSL_cleanse() */
}

static inline bool same_bytes(const void *a, size_t na, const void *b, size_t nb)
{
        return na == nb && CRYPTO_memcmp(a, b, na) == 0;
}

static inline void freep(void *p)
{
        free(*(void **)p);
}

static inline void closep(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

static inline void fclosep(FILE **f)
{
        if (*f)
                (void)fclose(*f);
}

#define DEFINE_CLEANUP(type, func) \
        static inline void func##p(type *p) \
        { \
                if (*p) \
                        func(*p); \
        }

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)

/* A growable or fixed byte string that the owner frees with buf_wipe();
 * wiped before it is freed, so it may hold secrets. */
struct buf {
        uint8_t *p;
        size_t len;
};

static inline void buf_wipe(struct buf *b)
{
        wipe(b->p, b->len);
        free(b->p);
        b->p = NULL;
        b->len = 0;
}

#endif
