/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"
#include "cursor.h"
#include "policy.h"
#include "tpmcrypt.h"

#include <openssl/rand.h>

#define NONCE_LEN 12
#define TAG_LEN 16
#define VERSION 1

static const char magic[8] = "MUSTERBK";
static const char label[16] = "muster bundle v1";

void bundle_wire_wipe(struct bundle_wire *w)
{
        buf_wipe(&w->public);
        buf_wipe(&w->duplicate);
        buf_wipe(&w->seed);
        buf_wipe(&w->data);
}

static void plain_pack(const struct bundle_keys *keys, uint8_t ret[BUNDLE_PLAIN_LEN])
{
        struct wbuf w = wb_of(ret, BUNDLE_PLAIN_LEN);

        wb_put(&w, magic, sizeof(magic));
        wb_u32be(&w, VERSION);
        wb_u32be(&w, 0); /* flags */
        wb_put(&w, keys->ssh_seed, sizeof(keys->ssh_seed));
        wb_put(&w, keys->tls_scalar, sizeof(keys->tls_scalar));
}

static int plain_unpack(const uint8_t p[BUNDLE_PLAIN_LEN], struct bundle_keys *ret)
{
        struct cursor c = cur_of(p, BUNDLE_PLAIN_LEN);
        const uint8_t *m, *seed, *scalar;
        uint32_t version, flags;

        if (cur_take(&c, sizeof(magic), &m) < 0 || cur_u32be(&c, &version) < 0 || cur_u32be(&c, &flags) < 0 ||
            cur_take(&c, BUNDLE_KEY_LEN, &seed) < 0 || cur_take(&c, BUNDLE_KEY_LEN, &scalar) < 0 || cur_end(&c) < 0 ||
            memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION || flags != 0)
                return -EBADMSG;
        memcpy(ret->ssh_seed, seed, BUNDLE_KEY_LEN);
        memcpy(ret->tls_scalar, scalar, BUNDLE_KEY_LEN);
        return 0;
}

/* A context with key, nonce and AAD in it, for one message. */
static int gcm_start(const uint8_t k[BUNDLE_K_LEN], const uint8_t nonce[NONCE_LEN], const uint8_t node_id[DIGEST_LEN],
                     bool encrypt, EVP_CIPHER_CTX **ret)
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n;

        if (!ctx)
                return -ENOMEM;
        if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, k, nonce, encrypt) != 1 ||
            EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)label, sizeof(label)) != 1 ||
            EVP_CipherUpdate(ctx, NULL, &n, node_id, DIGEST_LEN) != 1)
                return -EIO;
        *ret = take_ptr(ctx);
        return 0;
}

int bundle_seal(const uint8_t k[BUNDLE_K_LEN], const uint8_t node_id[DIGEST_LEN], const struct bundle_keys *keys,
                uint8_t ret_data[BUNDLE_DATA_LEN])
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = NULL;
        uint8_t plain[BUNDLE_PLAIN_LEN], out[BUNDLE_DATA_LEN];
        int r, n = 0, m = 0;

        if (RAND_bytes(out, NONCE_LEN) != 1)
                return -EIO;
        if ((r = gcm_start(k, out, node_id, true, &ctx)) < 0)
                return r;
        plain_pack(keys, plain);
        if (EVP_EncryptUpdate(ctx, out + NONCE_LEN, &n, plain, sizeof(plain)) != 1 || n != BUNDLE_PLAIN_LEN ||
            EVP_EncryptFinal_ex(ctx, out + NONCE_LEN + n, &m) != 1 || m != 0 ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + NONCE_LEN + BUNDLE_PLAIN_LEN) != 1)
                r = -EIO;
        wipe(plain, sizeof(plain));
        if (r == 0)
                memcpy(ret_data, out, sizeof(out));
        return r;
}

int bundle_open(const uint8_t k[BUNDLE_K_LEN], const uint8_t node_id[DIGEST_LEN], const uint8_t *data, size_t len,
                struct bundle_keys *ret)
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = NULL;
        uint8_t plain[BUNDLE_PLAIN_LEN], tag[TAG_LEN];
        int r, n = 0, m = 0;

        if (len != BUNDLE_DATA_LEN)
                return -EBADMSG;
        memcpy(tag, data + len - TAG_LEN, TAG_LEN);
        if ((r = gcm_start(k, data, node_id, false, &ctx)) < 0)
                return r;
        if (EVP_DecryptUpdate(ctx, plain, &n, data + NONCE_LEN, BUNDLE_PLAIN_LEN) != 1 || n != BUNDLE_PLAIN_LEN ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1)
                r = -EIO;
        else if (EVP_DecryptFinal_ex(ctx, plain + n, &m) != 1)
                r = -EKEYREJECTED;
        else
                r = plain_unpack(plain, ret);
        wipe(plain, sizeof(plain));
        return r;
}

int bundle_make(const struct tpmpub *ek, const EVP_PKEY *policy_key, const uint8_t node_id[DIGEST_LEN],
                const struct bundle_keys *keys, struct bundle_wire *ret)
{
        _cleanup_(bundle_wire_wipe) struct bundle_wire w = { 0 };
        uint8_t k[BUNDLE_K_LEN], name[POLICY_NAME_LEN], policy[DIGEST_LEN], ref[DIGEST_LEN];
        int r;

        if ((r = policy_key_name(policy_key, name)) < 0 || (r = policy_ref(POLICY_BUNDLE, node_id, ref)) < 0 ||
            (r = policy_auth_digest(name, ref, policy)) < 0)
                return r;
        w.data.p = malloc(BUNDLE_DATA_LEN);
        if (!w.data.p)
                return -ENOMEM;
        w.data.len = BUNDLE_DATA_LEN;
        if (RAND_priv_bytes(k, sizeof(k)) != 1)
                return -EIO;
        if ((r = tpmcrypt_duplicate(ek, k, policy, &w.public, &w.duplicate, &w.seed)) == 0)
                r = bundle_seal(k, node_id, keys, w.data.p);
        wipe(k, sizeof(k));
        if (r < 0)
                return r;
        *ret = w;
        w = (struct bundle_wire){ 0 };
        return 0;
}
