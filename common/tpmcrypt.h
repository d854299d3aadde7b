/* SPDX-License-Identifier: Apache-2.0 */
/* tpmcrypt.h - what a TPM does outside a TPM: MakeCredential and Duplicate.
 *
 * Pure but for OpenSSL's random numbers; TPM 2.0 Part 1, "Credential
 * Protection" and "Protected Storage". The EK is a TCG low-range template
 * with SHA-256 and AES-128-CFB: ECC P-256 or RSA-2048, else
 * -EPROTONOSUPPORT. The outputs are whole TPM2B structures, size field
 * first, ready for the wire; the caller frees each with buf_wipe(). They
 * are set only on success. Other errors: -EINVAL, -ENOMEM, -EIO. */
#ifndef MUSTER_TPMCRYPT_H
#define MUSTER_TPMCRYPT_H

#include "mem.h"

struct tpmpub; /* tpmpub.h */

#define TPMCRYPT_NAME_LEN 34
#define TPMCRYPT_SECRET_LEN 32

/* TPM2_MakeCredential of a 32-byte secret for the object `ak_name` beside
 * the EK: TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET. */
int tpmcrypt_make_credential(const struct tpmpub *ek, const uint8_t ak_name[TPMCRYPT_NAME_LEN],
                             const uint8_t secret[TPMCRYPT_SECRET_LEN], struct buf *ret_id_object,
                             struct buf *ret_secret);

/* K as a sealed KEYEDHASH object duplicated to the EK without inner
 * wrapper: TPM2B_PUBLIC, TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET, as
 * TPM2_Import takes them. */
int tpmcrypt_duplicate(const struct tpmpub *ek, const uint8_t k[TPMCRYPT_SECRET_LEN],
                       const uint8_t auth_policy[DIGEST_LEN], struct buf *ret_public, struct buf *ret_duplicate,
                       struct buf *ret_seed);

#endif
