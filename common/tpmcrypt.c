/* SPDX-License-Identifier: Apache-2.0 */
#include "tpmcrypt.h"
#include "cursor.h"
#include "digest.h"
#include "pkikey.h"
#include "tpmpub.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define ALG_KEYEDHASH 0x0008
#define ALG_SHA256 0x000B
#define SEED_LEN 32
#define COORD_LEN 32
#define RSA_LEN 256
#define AES_LEN 16
#define SECRET_MAX (2 + RSA_LEN)
#define SENSITIVE_MAX 128

/* What the two operations share: a seed that the EK's TPM can find again. */
struct sealed_seed {
        uint8_t seed[SEED_LEN];
        uint8_t wire[SECRET_MAX]; /* TPM2B_ENCRYPTED_SECRET */
        size_t wire_len;
};

static void sealed_seed_wipe(struct sealed_seed *s)
{
        wipe(s, sizeof(*s));
}

/* One block of KDFa (Part 1, 11.4.10.2): at most 256 bits. */
static int kdfa(const uint8_t key[SEED_LEN], const char *label, const uint8_t *context, size_t context_len,
                uint8_t *ret, size_t ret_len)
{
        uint8_t b[128], mac[DIGEST_LEN];
        struct wbuf w = wb_of(b, sizeof(b));
        int r = -EIO;

        wb_u32be(&w, 1);
        wb_put(&w, label, strlen(label) + 1);
        wb_put(&w, context, context_len);
        wb_u32be(&w, (uint32_t)(8 * ret_len));
        if (w.err == 0 && ret_len <= sizeof(mac) && HMAC(EVP_sha256(), key, SEED_LEN, b, w.len, mac, NULL)) {
                memcpy(ret, mac, ret_len);
                r = 0;
        }
        wipe(mac, sizeof(mac));
        return r;
}

/* One block of KDFe (Part 1, 11.4.10.3): 256 bits. */
static int kdfe(const uint8_t z[COORD_LEN], const char *label, const uint8_t u[COORD_LEN], const uint8_t v[COORD_LEN],
                uint8_t ret[SEED_LEN])
{
        uint8_t b[128];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        wb_u32be(&w, 1);
        wb_put(&w, z, COORD_LEN);
        wb_put(&w, label, strlen(label) + 1);
        wb_put(&w, u, COORD_LEN);
        wb_put(&w, v, COORD_LEN);
        r = w.err < 0 ? -EIO : digest_sha256(b, w.len, ret);
        wipe(b, sizeof(b));
        return r;
}

static int ecdh(EVP_PKEY *own, EVP_PKEY *peer, uint8_t ret[COORD_LEN])
{
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
        size_t n = COORD_LEN;

        if (!ctx)
                return -ENOMEM;
        return EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
                                       EVP_PKEY_derive(ctx, ret, &n) == 1 && n == COORD_LEN
                       ? 0
                       : -EIO;
}

static int seed_for_ecc(EVP_PKEY *ek, const char *label, struct sealed_seed *s)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *own = NULL;
        uint8_t z[COORD_LEN], own_x[COORD_LEN], own_y[COORD_LEN], ek_x[COORD_LEN], ek_y[COORD_LEN];
        struct wbuf w = wb_of(s->wire, sizeof(s->wire));
        int r;

        if ((r = pki_key_new(PKI_P256, &own)) < 0 || (r = pki_p256_xy(own, own_x, own_y)) < 0 ||
            (r = pki_p256_xy(ek, ek_x, ek_y)) < 0 || (r = ecdh(own, ek, z)) < 0)
                return r;
        r = kdfe(z, label, own_x, ek_x, s->seed);
        wipe(z, sizeof(z));
        if (r < 0)
                return r;
        wb_u16be(&w, 2 * (2 + COORD_LEN)); /* TPMS_ECC_POINT */
        wb_tpm2b(&w, own_x, sizeof(own_x));
        wb_tpm2b(&w, own_y, sizeof(own_y));
        return wb_end(&w, &s->wire_len);
}

