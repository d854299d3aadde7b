/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"

#include "eventlog.h"

#include <pthread.h>

static const struct kind {
        uint16_t alg;
        const char *name;
        const EVP_MD *(*built_in)(void);
} kinds[] = {
        { TPM_SHA256, "SHA256", EVP_sha256 }, { TPM_SHA1, "SHA1", EVP_sha1 },  { TPM_SHA384, "SHA384", EVP_sha384 },
        { TPM_SHA512, "SHA512", EVP_sha512 },
#ifndef OPENSSL_NO_SM3
        { TPM_SM3_256, "SM3", EVP_sm3 },
#endif
};

static const EVP_MD *kept[ELEMENTSOF(kinds)];

/* What cannot be fetched is left to OpenSSL to look up, and fail, each time. */
static void fetch(void)
{
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                kept[i] = EVP_MD_fetch(NULL, kinds[i].name, NULL);
                if (!kept[i])
                        kept[i] = kinds[i].built_in();
        }
}

const EVP_MD *digest_md(uint16_t alg)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void)pthread_once(&once, fetch);
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].alg == alg)
                        return kept[i];
        return NULL;
}

int digest_sha256(const void *p, size_t n, uint8_t ret[DIGEST_LEN])
{
        return EVP_Digest(p, n, ret, NULL, digest_md(TPM_SHA256), NULL) == 1 ? 0 : -EIO;
}
