/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_ak.h - an attestation key of software, and what it quotes.
 *
 * Static: for one program each. The key is the caller's; a failure of
 * OpenSSL ends the program. An ak_quote holds octets as they go over the
 * wire: TPM2B_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE. */
#ifndef MUSTER_FIXTURE_AK_H
#define MUSTER_FIXTURE_AK_H

#include "cursor.h"
#include "digest.h"
#include "eventlog.h"
#include "pkikey.h"
#include "policy.h"
#include "tpmpub.h"

#define FX_AK(x) \
        do { \
                if (!(x)) \
                        abort(); \
        } while (0)

#define AK_ATTRIBUTES 0x00050472u
#define ENDORSEMENT 0x4000000bu

struct ak_wish {
        EVP_PKEY *key;       /* P-256 */
        EVP_PKEY *signs;     /* NULL: `key` */
        uint32_t attributes; /* 0: AK_ATTRIBUTES */
        uint32_t hierarchy;  /* 0: ENDORSEMENT */
        uint32_t magic;      /* 0: TPM_GENERATED_VALUE */
        uint16_t type;       /* 0: TPM_ST_ATTEST_QUOTE */
        const uint8_t *select; /* NULL: policy_select */
        struct policy_boot boot;
        const uint8_t (*pcrs)[DIGEST_LEN]; /* POLICY_PCRS of them */
};

struct ak_quote {
        uint8_t area[128], quote[256], signature[80];
        size_t area_len, quote_len, signature_len;
        uint8_t name[POLICY_NAME_LEN];
};

static __attribute__((unused)) void ak_area(const struct ak_wish *k, struct ak_quote *ret)
{
        struct wbuf w = wb_of(ret->area, sizeof(ret->area));
        uint8_t x[PKI_RAW_LEN];
        uint8_t y[PKI_RAW_LEN];

        FX_AK(pki_p256_xy(k->key, x, y) == 0);
        wb_u16be(&w, 88);
        wb_u16be(&w, TPM_ALG_ECC);
        wb_u16be(&w, TPM_SHA256);
        wb_u32be(&w, k->attributes ? k->attributes : AK_ATTRIBUTES);
        wb_u16be(&w, 0);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_u16be(&w, TPM_ALG_ECDSA);
        wb_u16be(&w, TPM_SHA256);
        wb_u16be(&w, TPM_ECC_P256);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_tpm2b(&w, x, sizeof(x));
        wb_tpm2b(&w, y, sizeof(y));
        FX_AK(wb_end(&w, &ret->area_len) == 0);
        ret->name[0] = 0;
        ret->name[1] = 0x0b;
        FX_AK(digest_sha256(ret->area + 2, ret->area_len - 2, ret->name + 2) == 0);
}

static __attribute__((unused)) void ak_quotes(const struct ak_wish *k, struct ak_quote *ret)
{
        struct wbuf w = wb_of(ret->quote, sizeof(ret->quote));
        uint8_t text[4 + POLICY_NAME_LEN];
        uint8_t signer[POLICY_NAME_LEN] = { 0, 0x0b };
        uint8_t digest[DIGEST_LEN];
        struct wbuf t = wb_of(text, sizeof(text));

        ak_area(k, ret);
        wb_u32be(&t, k->hierarchy ? k->hierarchy : ENDORSEMENT);
        wb_put(&t, ret->name, POLICY_NAME_LEN);
        FX_AK(digest_sha256(text, sizeof(text), signer + 2) == 0 && policy_pcr_digest(k->pcrs, digest) == 0);
        wb_u32be(&w, k->magic ? k->magic : 0xff544347);
        wb_u16be(&w, k->type ? k->type : 0x8018);
        wb_tpm2b(&w, signer, sizeof(signer));
        wb_tpm2b(&w, digest, sizeof(digest)); /* any qualifying data */
        wb_u64be(&w, 12345);
        wb_u32be(&w, k->boot.reset_count);
        wb_u32be(&w, k->boot.restart_count);
        wb_u8(&w, 1);
        wb_u64be(&w, 0x20191023);
        wb_u32be(&w, 1);
        wb_u16be(&w, TPM_SHA256);
        wb_u8(&w, POLICY_SELECT_LEN);
        wb_put(&w, k->select ? k->select : policy_select, POLICY_SELECT_LEN);
        wb_tpm2b(&w, digest, sizeof(digest));
        FX_AK(wb_end(&w, &ret->quote_len) == 0);
        ret->signature_len = POLICY_APPROVAL_LEN;
        FX_AK(policy_sign(k->signs ? k->signs : k->key, ret->quote, ret->quote_len, ret->signature) == 0);
}

#endif