static int oaep(EVP_PKEY *ek, const char *label, const uint8_t seed[SEED_LEN], uint8_t ret[RSA_LEN])
{
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ek, NULL);
        size_t label_len = strlen(label) + 1; /* the NUL is part of it */
        size_t n = RSA_LEN;
        void *copy;

        if (!ctx)
                return -ENOMEM;
        if (EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
            EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) != 1 ||
            EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) != 1)
                return -EIO;
        copy = OPENSSL_memdup(label, label_len);
        if (!copy)
                return -ENOMEM;
        if (EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)label_len) != 1) {
                OPENSSL_free(copy);
                return -EIO;
        }
        return EVP_PKEY_encrypt(ctx, ret, &n, seed, SEED_LEN) == 1 && n == RSA_LEN ? 0 : -EIO;
}

static int seed_for_rsa(EVP_PKEY *ek, const char *label, struct sealed_seed *s)
{
        struct wbuf w = wb_of(s->wire, sizeof(s->wire));
        uint8_t cipher[RSA_LEN];
        int r;

        if (RAND_priv_bytes(s->seed, sizeof(s->seed)) != 1)
                return -EIO;
        if ((r = oaep(ek, label, s->seed, cipher)) < 0)
                return r;
        wb_tpm2b(&w, cipher, sizeof(cipher));
        return wb_end(&w, &s->wire_len);
}

static bool ek_is_storage_parent(const struct tpmpub *ek)
{
        bool key = (ek->type == TPM_ALG_ECC && ek->curve == TPM_ECC_P256) ||
                   (ek->type == TPM_ALG_RSA && ek->bits == 8 * RSA_LEN);

        return key && ek->name_alg == ALG_SHA256 && ek->sym_alg == TPM_ALG_AES && ek->sym_bits == 8 * AES_LEN &&
               ek->sym_mode == TPM_ALG_CFB;
}

static int seed_for(const struct tpmpub *ek, const char *label, struct sealed_seed *s)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        int r;

        if (!ek_is_storage_parent(ek))
                return -EPROTONOSUPPORT;
        if ((r = tpmpub_pkey(ek, &key)) < 0)
                return r;
        return ek->type == TPM_ALG_ECC ? seed_for_ecc(key, label, s) : seed_for_rsa(key, label, s);
}

/* AES-128-CFB with a zero IV, in place; the key is used once. */
static int cfb_encrypt(const uint8_t key[AES_LEN], uint8_t *p, size_t len)
{
        static const uint8_t iv[AES_LEN];
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n = 0;

        if (!ctx)
                return -ENOMEM;
        return EVP_EncryptInit_ex(ctx, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
                                       EVP_EncryptUpdate(ctx, p, &n, p, (int)len) == 1 && n == (int)len
                       ? 0
                       : -EIO;
}

/* The outer wrapper (Part 1, 22.4 and 24): TPM2B( TPM2B mac ‖ encrypted ).
 * `p` is encrypted in place. */
static int wrap(const uint8_t seed[SEED_LEN], const uint8_t name[TPMCRYPT_NAME_LEN], uint8_t *p, size_t len,
                struct buf *ret)
{
        uint8_t aes[AES_LEN], hmac_key[SEED_LEN], mac[DIGEST_LEN], b[SENSITIVE_MAX + TPMCRYPT_NAME_LEN];
        struct wbuf w = wb_of(b, sizeof(b));
        struct buf out = { 0 };
        bool ok;

        ok = kdfa(seed, "STORAGE", name, TPMCRYPT_NAME_LEN, aes, sizeof(aes)) == 0 && cfb_encrypt(aes, p, len) == 0;
        wb_put(&w, p, len);
        wb_put(&w, name, TPMCRYPT_NAME_LEN);
        ok = ok && w.err == 0 && kdfa(seed, "INTEGRITY", NULL, 0, hmac_key, sizeof(hmac_key)) == 0 &&
             HMAC(EVP_sha256(), hmac_key, sizeof(hmac_key), b, w.len, mac, NULL);
        wipe(aes, sizeof(aes));
        wipe(hmac_key, sizeof(hmac_key));
        if (!ok)
                return -EIO;
        out.len = 2 + 2 + sizeof(mac) + len;
        out.p = malloc(out.len);
        if (!out.p)
                return -ENOMEM;
        w = wb_of(out.p, out.len);
        wb_u16be(&w, (uint16_t)(out.len - 2));
        wb_tpm2b(&w, mac, sizeof(mac));
        wb_put(&w, p, len);
        *ret = out;
        return 0;
}

static int copy_out(const uint8_t *p, size_t len, struct buf *ret)
{
        uint8_t *copy = malloc(len);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, p, len);
        *ret = (struct buf){ copy, len };
        return 0;
}

