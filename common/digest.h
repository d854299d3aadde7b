/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - SHA-256 of one byte string. 0 or -EIO (OpenSSL failed). */
#ifndef MUSTER_DIGEST_H
#define MUSTER_DIGEST_H

#include "mem.h"

static inline int digest_sha256(const void *p, size_t n, uint8_t ret[DIGEST_LEN])
{
        return EVP_Digest(p, n, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

#endif
