/* SPDX-License-Identifier: Apache-2.0 */
/* Image keys as the store keeps them: AES-256-GCM under the store key,
 * nonce ‖ ciphertext ‖ tag, the image's header, list digest and name as
 * associated data. */
#include "signer_impl.h"

#include <openssl/rand.h>

#define GCM_NONCE 12
#define GCM_TAG 16

static bool set_aad(EVP_CIPHER_CTX *c, const struct image_ref *i)
{
        static const char label[] = "muster image key v2";
        int n = 0;

        return EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)label, sizeof(label) - 1) == 1 &&
               EVP_CipherUpdate(c, NULL, &n, i->header, 64) == 1 && EVP_CipherUpdate(c, NULL, &n, i->list, DIGEST_LEN) == 1 &&
               EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)i->name, (int)strlen(i->name)) == 1;
}

int image_key_wrap(const uint8_t store_key[STORE_KEY_LEN], const struct image_ref *i, const uint8_t key[32],
                   uint8_t ret[WRAPPED_LEN])
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t out[WRAPPED_LEN];
        int n = 0;

        if (!c)
                return -ENOMEM;
        if (RAND_bytes(out, GCM_NONCE) != 1 ||
            EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, store_key, out, 1) != 1 || !set_aad(c, i) ||
            EVP_CipherUpdate(c, out + GCM_NONCE, &n, key, 32) != 1 || n != 32 ||
            EVP_CipherFinal_ex(c, out + GCM_NONCE + 32, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, GCM_TAG, out + GCM_NONCE + 32) != 1)
                return -EIO;
        memcpy(ret, out, WRAPPED_LEN);
        return 0;
}

int image_key_unwrap(const uint8_t store_key[STORE_KEY_LEN], const struct image_ref *i,
                     const uint8_t wrapped[WRAPPED_LEN], uint8_t ret[32])
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t tag[GCM_TAG];
        uint8_t key[32];
        int n = 0;
        int r = 0;

        if (!c)
                return -ENOMEM;
        memcpy(tag, wrapped + GCM_NONCE + 32, GCM_TAG);
        if (EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, store_key, wrapped, 0) != 1 ||
            !set_aad(c, i) || EVP_CipherUpdate(c, key, &n, wrapped + GCM_NONCE, 32) != 1 || n != 32 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, GCM_TAG, tag) != 1)
                r = -EIO;
        else if (EVP_CipherFinal_ex(c, tag, &n) != 1)
                r = -EKEYREJECTED;
        else
                memcpy(ret, key, 32);
        wipe(key, sizeof(key));
        return r;
}
