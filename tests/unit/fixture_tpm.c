/* SPDX-License-Identifier: Apache-2.0 */
/* Part of fixture_evidence.c, which includes it: what the TPM makes. */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <stdatomic.h>
#include <time.h>

static EVP_PKEY *fx_key(void)
{
        EVP_PKEY *k = EVP_EC_gen("P-256");

        FX(k);
        return k;
}

static struct buf ak_public(const struct fixture *f)
{
        uint8_t point[65];
        size_t n = 0;
        struct buf b = {malloc(256), 0};
        struct wbuf w = wb_of(b.p, 256);

        FX(b.p && EVP_PKEY_get_octet_string_param(f->ak, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) == 1);
        FX(n == 65);
        wb_u16be(&w, 88);
        wb_u16be(&w, TPM_ALG_ECC);
        wb_u16be(&w, TPM_SHA256);
        wb_u32be(&w, f->knobs.ak_attributes ? f->knobs.ak_attributes : 0x00050472);
        wb_u16be(&w, 0);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_u16be(&w, TPM_ALG_ECDSA);
        wb_u16be(&w, TPM_SHA256);
        wb_u16be(&w, TPM_ECC_P256);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_tpm2b(&w, point + 1, 32);
        wb_tpm2b(&w, point + 33, 32);
        FX(wb_end(&w, &b.len) == 0 && b.len == 90);
        return b;
}

static struct buf ek_public(const struct fixture *f)
{
        struct buf b = {malloc(TPMPUB_MAX + 2), 0};
        size_t n = 0;

        FX(b.p && tpmpub_ek_from_pkey(f->ek, b.p + 2, &n) == 0);
        b.p[0] = (uint8_t)(n >> 8);
        b.p[1] = (uint8_t)n;
        b.len = n + 2;
        if (f->knobs.broken_ek)
                b.p[9] ^= 0x04; /* an attribute: fixedTPM */
        return b;
}

static void pcr_values(struct fixture *f)
{
        memset(f->pcr, 0, sizeof(f->pcr));
        for (size_t i = 0; i < f->n; i++) {
                uint8_t in[2 * DIGEST_LEN];

                if (f->ev[i].type == EV_NO_ACTION)
                        continue;
                memcpy(in, f->pcr[f->ev[i].pcr], DIGEST_LEN);
                memcpy(in + DIGEST_LEN, f->ev[i].digest, DIGEST_LEN);
                fx_hash(in, sizeof(in), f->pcr[f->ev[i].pcr]);
        }
}

/* Of a TPM whose state does not outlive this program: it goes on in the next. */
static uint64_t clock_ms(void)
{
        static _Atomic uint64_t last;
        struct timespec t;
        uint64_t was = last;
        uint64_t now;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        do {
                now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
                now = now > was ? now : was + 1;
        } while (!atomic_compare_exchange_weak(&last, &was, now));
        return now;
}

/* qualifiedSigner of a primary key: its public area is `ak`, TPM2B_PUBLIC. */
static void qualified_name(const struct fixture *f, const struct buf *ak, uint8_t ret[34])
{
        uint8_t text[4 + 34];
        struct wbuf w = wb_of(text, sizeof(text));

        wb_u32be(&w, f->knobs.hierarchy ? f->knobs.hierarchy : 0x4000000b);
        wb_u16be(&w, TPM_SHA256);
        fx_hash(ak->p + 2, ak->len - 2, text + w.len);
        ret[0] = 0;
        ret[1] = 0x0b;
        fx_hash(text, sizeof(text), ret + 2);
}

static struct buf quote_bytes(const struct fixture *f, const struct buf *ak, const uint8_t extra[DIGEST_LEN])
{
        uint8_t signer[34];
        static const uint32_t banks[] = {[ONE_BANK] = 1, [NO_BANK] = 0, [TWO_BANKS] = 2, [SAME_BANK] = 2};
        const uint8_t *select = f->knobs.select ? f->knobs.select : policy_select;
        uint8_t values[POLICY_PCRS][DIGEST_LEN];
        size_t n = 0;
        uint8_t digest[DIGEST_LEN];
        struct buf b = {malloc(1024), 0}; /* room for an edit */
        struct wbuf w = wb_of(b.p, 512);

        for (size_t i = 0; i < POLICY_PCRS; i++)
                if (!f->knobs.quote_selected || (select[policy_pcrs[i] / 8] >> policy_pcrs[i] % 8 & 1))
                        memcpy(values[n++], f->pcr[policy_pcrs[i]], DIGEST_LEN);
        fx_hash(values, n * DIGEST_LEN, digest);
        wb_u32be(&w, f->knobs.magic ? f->knobs.magic : 0xff544347);
        wb_u16be(&w, f->knobs.type ? f->knobs.type : 0x8018);
        qualified_name(f, ak, signer);
        wb_tpm2b(&w, signer, f->knobs.signer_len ? f->knobs.signer_len : sizeof(signer));
        if (f->knobs.extra_given)
                wb_tpm2b(&w, f->knobs.extra, f->knobs.extra_len);
        else
                wb_tpm2b(&w, extra, DIGEST_LEN);
        wb_u64be(&w, f->clock ? f->clock : clock_ms());
        wb_u32be(&w, f->reset_count);
        wb_u32be(&w, f->restart_count);
        wb_u8(&w, 1);
        wb_u64be(&w, 0x20191023);
        wb_u32be(&w, banks[f->knobs.banks]);
        for (uint32_t i = 0; i < banks[f->knobs.banks]; i++) {
                wb_u16be(&w, i > 0 && f->knobs.banks == TWO_BANKS ? TPM_SHA1 : f->knobs.bank ? f->knobs.bank : TPM_SHA256);
                wb_u8(&w, POLICY_SELECT_LEN);
                wb_put(&w, select, POLICY_SELECT_LEN);
        }
        wb_tpm2b(&w, digest, DIGEST_LEN);
        if (f->knobs.trailing_quote)
                wb_u8(&w, 0);
        FX(b.p && wb_end(&w, &b.len) == 0);
        if (f->knobs.edit_quote)
                f->knobs.edit_quote(&b);
        return b;
}

static struct buf signature_bytes(const struct fixture *f, const struct buf *quote)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t der[80];
        size_t n = sizeof(der);
        const uint8_t *p = der;
        uint8_t r[32];
        uint8_t s[32];
        ECDSA_SIG *sig;
        struct buf b = {malloc(256), 0}; /* room for an edit */
        struct wbuf w = wb_of(b.p, 72);

        FX(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, f->knobs.other_key ? f->other : f->ak) == 1);
        FX(EVP_DigestSign(ctx, der, &n, quote->p, quote->len) == 1);
        sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
        FX(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), r, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(sig), s, 32) == 32);
        ECDSA_SIG_free(sig);
        EVP_MD_CTX_free(ctx);
        wb_u16be(&w, TPM_ALG_ECDSA);
        wb_u16be(&w, TPM_SHA256);
        wb_tpm2b(&w, r, 32);
        wb_tpm2b(&w, s, 32);
        FX(b.p && wb_end(&w, &b.len) == 0);
        if (f->knobs.edit_signature)
                f->knobs.edit_signature(&b);
        return b;
}
