/* SPDX-License-Identifier: Apache-2.0 */
#include "tpmpub.h"

#include "digest.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free)
DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free)

#define ECC_POINT_MAX (1 + 2 * 48)

static int key_from(const char *type, OSSL_PARAM *params, EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
                return -EIO;
        return EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) == 1 ? 0 : -EBADMSG;
}

/* 04, X, Y; returns how many bytes */
static size_t ecc_point(const struct tpmpub *pub, uint8_t ret[ECC_POINT_MAX])
{
        size_t n = pub->bits / 8u;

        memset(ret, 0, ECC_POINT_MAX);
        ret[0] = 4;
        memcpy(ret + 1 + n - pub->x_len, pub->x, pub->x_len);
        memcpy(ret + 1 + 2 * n - pub->y_len, pub->y, pub->y_len);
        return 1 + 2 * n;
}

/* The quick check is a whole one here: it leaves out that the order times
 * the point is infinity, which on curves of cofactor 1 (both of these) holds
 * for every point. On the curve, in range and not infinity it does check. */
static int ecc_key(const struct tpmpub *pub, EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *check = NULL;
        uint8_t point[ECC_POINT_MAX];
        size_t n = ecc_point(pub, point);
        char group[] = "P-256";
        OSSL_PARAM params[3];
        int r;

        if (pub->curve == TPM_ECC_P384)
                memcpy(group, "P-384", sizeof(group));
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
        params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, n);
        params[2] = OSSL_PARAM_construct_end();
        r = key_from("EC", params, &key);
        if (r < 0)
                return r;
        check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        if (!check)
                return -EIO;
        if (EVP_PKEY_public_check_quick(check) != 1)
                return -EBADMSG;
        *ret = take_ptr(key);
        return 0;
}

static int rsa_key(const struct tpmpub *pub, EVP_PKEY **ret)
{
        _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
        _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(pub->n, (int)pub->n_len, NULL);
        _cleanup_(BN_freep) BIGNUM *e = BN_new();
        _cleanup_(OSSL_PARAM_freep) OSSL_PARAM *params = NULL;

        if (!bld || !n || !e || BN_set_word(e, pub->exponent) != 1 ||
            OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
            OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1)
                return -EIO;
        params = OSSL_PARAM_BLD_to_param(bld);
        return params ? key_from("RSA", params, ret) : -EIO;
}

int tpmpub_pkey(const struct tpmpub *pub, EVP_PKEY **ret)
{
        EVP_PKEY *key = NULL;
        int r = pub->type == TPM_ALG_ECC ? ecc_key(pub, &key) : rsa_key(pub, &key);

        if (r == 0)
                *ret = key;
        return r;
}

static int spki_of(const EVP_PKEY *key, struct buf *ret)
{
        uint8_t *der = NULL;
        int n = i2d_PUBKEY(key, &der);

        if (n <= 0)
                return -EIO;
        ret->p = malloc((size_t)n);
        if (ret->p) {
                memcpy(ret->p, der, (size_t)n);
                ret->len = (size_t)n;
        }
        OPENSSL_free(der);
        return ret->p ? 0 : -ENOMEM;
}

int tpmpub_spki(const struct tpmpub *pub, struct buf *ret)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        int r = tpmpub_pkey(pub, &key);

        return r < 0 ? r : spki_of(key, ret);
}

/* As i2d_PUBKEY() writes it, which asks every encoder there is first. */
static int ecc_id(const struct tpmpub *pub, uint8_t ret[DIGEST_LEN])
{
        static const uint8_t p256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
        static const uint8_t p384[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                        0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00 };
        bool small = pub->curve == TPM_ECC_P256;
        size_t head = small ? sizeof(p256) : sizeof(p384);
        uint8_t der[sizeof(p256) + ECC_POINT_MAX];

        memcpy(der, small ? p256 : p384, head);
        return digest_sha256(der, head + ecc_point(pub, der + head), ret);
}

int tpmpub_id(const struct tpmpub *pub, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        int r = tpmpub_pkey(pub, &key);

        if (r < 0)
                return r;
        return pub->type == TPM_ALG_ECC ? ecc_id(pub, ret) : pkey_id(key, ret);
}

int pkey_id(const EVP_PKEY *key, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(buf_wipe) struct buf der = { 0 };
        int r = spki_of(key, &der);

        if (r < 0)
                return r;
        return digest_sha256(der.p, der.len, ret);
}

const char *pkey_kind(const EVP_PKEY *key, char buf[16])
{
        char group[32] = "";
        int bits = EVP_PKEY_get_bits(key);

        switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_EC:
                (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
                if (strcmp(group, "prime256v1") == 0)
                        return "ecc-p256";
                if (strcmp(group, "secp384r1") == 0)
                        return "ecc-p384";
                if (strcmp(group, "secp521r1") == 0)
                        return "ecc-p521";
                (void)snprintf(buf, 16, "ecc-%d", bits);
                return buf;
        case EVP_PKEY_RSA:
                (void)snprintf(buf, 16, "rsa-%d", bits);
                return buf;
        default:
                return "other";
        }
}
