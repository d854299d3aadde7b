/* SPDX-License-Identifier: Apache-2.0 */
/* One request of each kind, with a TPM of its own making. */
#include "cursor.h"
#include "digest.h"
#include "eventlog.h"
#include "signer_impl.h"
#include "tpmpub.h"

#include <openssl/rsa.h>

/* What a sample node's TPM has and makes. */
struct sample {
        EVP_PKEY *ak;
        uint8_t ak_name[POLICY_NAME_LEN];
        uint8_t node[DIGEST_LEN];
        uint8_t wrapped[WRAPPED_LEN];
        uint8_t secret[SIGNER_SECRET];
};

/* TPMT_PUBLIC of an AK behind its length. */
static int ak_area(const EVP_PKEY *key, uint8_t ret[SIGNER_AK], uint32_t *ret_len)
{
        struct wbuf w = wb_of(ret, SIGNER_AK);
        uint8_t x[PKI_RAW_LEN];
        uint8_t y[PKI_RAW_LEN];
        size_t n = 0;

        if (pki_p256_xy(key, x, y) < 0)
                return -EIO;
        wb_u16be(&w, 88);
        wb_u16be(&w, TPM_ALG_ECC);
        wb_u16be(&w, TPM_SHA256);
        wb_u32be(&w, TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_ORIGIN | TPMA_USER_WITH_AUTH | TPMA_NO_DA |
                             TPMA_RESTRICTED | TPMA_SIGN);
        wb_u16be(&w, 0);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_u16be(&w, TPM_ALG_ECDSA);
        wb_u16be(&w, TPM_SHA256);
        wb_u16be(&w, TPM_ECC_P256);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_tpm2b(&w, x, sizeof(x));
        wb_tpm2b(&w, y, sizeof(y));
        if (wb_end(&w, &n) < 0)
                return -EIO;
        *ret_len = (uint32_t)n;
        return 0;
}

static int ek_area(const EVP_PKEY *key, struct signer_challenge *q)
{
        uint8_t area[TPMPUB_MAX];
        struct tpmpub ek;
        size_t n = 0;
        int r = tpmpub_ek_from_pkey(key, area, &n);

        if (r < 0 || n > sizeof(q->ek) - 2)
                return -EIO;
        memcpy(q->ek + 2, area, n);
        q->ek[0] = (uint8_t)(n >> 8);
        q->ek[1] = (uint8_t)n;
        q->ek_len = (uint32_t)n + 2;
        r = tpmpub_parse_2b(q->ek, q->ek_len, &ek);
        return r < 0 ? r : tpmpub_id(&ek, q->head.node);
}

static int quote_of_zeros(const struct sample *t, const struct signer_release *q, uint8_t ret[SIGNER_QUOTE], uint32_t *ret_len)
{
        static const uint8_t endorsement[4] = { 0x40, 0, 0, 0x0b };
        uint8_t text[4 + POLICY_NAME_LEN];
        uint8_t signer[POLICY_NAME_LEN] = { 0, 0x0b };
        uint8_t digest[DIGEST_LEN];
        struct wbuf w = wb_of(ret, SIGNER_QUOTE);
        size_t n = 0;

        memcpy(text, endorsement, 4);
        memcpy(text + 4, t->ak_name, POLICY_NAME_LEN);
        if (digest_sha256(text, sizeof(text), signer + 2) < 0 || policy_pcr_digest(q->pcrs, digest) < 0)
                return -EIO;
        wb_u32be(&w, 0xff544347); /* TPM_GENERATED_VALUE */
        wb_u16be(&w, 0x8018);     /* TPM_ST_ATTEST_QUOTE */
        wb_tpm2b(&w, signer, sizeof(signer));
        wb_tpm2b(&w, digest, sizeof(digest));
        wb_u64be(&w, 1);
        wb_u32be(&w, 1);
        wb_u32be(&w, 0);
        wb_u8(&w, 1);
        wb_u64be(&w, 1);
        wb_u32be(&w, 1);
        wb_u16be(&w, TPM_SHA256);
        wb_u8(&w, POLICY_SELECT_LEN);
        wb_put(&w, policy_select, POLICY_SELECT_LEN);
        wb_tpm2b(&w, digest, sizeof(digest));
        if (wb_end(&w, &n) < 0)
                return -EIO;
        *ret_len = (uint32_t)n;
        return 0;
}

static int fill_release(const struct signing *s, const struct sample *t, struct signer_release *q)
{
        int r = ak_area(t->ak, q->ak, &q->ak_len);

        q->purposes = SIGNER_BUNDLE;
        q->name[0] = 'n';
        memcpy(q->head.node, t->node, sizeof(t->node));
        memcpy(q->wrapped, t->wrapped, sizeof(t->wrapped));
        if (r == 0)
                r = signer_token(s->keys.token_key, t->node, t->ak_name, q->token);
        if (r == 0)
                r = quote_of_zeros(t, q, q->quote, &q->quote_len);
        q->signature_len = POLICY_APPROVAL_LEN;
        return r < 0 ? r : policy_sign(t->ak, q->quote, q->quote_len, q->signature);
}

