/* SPDX-License-Identifier: Apache-2.0 */
#include "pkikey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

DEFINE_CLEANUP(BIGNUM *, BN_clear_free)

static const uint8_t p256_order[PKI_RAW_LEN] = {
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
};

int pki_key_type(const EVP_PKEY *key, enum pki_type *ret)
{
        char group[32] = "";
        size_t n;

        if (EVP_PKEY_is_a(key, "ED25519") == 1) {
                *ret = PKI_ED25519;
                return 0;
        }
        if (EVP_PKEY_is_a(key, "EC") == 1 &&
            EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &n) == 1 &&
            strcmp(group, "prime256v1") == 0) {
                *ret = PKI_P256;
                return 0;
        }
        return -EPROTONOSUPPORT;
}

/* Hands over *key when it is of a kind Muster uses. */
static int key_give(EVP_PKEY **key, EVP_PKEY **ret)
{
        enum pki_type type;
        int r = pki_key_type(*key, &type);

        if (r < 0)
                return r;
        *ret = take_ptr(*key);
        return 0;
}

int pki_key_new(enum pki_type type, EVP_PKEY **ret)
{
        EVP_PKEY *key;

        if (type == PKI_P256)
                key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        else if (type == PKI_ED25519)
                key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        else
                return -EPROTONOSUPPORT;
        if (!key)
                return -EIO;
        *ret = key;
        return 0;
}

static int p256_from_raw(const uint8_t raw[PKI_RAW_LEN], EVP_PKEY **ret)
{
        static const uint8_t head[] = { 0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20 };
        static const uint8_t tail[] = { 0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
        static const uint8_t zero[PKI_RAW_LEN];
        uint8_t der[sizeof(head) + PKI_RAW_LEN + sizeof(tail)]; /* RFC 5915, no public key: it is computed */
        const uint8_t *p = der;

        if (same_bytes(raw, PKI_RAW_LEN, zero, sizeof(zero)) || memcmp(raw, p256_order, sizeof(p256_order)) >= 0)
                return -EINVAL;
        memcpy(der, head, sizeof(head));
        memcpy(der + sizeof(head), raw, PKI_RAW_LEN);
        memcpy(der + sizeof(head) + PKI_RAW_LEN, tail, sizeof(tail));
        *ret = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, sizeof(der));
        wipe(der, sizeof(der));
        return *ret ? 0 : -EIO;
}

int pki_key_from_raw(enum pki_type type, const uint8_t raw[PKI_RAW_LEN], EVP_PKEY **ret)
{
        EVP_PKEY *key = NULL;
        int r = 0;

        if (type == PKI_P256)
                r = p256_from_raw(raw, &key);
        else if (type == PKI_ED25519)
                key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, PKI_RAW_LEN);
        else
                return -EPROTONOSUPPORT;
        if (r < 0)
                return r;
        if (!key)
                return -EIO;
        *ret = key;
        return 0;
}

int pki_key_raw(const EVP_PKEY *key, uint8_t ret[PKI_RAW_LEN])
{
        _cleanup_(BN_clear_freep) BIGNUM *d = NULL;
        size_t n = PKI_RAW_LEN;
        enum pki_type type;
        int r;

        if ((r = pki_key_type(key, &type)) < 0)
                return r;
        if (type == PKI_ED25519)
                return EVP_PKEY_get_raw_private_key(key, ret, &n) == 1 && n == PKI_RAW_LEN ? 0 : -EIO;
        if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1 ||
            BN_bn2binpad(d, ret, PKI_RAW_LEN) != PKI_RAW_LEN)
                return -EIO;
        return 0;
}

int pki_p256_xy(const EVP_PKEY *key, uint8_t ret_x[PKI_RAW_LEN], uint8_t ret_y[PKI_RAW_LEN])
{
        _cleanup_(BN_clear_freep) BIGNUM *x = NULL;
        _cleanup_(BN_clear_freep) BIGNUM *y = NULL;
        enum pki_type type;

        if (pki_key_type(key, &type) < 0 || type != PKI_P256)
                return -EPROTONOSUPPORT;
        if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
            BN_bn2binpad(x, ret_x, PKI_RAW_LEN) != PKI_RAW_LEN || BN_bn2binpad(y, ret_y, PKI_RAW_LEN) != PKI_RAW_LEN)
                return -EIO;
        return 0;
}

/* A copy of a memory BIO's bytes, with a NUL behind them. */
static int bio_copy(BIO *bio, struct buf *ret)
{
        const char *p = NULL;
        long n = BIO_get_mem_data(bio, &p);
        uint8_t *copy;

        if (n <= 0)
                return -EIO;
        copy = malloc((size_t)n + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, p, (size_t)n);
        copy[n] = '\0';
        *ret = (struct buf){ copy, (size_t)n };
        return 0;
}

