/* SPDX-License-Identifier: Apache-2.0 */
/* tpmpub.h - TPM public areas: parse, Name, node id, EK and AK profiles.
 *
 * Pure. A tpmpub views the caller's bytes (TPMT_PUBLIC), which must outlive
 * it; nothing to free. Read: ECC P-256 and P-384, RSA 2048, 3072, 4096.
 * Strict: trailing bytes are refused. -EBADMSG malformed,
 * -EPROTONOSUPPORT another kind of key, -EKEYREJECTED a key that is not of
 * the profile (static reason in ret_why), -EIO OpenSSL. */
#ifndef MUSTER_TPMPUB_H
#define MUSTER_TPMPUB_H

#include "cursor.h"
#include "mem.h"

#define TPMPUB_NAME_MAX 66
#define TPMPUB_MAX 1024

#define TPM_ALG_RSA 0x0001
#define TPM_ALG_AES 0x0006
#define TPM_ALG_NULL 0x0010
#define TPM_ALG_RSASSA 0x0014
#define TPM_ALG_RSAES 0x0015
#define TPM_ALG_RSAPSS 0x0016
#define TPM_ALG_OAEP 0x0017
#define TPM_ALG_ECDSA 0x0018
#define TPM_ALG_ECDH 0x0019
#define TPM_ALG_ECC 0x0023
#define TPM_ALG_CFB 0x0043
#define TPM_ECC_P256 0x0003
#define TPM_ECC_P384 0x0004

#define TPMA_FIXED_TPM (1u << 1)
#define TPMA_ST_CLEAR (1u << 2)
#define TPMA_FIXED_PARENT (1u << 4)
#define TPMA_SENSITIVE_ORIGIN (1u << 5)
#define TPMA_USER_WITH_AUTH (1u << 6)
#define TPMA_ADMIN_WITH_POLICY (1u << 7)
#define TPMA_NO_DA (1u << 10)
#define TPMA_RESTRICTED (1u << 16)
#define TPMA_DECRYPT (1u << 17)
#define TPMA_SIGN (1u << 18)

struct tpmpub {
        const uint8_t *raw; /* TPMT_PUBLIC */
        size_t raw_len;
        uint16_t type;     /* TPM_ALG_RSA or TPM_ALG_ECC */
        uint16_t name_alg;
        uint32_t attributes;
        const uint8_t *policy;
        size_t policy_len;
        uint16_t sym_alg, sym_bits, sym_mode; /* TPM_ALG_NULL, 0, 0: none */
        uint16_t scheme, scheme_hash;         /* TPM_ALG_NULL, 0: none */
        uint16_t kdf;                         /* ECC */
        uint16_t curve;                       /* ECC */
        uint16_t bits;                        /* RSA modulus or ECC field */
        uint32_t exponent;                    /* RSA; 65537 for the default 0 */
        const uint8_t *x, *y;                 /* ECC, as on the wire */
        size_t x_len, y_len;
        const uint8_t *n; /* RSA modulus, bits / 8 bytes */
        size_t n_len;
};

int tpmpub_parse(const void *tpmt, size_t len, struct tpmpub *ret);
int tpmpub_parse_2b(const void *tpm2b, size_t len, struct tpmpub *ret);
/* Whichever of the two it is. */
int tpmpub_parse_any(const void *p, size_t len, struct tpmpub *ret);

/* nameAlg and the digest of the public area: 34 bytes under SHA-256. */
int tpmpub_name(const struct tpmpub *pub, uint8_t ret[TPMPUB_NAME_MAX], size_t *ret_len);

/* Fails with -EBADMSG for a point that is not on its curve. */
int tpmpub_pkey(const struct tpmpub *pub, EVP_PKEY **ret);
/* DER SubjectPublicKeyInfo; the caller frees it with buf_wipe(). */
int tpmpub_spki(const struct tpmpub *pub, struct buf *ret);
/* Node id: SHA-256 of that. */
int tpmpub_id(const struct tpmpub *pub, uint8_t ret[DIGEST_LEN]);
int pkey_id(const EVP_PKEY *key, uint8_t ret[DIGEST_LEN]);
/* "ecc-p256", "rsa-2048", …; "rsa-2041" in buf for odd ones. */
const char *pkey_kind(const EVP_PKEY *key, char buf[16]);

/* Muster's AK: restricted ECDSA-SHA256 P-256 signing key that never left
 * the TPM. The EK: TCG low-range template L-1 (RSA-2048) or L-2 (P-256). */
int tpmpub_is_ak(const struct tpmpub *pub, const char **ret_why);
int tpmpub_is_ek(const struct tpmpub *pub, const char **ret_why);

/* The EK's public area from its key, by its template, as TPMT_PUBLIC. */
int tpmpub_ek_from_pkey(const EVP_PKEY *key, uint8_t ret[TPMPUB_MAX], size_t *ret_len);

#endif