/* One request of `op` with everything in it zero but what it must have. */
static int fill(const struct signing *s, const struct sample *t, enum signer_op op, union signer_request *ret)
{
        *ret = (union signer_request){ .head = { .op = op } };
        switch (op) {
        case SIGNER_TLS:
                ret->tls.life = 60;
                ret->tls.name[0] = 'n';
                ret->tls.point[0] = 4;
                return pki_p256_xy(t->ak, ret->tls.point + 1, ret->tls.point + 1 + PKI_RAW_LEN);
        case SIGNER_SSH:
                ret->ssh.life = 60;
                ret->ssh.name[0] = 'n';
                return 0;
        case SIGNER_WRAP:
                ret->wrap.name[0] = 'n';
                return 0;
        case SIGNER_REWRAP:
                ret->rewrap.name[0] = 'n';
                memcpy(ret->rewrap.wrapped, t->wrapped, sizeof(t->wrapped));
                return 0;
        case SIGNER_CHALLENGE:
                return ak_area(t->ak, ret->challenge.ak, &ret->challenge.ak_len);
        case SIGNER_ACTIVATE:
                memcpy(ret->head.node, t->node, sizeof(t->node));
                memcpy(ret->activate.ak_name, t->ak_name, sizeof(t->ak_name));
                memcpy(ret->activate.secret, t->secret, sizeof(t->secret));
                return signer_ticket(s->keys.token_key, t->node, t->ak_name, t->secret, s->uptime, ret->activate.ticket);
        default:
                return fill_release(s, t, &ret->release);
        }
}

static int sample_name(struct sample *t)
{
        uint8_t area[SIGNER_AK];
        uint8_t name[TPMPUB_NAME_MAX];
        struct tpmpub ak;
        uint32_t len = 0;
        size_t n = 0;
        int r = ak_area(t->ak, area, &len);

        if (r == 0)
                r = tpmpub_parse_2b(area, len, &ak);
        if (r == 0)
                r = tpmpub_name(&ak, name, &n);
        if (r == 0)
                memcpy(t->ak_name, name, POLICY_NAME_LEN);
        return r;
}

/* A number of 2048 bits will do for a key that only encrypts. */
static int rsa_sample(EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        uint8_t n[256];
        size_t e = 65537;
        OSSL_PARAM params[] = { OSSL_PARAM_BN("n", n, sizeof(n)), OSSL_PARAM_size_t("e", &e), OSSL_PARAM_END };

        memset(n, 0xc5, sizeof(n));
        return ctx && EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) == 1 ? 0 : -EIO;
}

static int try_one(struct signing *s, int64_t now, const union signer_request *q, union signer_answer *ret)
{
        size_t n = 0;
        int r = signer_answer(s, now, q, signer_lengths[q->head.op], ret, &n);

        return r < 0 ? r : ret->done.error;
}

static int try_all(struct signing *s, struct sample *t, int64_t now)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = NULL;
        EVP_PKEY *eks[] = { t->ak, NULL };
        union signer_request q;
        union signer_answer a;
        int r = rsa_sample(&rsa);

        eks[1] = rsa;
        /* the release last: it wants what was wrapped */
        for (int op = SIGNER_OPS - 1; op >= SIGNER_RELEASE && r == 0; op--) {
                r = fill(s, t, (enum signer_op)op, &q);
                for (size_t i = 0; i < ELEMENTSOF(eks) && op == SIGNER_CHALLENGE && r == 0; i++) {
                        r = ek_area(eks[i], &q.challenge);
                        if (r == 0)
                                r = try_one(s, now, &q, &a);
                }
                if (r == 0 && op != SIGNER_CHALLENGE)
                        r = try_one(s, now, &q, &a);
                if (op == SIGNER_WRAP)
                        memcpy(t->wrapped, a.wrapped.wrapped, sizeof(t->wrapped));
        }
        return r;
}

int signer_self_test(struct signing *s, int64_t now)
{
        struct sample t = { 0 };
        int r = pki_cert_has_key(s->keys.ca.certificate, s->keys.ca.key);

        if (r == 0)
                r = pki_key_new(PKI_P256, &t.ak);
        if (r == 0)
                r = sample_name(&t);
        if (r == 0)
                r = try_all(s, &t, now);
        EVP_PKEY_free(t.ak);
        memset(s->done, 0, sizeof(s->done));
        s->refused = 0;
        return r;
}
