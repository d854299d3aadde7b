/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - hashes by the TPM's names for them, and SHA-256 of bytes.
 *
 * OpenSSL looks an implementation up by name for each EVP_sha256() that is
 * hashed with; here it is looked up once for the process and kept to its
 * end. Any thread. digest_sha256() returns 0 or -EIO (OpenSSL failed). */
#ifndef MUSTER_DIGEST_H
#define MUSTER_DIGEST_H

#include "mem.h"

/* TPM_SHA1, TPM_SHA256, … of eventlog.h; NULL: another one. */
const EVP_MD *digest_md(uint16_t alg);
int digest_sha256(const void *p, size_t n, uint8_t ret[DIGEST_LEN]);

#endif