int tpmcrypt_make_credential(const struct tpmpub *ek, const uint8_t ak_name[TPMCRYPT_NAME_LEN],
                             const uint8_t secret[TPMCRYPT_SECRET_LEN], struct buf *ret_id_object,
                             struct buf *ret_secret)
{
        _cleanup_(sealed_seed_wipe) struct sealed_seed s = { 0 };
        _cleanup_(buf_wipe) struct buf id_object = { 0 };
        uint8_t b[2 + TPMCRYPT_SECRET_LEN];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        if ((r = seed_for(ek, "IDENTITY", &s)) < 0)
                return r;
        wb_tpm2b(&w, secret, TPMCRYPT_SECRET_LEN);
        r = wrap(s.seed, ak_name, b, w.len, &id_object);
        wipe(b, sizeof(b));
        if (r < 0 || (r = copy_out(s.wire, s.wire_len, ret_secret)) < 0)
                return r;
        *ret_id_object = id_object;
        id_object = (struct buf){ 0 };
        return 0;
}

/* TPM2B_PUBLIC of the sealed object, and its Name. */
static int sealed_public(const uint8_t seed_value[SEED_LEN], const uint8_t k[TPMCRYPT_SECRET_LEN],
                         const uint8_t auth_policy[DIGEST_LEN], uint8_t name[TPMCRYPT_NAME_LEN], struct buf *ret)
{
        uint8_t both[SEED_LEN + TPMCRYPT_SECRET_LEN], unique[DIGEST_LEN], b[128];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        memcpy(both, seed_value, SEED_LEN);
        memcpy(both + SEED_LEN, k, TPMCRYPT_SECRET_LEN);
        r = digest_sha256(both, sizeof(both), unique);
        wipe(both, sizeof(both));
        if (r < 0)
                return r;
        wb_u16be(&w, 0); /* the size, set below */
        wb_u16be(&w, ALG_KEYEDHASH);
        wb_u16be(&w, ALG_SHA256);
        wb_u32be(&w, TPMA_NO_DA);
        wb_tpm2b(&w, auth_policy, DIGEST_LEN);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_tpm2b(&w, unique, sizeof(unique));
        if (w.err < 0)
                return -EIO;
        b[1] = (uint8_t)(w.len - 2);
        name[0] = ALG_SHA256 >> 8;
        name[1] = ALG_SHA256 & 0xFF;
        if ((r = digest_sha256(b + 2, w.len - 2, name + 2)) < 0)
                return r;
        return copy_out(b, w.len, ret);
}

int tpmcrypt_duplicate(const struct tpmpub *ek, const uint8_t k[TPMCRYPT_SECRET_LEN],
                       const uint8_t auth_policy[DIGEST_LEN], struct buf *ret_public, struct buf *ret_duplicate,
                       struct buf *ret_seed)
{
        _cleanup_(sealed_seed_wipe) struct sealed_seed s = { 0 };
        _cleanup_(buf_wipe) struct buf public = { 0 };
        _cleanup_(buf_wipe) struct buf duplicate = { 0 };
        uint8_t seed_value[SEED_LEN], name[TPMCRYPT_NAME_LEN], b[SENSITIVE_MAX];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        if ((r = seed_for(ek, "DUPLICATE", &s)) < 0)
                return r;
        if (RAND_priv_bytes(seed_value, sizeof(seed_value)) != 1)
                return -EIO;
        wb_u16be(&w, 2 + 2 + (2 + SEED_LEN) + (2 + TPMCRYPT_SECRET_LEN)); /* TPM2B_SENSITIVE */
        wb_u16be(&w, ALG_KEYEDHASH);
        wb_tpm2b(&w, NULL, 0); /* authValue */
        wb_tpm2b(&w, seed_value, SEED_LEN);
        wb_tpm2b(&w, k, TPMCRYPT_SECRET_LEN);
        if ((r = sealed_public(seed_value, k, auth_policy, name, &public)) == 0)
                r = wrap(s.seed, name, b, w.len, &duplicate);
        wipe(seed_value, sizeof(seed_value));
        wipe(b, sizeof(b));
        if (r < 0 || (r = copy_out(s.wire, s.wire_len, ret_seed)) < 0)
                return r;
        *ret_public = public;
        *ret_duplicate = duplicate;
        public = duplicate = (struct buf){ 0 };
        return 0;
}
