/* SPDX-License-Identifier: Apache-2.0 */
#include "quote.h"

#include "digest.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)

/* SHA-1 is missing on purpose: no signature is accepted over it. */
static const EVP_MD *md_of(uint16_t hash)
{
        return hash == 0x000b || hash == 0x000c || hash == 0x000d ? digest_md(hash) : NULL;
}

static enum quote_err ecdsa_der(const struct quote_sig *sig, uint8_t out[256], size_t *ret_len)
{
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *e = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(sig->r, (int)sig->r_len, NULL);
        BIGNUM *s = BN_bin2bn(sig->s, (int)sig->s_len, NULL);
        uint8_t *p = out;
        int n;

        if (!e || !r || !s || ECDSA_SIG_set0(e, r, s) != 1) {
                BN_free(r);
                BN_free(s);
                return QUOTE_E_INTERNAL;
        }
        n = i2d_ECDSA_SIG(e, &p); /* at most 2 * (66 + 4) + 4 bytes */
        if (n <= 0)
                return QUOTE_E_INTERNAL;
        *ret_len = (size_t)n;
        return QUOTE_OK;
}

static bool set_padding(EVP_PKEY_CTX *ctx, uint16_t alg)
{
        if (alg == TPM_ALG_RSASSA)
                return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
        /* a TPM's salt is as long as the hash, or in FIPS-less parts the
         * longest that fits */
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) == 1;
}

enum quote_err quote_verifier_make(EVP_PKEY *key, struct quote_scheme pinned, struct quote_verifier *ret)
{
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
        const EVP_MD *md = md_of(pinned.hash);
        bool ecdsa = pinned.alg == TPM_ALG_ECDSA;

        if (!md || (!ecdsa && pinned.alg != TPM_ALG_RSASSA && pinned.alg != TPM_ALG_RSAPSS))
                return QUOTE_E_SCHEME;
        if (EVP_PKEY_get_base_id(key) != (ecdsa ? EVP_PKEY_EC : EVP_PKEY_RSA))
                return QUOTE_E_SCHEME;
        ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        if (!ctx || EVP_PKEY_verify_init(ctx) != 1 || (!ecdsa && !set_padding(ctx, pinned.alg)) ||
            EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
                return QUOTE_E_INTERNAL;
        *ret = (struct quote_verifier){ take_ptr(ctx), pinned };
        return QUOTE_OK;
}

int quote_verifier_copy(const struct quote_verifier *v, struct quote_verifier *ret)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(v->ctx);

        if (!ctx)
                return -ENOMEM;
        *ret = (struct quote_verifier){ ctx, v->pinned };
        return 0;
}

enum quote_err quote_verify_with(const struct quote *q, const struct quote_sig *sig, const struct quote_verifier *v)
{
        bool ecdsa = v->pinned.alg == TPM_ALG_ECDSA;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned digest_len;
        uint8_t der[256];
        const uint8_t *s = sig->rsa;
        size_t n = sig->rsa_len;
        enum quote_err e;

        if (sig->scheme.alg != v->pinned.alg || sig->scheme.hash != v->pinned.hash)
                return QUOTE_E_SCHEME;
        if (ecdsa && sig->der) {
                s = sig->der;
                n = sig->der_len;
        } else if (ecdsa) {
                e = ecdsa_der(sig, der, &n);
                if (e != QUOTE_OK)
                        return e;
                s = der;
        }
        if (EVP_Digest(q->raw, q->raw_len, digest, &digest_len, md_of(v->pinned.hash), NULL) != 1)
                return QUOTE_E_INTERNAL;
        return EVP_PKEY_verify(v->ctx, s, n, digest, digest_len) == 1 ? QUOTE_OK : QUOTE_E_SIGNATURE;
}

enum quote_err quote_verify(const struct quote *q, const struct quote_sig *sig, EVP_PKEY *key,
                            struct quote_scheme pinned)
{
        _cleanup_(quote_verifier_free) struct quote_verifier v = { 0 };
        enum quote_err e = quote_verifier_make(key, pinned, &v);

        return e == QUOTE_OK ? quote_verify_with(q, sig, &v) : e;
}

enum quote_err quote_pcrs_are(const struct quote *q, uint16_t hash, const void *values, size_t len)
{
        uint8_t h[EVP_MAX_MD_SIZE];
        unsigned n;

        if (!md_of(hash))
                return QUOTE_E_SCHEME;
        if (EVP_Digest(values, len, h, &n, md_of(hash), NULL) != 1)
                return QUOTE_E_INTERNAL;
        return same_bytes(h, n, q->pcr_digest, q->pcr_digest_len) ? QUOTE_OK : QUOTE_E_PCR_DIGEST;
}

enum quote_err quote_signer_is_endorsed(const struct quote *q, const uint8_t name[34])
{
        uint8_t text[4 + 34] = { 0x40, 0, 0, 0x0b };
        uint8_t want[34] = { 0, 0x0b };

        memcpy(text + 4, name, 34);
        if (digest_sha256(text, sizeof(text), want + 2) < 0)
                return QUOTE_E_INTERNAL;
        return same_bytes(q->signer, q->signer_len, want, sizeof(want)) ? QUOTE_OK : QUOTE_E_SIGNER;
}
