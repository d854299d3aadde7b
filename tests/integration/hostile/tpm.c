/* SPDX-License-Identifier: Apache-2.0 */
/* The software TPM: its structures are the unit tests' fixture. */
#include "../../unit/fixture_evidence.c"

#include "hostile.h"
#include "pki.h"

#include <openssl/hmac.h>
#include <openssl/pem.h>

static void kdfa128(const uint8_t seed[32], const uint8_t *name, size_t n, uint8_t ret[32])
{
        uint8_t b[64];
        struct wbuf w = wb_of(b, sizeof(b));

        wb_u32be(&w, 1);
        wb_put(&w, "STORAGE", 8);
        wb_put(&w, name, n);
        wb_u32be(&w, 128);
        FX(w.err == 0 && HMAC(EVP_sha256(), seed, 32, b, w.len, ret, NULL));
}

static void seed_of(EVP_PKEY *ek, const struct buf *wire, uint8_t ret[32])
{
        uint8_t b[128];
        uint8_t z[32];
        uint8_t x[32];
        uint8_t y[32];
        uint8_t point[65] = {4};
        struct wbuf w = wb_of(b, sizeof(b));
        EVP_PKEY *peer = EVP_PKEY_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ek, NULL);
        size_t n = sizeof(z);

        FX(wire->len == 70);
        memcpy(point + 1, wire->p + 4, 32);
        memcpy(point + 33, wire->p + 38, 32);
        FX(EVP_PKEY_copy_parameters(peer, ek) == 1 && EVP_PKEY_set1_encoded_public_key(peer, point, 65) == 1);
        FX(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1);
        FX(EVP_PKEY_derive(ctx, z, &n) == 1 && pki_p256_xy(ek, x, y) == 0);
        wb_u32be(&w, 1);
        wb_put(&w, z, 32);
        wb_put(&w, "IDENTITY", 9);
        wb_put(&w, point + 1, 32);
        wb_put(&w, x, 32);
        fx_hash(b, w.len, ret);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(peer);
}

void tpm_activate_for(EVP_PKEY *ek, const uint8_t *ak_name, const struct buf *blob, const struct buf *wire_secret,
                      uint8_t ret[32])
{
        static const uint8_t iv[16];
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t seed[32];
        uint8_t key[32];
        uint8_t plain[34];
        int n = 0;

        FX(blob->len == 2 + 2 + 32 + 34);
        seed_of(ek, wire_secret, seed);
        kdfa128(seed, ak_name, POLICY_NAME_LEN, key);
        FX(EVP_DecryptInit_ex(c, EVP_aes_128_cfb128(), NULL, key, iv) == 1);
        FX(EVP_DecryptUpdate(c, plain, &n, blob->p + 36, 34) == 1 && n == 34);
        EVP_CIPHER_CTX_free(c);
        memcpy(ret, plain + 2, 32);
}

void tpm_activate(const struct buf *blob, const struct buf *wire_secret, uint8_t ret[32])
{
        tpm_activate_for(f.ek, evidence_ak_name(f.evidence), blob, wire_secret, ret);
}

EVP_PKEY *tpm_new_key(void)
{
        return fx_key();
}

void tpm_write_public(const char *path)
{
        FILE *out = fopen(path, "w");

        FX(out && PEM_write_PUBKEY(out, f.ek) == 1 && fclose(out) == 0);
}
