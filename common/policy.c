/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"
#include "cursor.h"
#include "digest.h"
#include "pkikey.h"

#include <openssl/ecdsa.h>

#define ALG_SHA256 0x000B
#define ALG_NULL 0x0010
#define ALG_ECDSA 0x0018
#define ALG_ECC 0x0023
#define CURVE_P256 0x0003
#define CC_POLICY_AUTHORIZE 0x0000016A
#define CC_POLICY_COUNTER_TIMER 0x0000016D
#define CC_POLICY_PCR 0x0000017F
#define EO_EQ 0x0000
#define KEY_ATTRIBUTES 0x00040040u /* sign | userWithAuth */
#define SCALAR 32

const uint8_t policy_pcrs[POLICY_PCRS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15 };
const uint8_t policy_select[POLICY_SELECT_LEN] = { 0xFF, 0xFB, 0x00 };

DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)

static void der_freep(unsigned char **p)
{
        OPENSSL_free(*p);
}


/* H of what was written, or the writer's error. */
static int wb_sha256(const struct wbuf *w, uint8_t ret[DIGEST_LEN])
{
        return w->err < 0 ? w->err : digest_sha256(w->p, w->len, ret);
}

int policy_ref(enum policy_purpose purpose, const uint8_t node[DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        const char *label = purpose == POLICY_NV ? "muster nv v2" : "muster bundle v2";
        uint8_t b[64];
        struct wbuf w = wb_of(b, sizeof(b));

        wb_put(&w, label, strlen(label)); /* without its NUL */
        wb_put(&w, node, DIGEST_LEN);
        return wb_sha256(&w, ret);
}

void policy_counters(struct policy_boot boot, uint8_t ret[POLICY_COUNTERS_LEN])
{
        struct wbuf w = wb_of(ret, POLICY_COUNTERS_LEN);

        wb_u32be(&w, boot.reset_count);
        wb_u32be(&w, boot.restart_count);
}

int policy_pcr_digest(const uint8_t values[POLICY_PCRS][DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        return digest_sha256(values, (size_t)POLICY_PCRS * DIGEST_LEN, ret);
}

int policy_approved(const uint8_t values[POLICY_PCRS][DIGEST_LEN], struct policy_boot boot, uint8_t ret[DIGEST_LEN])
{
        uint8_t digest[DIGEST_LEN] = { 0 }, pcrs[DIGEST_LEN], args[DIGEST_LEN], counters[POLICY_COUNTERS_LEN], b[128];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        if ((r = policy_pcr_digest(values, pcrs)) < 0)
                return r;
        wb_put(&w, digest, sizeof(digest));
        wb_u32be(&w, CC_POLICY_PCR);
        wb_u32be(&w, 1); /* TPML_PCR_SELECTION: one bank */
        wb_u16be(&w, ALG_SHA256);
        wb_u8(&w, POLICY_SELECT_LEN);
        wb_put(&w, policy_select, sizeof(policy_select));
        wb_put(&w, pcrs, sizeof(pcrs));
        if ((r = wb_sha256(&w, digest)) < 0)
                return r;

        w = wb_of(b, sizeof(b));
        policy_counters(boot, counters);
        wb_put(&w, counters, sizeof(counters));
        wb_u16be(&w, POLICY_COUNTERS_OFFSET);
        wb_u16be(&w, EO_EQ);
        if ((r = wb_sha256(&w, args)) < 0)
                return r;

        w = wb_of(b, sizeof(b));
        wb_put(&w, digest, sizeof(digest));
        wb_u32be(&w, CC_POLICY_COUNTER_TIMER);
        wb_put(&w, args, sizeof(args));
        return wb_sha256(&w, ret);
}

int policy_key_public(const EVP_PKEY *key, uint8_t ret[POLICY_KEY_PUBLIC_LEN])
{
        uint8_t x[SCALAR], y[SCALAR], b[POLICY_KEY_PUBLIC_LEN];
        struct wbuf w = wb_of(b, sizeof(b));

        if (pki_p256_xy(key, x, y) < 0)
                return -EINVAL;
        wb_u16be(&w, POLICY_KEY_PUBLIC_LEN - 2);
        wb_u16be(&w, ALG_ECC);
        wb_u16be(&w, ALG_SHA256);
        wb_u32be(&w, KEY_ATTRIBUTES);
        wb_tpm2b(&w, NULL, 0);   /* authPolicy */
        wb_u16be(&w, ALG_NULL);  /* symmetric */
        wb_u16be(&w, ALG_NULL);  /* scheme */
        wb_u16be(&w, CURVE_P256);
        wb_u16be(&w, ALG_NULL); /* kdf */
        wb_tpm2b(&w, x, sizeof(x));
        wb_tpm2b(&w, y, sizeof(y));
        if (w.err < 0 || w.len != sizeof(b))
                return -EIO;
        memcpy(ret, b, sizeof(b));
        return 0;
}

int policy_key_name(const EVP_PKEY *key, uint8_t ret[POLICY_NAME_LEN])
{
        uint8_t public[POLICY_KEY_PUBLIC_LEN], digest[DIGEST_LEN];
        struct wbuf w = wb_of(ret, POLICY_NAME_LEN);
        int r;

        if ((r = policy_key_public(key, public)) < 0 || (r = digest_sha256(public + 2, sizeof(public) - 2, digest)) < 0)
                return r;
        wb_u16be(&w, ALG_SHA256);
        wb_put(&w, digest, sizeof(digest));
        return w.err;
}

int policy_auth_digest(const uint8_t name[POLICY_NAME_LEN], const uint8_t ref[DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        uint8_t digest[DIGEST_LEN] = { 0 }, b[128];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        wb_put(&w, digest, sizeof(digest));
        wb_u32be(&w, CC_POLICY_AUTHORIZE);
        wb_put(&w, name, POLICY_NAME_LEN);
        if ((r = wb_sha256(&w, digest)) < 0)
                return r;
        w = wb_of(b, sizeof(b));
        wb_put(&w, digest, sizeof(digest));
        wb_put(&w, ref, DIGEST_LEN);
        return wb_sha256(&w, ret);
}

/* approvedPolicy ‖ policyRef: the message whose SHA-256 is aHash. */
static int approval_message(const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN], struct wbuf *w)
{
        wb_put(w, approved, DIGEST_LEN);
        wb_put(w, ref, DIGEST_LEN);
        return w->err;
}

int policy_ahash(const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        uint8_t b[64];
        struct wbuf w = wb_of(b, sizeof(b));

        (void)approval_message(approved, ref, &w);
        return wb_sha256(&w, ret);
}

/* TPMT_SIGNATURE from a DER ECDSA-Sig-Value. */
static int signature_to_tpm(const uint8_t *der, size_t len, uint8_t ret[POLICY_APPROVAL_LEN])
{
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = NULL;
        uint8_t r[SCALAR], s[SCALAR];
        struct wbuf w = wb_of(ret, POLICY_APPROVAL_LEN);

        sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
        if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), r, SCALAR) != SCALAR ||
            BN_bn2binpad(ECDSA_SIG_get0_s(sig), s, SCALAR) != SCALAR)
                return -EIO;
        wb_u16be(&w, ALG_ECDSA);
        wb_u16be(&w, ALG_SHA256);
        wb_tpm2b(&w, r, sizeof(r));
        wb_tpm2b(&w, s, sizeof(s));
        return w.err;
}