int pki_key_to_pem(const EVP_PKEY *key, struct buf *ret)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

        if (!bio)
                return -ENOMEM;
        if (PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
                return -EIO;
        return bio_copy(bio, ret);
}

int pki_public_to_pem(const EVP_PKEY *key, struct buf *ret)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

        if (!bio)
                return -ENOMEM;
        if (PEM_write_bio_PUBKEY(bio, key) != 1)
                return -EIO;
        return bio_copy(bio, ret);
}

static bool only_space(BIO *bio)
{
        const char *p = NULL;
        long n = BIO_get_mem_data(bio, &p);

        for (long i = 0; i < n; i++)
                if (!strchr(" \t\r\n", p[i]) || p[i] == '\0')
                        return false;
        return true;
}

int pki_pem_read(const void *pem, size_t len, const char *name, struct buf *ret_der)
{
        _cleanup_(BIO_free_allp) BIO *bio = NULL;
        _cleanup_(buf_wipe) struct buf der = { 0 };
        char *found = NULL, *header = NULL;
        unsigned char *data = NULL;
        long n = 0;
        int r = -EBADMSG;

        if (len == 0 || len > PKI_PEM_MAX)
                return -EBADMSG;
        bio = BIO_new_mem_buf(pem, (int)len);
        if (!bio)
                return -ENOMEM;
        /* no pass phrase is ever asked for: this reads the outer shape only */
        if (PEM_read_bio(bio, &found, &header, &data, &n) == 1 && n > 0 && header[0] == '\0' &&
            strcmp(found, name) == 0 && only_space(bio)) {
                der.p = malloc((size_t)n);
                r = der.p ? 0 : -ENOMEM;
        }
        if (r == 0) {
                memcpy(der.p, data, (size_t)n);
                *ret_der = (struct buf){ take_ptr(der.p), (size_t)n };
        }
        ERR_clear_error();
        OPENSSL_free(found);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)n);
        return r;
}

int pki_key_from_pem(const void *pem, size_t len, EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf der = { 0 };
        const uint8_t *p;
        int r;

        if ((r = pki_pem_read(pem, len, "PRIVATE KEY", &der)) < 0)
                return r;
        p = der.p;
        key = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
        ERR_clear_error();
        if (!key || p != der.p + der.len)
                return -EBADMSG;
        return key_give(&key, ret);
}

int pki_public_from_pem(const void *pem, size_t len, EVP_PKEY **ret)
{
        _cleanup_(buf_wipe) struct buf der = { 0 };
        int r = pki_pem_read(pem, len, "PUBLIC KEY", &der);

        return r < 0 ? r : pki_public_from_der(der.p, der.len, ret);
}

int pki_public_to_der(const EVP_PKEY *key, struct buf *ret)
{
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(key, &der);
        struct buf b = { 0 };

        if (n <= 0)
                return -EIO;
        b.p = malloc((size_t)n);
        if (b.p) {
                memcpy(b.p, der, (size_t)n);
                b.len = (size_t)n;
                *ret = b;
        }
        OPENSSL_free(der);
        return b.p ? 0 : -ENOMEM;
}

int pki_public_from_der(const uint8_t *der, size_t len, EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        const uint8_t *p = der;

        if (len == 0 || len > PKI_PEM_MAX)
                return -EBADMSG;
        key = d2i_PUBKEY(NULL, &p, (long)len);
        ERR_clear_error();
        if (!key || p != der + len)
                return -EBADMSG;
        return key_give(&key, ret);
}

/* SubjectPublicKeyInfo of a P-256 key, up to the point. */
static const uint8_t p256_spki[] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
        0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

int pki_p256_point(const uint8_t *der, size_t len, uint8_t ret[PKI_POINT_LEN])
{
        if (len != sizeof(p256_spki) + PKI_POINT_LEN || memcmp(der, p256_spki, sizeof(p256_spki)) != 0)
                return -EBADMSG;
        memcpy(ret, der + sizeof(p256_spki), PKI_POINT_LEN);
        return 0;
}

/* Not through OpenSSL's decoders, which take ten times as long. */
int pki_p256_from_point(const uint8_t point[PKI_POINT_LEN], EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        char group[] = "P-256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, PKI_POINT_LEN),
                OSSL_PARAM_construct_end(),
        };
        EVP_PKEY *key = NULL;
        int r = -EBADMSG;

        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
                return -EIO;
        if (point[0] == 4 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1) {
                *ret = take_ptr(key);
                r = 0;
        }
        ERR_clear_error();
        return r;
}