int policy_sign(EVP_PKEY *key, const void *p, size_t len, uint8_t ret[POLICY_APPROVAL_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t der[80];
        size_t n = sizeof(der);
        enum pki_type type;

        if (!ctx)
                return -ENOMEM;
        if (pki_key_type(key, &type) < 0 || type != PKI_P256)
                return -EINVAL;
        if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 || EVP_DigestSign(ctx, der, &n, p, len) != 1)
                return -EIO;
        return signature_to_tpm(der, n, ret);
}

int policy_approve(EVP_PKEY *key, const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN],
                   uint8_t ret[POLICY_APPROVAL_LEN])
{
        uint8_t b[64];
        struct wbuf w = wb_of(b, sizeof(b));

        return approval_message(approved, ref, &w) < 0 ? -EIO : policy_sign(key, w.p, w.len, ret);
}

/* DER ECDSA-Sig-Value from a TPMT_SIGNATURE; freed by the caller. */
static int signature_from_tpm(const uint8_t *p, size_t len, unsigned char **ret_der, int *ret_len)
{
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = NULL;
        struct cursor c = cur_of(p, len);
        const uint8_t *r, *s;
        size_t nr, ns;
        uint16_t alg, hash;
        BIGNUM *br, *bs;

        if (cur_u16be(&c, &alg) < 0 || cur_u16be(&c, &hash) < 0 || cur_tpm2b(&c, &r, &nr) < 0 ||
            cur_tpm2b(&c, &s, &ns) < 0 || cur_end(&c) < 0 || alg != ALG_ECDSA || hash != ALG_SHA256 || nr < 1 ||
            nr > SCALAR || ns < 1 || ns > SCALAR)
                return -EBADMSG;
        sig = ECDSA_SIG_new();
        br = BN_bin2bn(r, (int)nr, NULL);
        bs = BN_bin2bn(s, (int)ns, NULL);
        if (!sig || !br || !bs || ECDSA_SIG_set0(sig, br, bs) != 1) {
                BN_free(br);
                BN_free(bs);
                return -ENOMEM;
        }
        *ret_der = NULL;
        *ret_len = i2d_ECDSA_SIG(sig, ret_der);
        return *ret_len > 0 ? 0 : -ENOMEM;
}

int policy_approval_verify(EVP_PKEY *key, const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN],
                           const uint8_t *sig, size_t len)
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        _cleanup_(der_freep) unsigned char *der = NULL;
        uint8_t b[64];
        struct wbuf w = wb_of(b, sizeof(b));
        enum pki_type type;
        int r, der_len;

        if (!ctx)
                return -ENOMEM;
        if (pki_key_type(key, &type) < 0 || type != PKI_P256)
                return -EINVAL;
        if ((r = signature_from_tpm(sig, len, &der, &der_len)) < 0)
                return r;
        if (approval_message(approved, ref, &w) < 0 ||
            EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) != 1)
                return -EIO;
        return EVP_DigestVerify(ctx, der, (size_t)der_len, w.p, w.len) == 1 ? 0 : -EKEYREJECTED;
}
