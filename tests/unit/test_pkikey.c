/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "pkikey.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

static void raw_keys_come_back(void **state)
{
        static const enum pki_type types[] = { PKI_P256, PKI_ED25519 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                EVP_PKEY *a, *b;
                uint8_t raw[PKI_RAW_LEN], again[PKI_RAW_LEN];
                enum pki_type type;

                assert_int_equal(pki_key_new(types[i], &a), 0);
                assert_int_equal(pki_key_type(a, &type), 0);
                assert_int_equal(type, types[i]);
                assert_int_equal(pki_key_raw(a, raw), 0);
                assert_int_equal(pki_key_from_raw(types[i], raw, &b), 0);
                assert_int_equal(EVP_PKEY_eq(a, b), 1); /* compares the public parts */
                assert_int_equal(pki_key_raw(b, again), 0);
                assert_memory_equal(raw, again, sizeof(raw));
                EVP_PKEY_free(a);
                EVP_PKEY_free(b);
        }
}

/* The base point itself: SEC 2, section 2.4.2. */
static void the_scalar_one_gives_the_base_point(void **state)
{
        static const uint8_t gx[4] = { 0x6B, 0x17, 0xD1, 0xF2 }, gy[4] = { 0x4F, 0xE3, 0x42, 0xE2 };
        uint8_t raw[PKI_RAW_LEN] = { [31] = 1 }, x[PKI_RAW_LEN], y[PKI_RAW_LEN];
        EVP_PKEY *key;

        (void)state;
        assert_int_equal(pki_key_from_raw(PKI_P256, raw, &key), 0);
        assert_int_equal(pki_p256_xy(key, x, y), 0);
        assert_memory_equal(x, gx, sizeof(gx));
        assert_memory_equal(y, gy, sizeof(gy));
        EVP_PKEY_free(key);
}

static void scalars_out_of_range_are_refused(void **state)
{
        uint8_t raw[PKI_RAW_LEN] = { 0 };
        EVP_PKEY *key = NULL;

        (void)state;
        assert_int_equal(pki_key_from_raw(PKI_P256, raw, &key), -EINVAL);
        memset(raw, 0xFF, sizeof(raw));
        assert_int_equal(pki_key_from_raw(PKI_P256, raw, &key), -EINVAL);
        assert_null(key);
}

static void keys_survive_pem(void **state)
{
        static const enum pki_type types[] = { PKI_P256, PKI_ED25519 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                struct buf private = { 0 }, public = { 0 };
                EVP_PKEY *a, *b, *c;
                uint8_t raw[PKI_RAW_LEN], again[PKI_RAW_LEN];

                assert_int_equal(pki_key_new(types[i], &a), 0);
                assert_int_equal(pki_key_to_pem(a, &private), 0);
                assert_int_equal(strncmp((char *)private.p, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
                assert_int_equal(pki_key_from_pem(private.p, private.len, &b), 0);
                assert_int_equal(pki_key_raw(a, raw), 0);
                assert_int_equal(pki_key_raw(b, again), 0);
                assert_memory_equal(raw, again, sizeof(raw));
                assert_int_equal(pki_public_to_pem(a, &public), 0);
                assert_int_equal(pki_public_from_pem(public.p, public.len, &c), 0);
                assert_int_equal(EVP_PKEY_eq(a, c), 1);
                assert_int_equal(pki_public_from_pem(private.p, private.len, &c), -EBADMSG);
                assert_int_equal(pki_key_from_pem(public.p, public.len, &c), -EBADMSG);
                EVP_PKEY_free(a);
                EVP_PKEY_free(b);
                EVP_PKEY_free(c);
                buf_wipe(&private);
                buf_wipe(&public);
        }
}

static void pem_of_another_shape_is_refused(void **state)
{
        struct buf pem = { 0 };
        char two[1024], big[PKI_PEM_MAX + 1];
        EVP_PKEY *key, *b = NULL;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &key), 0);
        assert_int_equal(pki_key_to_pem(key, &pem), 0);
        for (size_t n = 0; n < pem.len - 1; n++)
                assert_int_equal(pki_key_from_pem(pem.p, n, &b), -EBADMSG);
        (void)snprintf(two, sizeof(two), "%s \r\n\t", (char *)pem.p);
        assert_int_equal(pki_key_from_pem(two, strlen(two), &b), 0);
        EVP_PKEY_free(b);
        b = NULL;
        (void)snprintf(two, sizeof(two), "%sx", (char *)pem.p);
        assert_int_equal(pki_key_from_pem(two, strlen(two), &b), -EBADMSG);
        assert_int_equal(pki_key_from_pem(two, strlen(two) - 1, &b), 0);
        EVP_PKEY_free(b);
        b = NULL;
        (void)snprintf(two, sizeof(two), "%s%s", (char *)pem.p, (char *)pem.p);
        assert_int_equal(pki_key_from_pem(two, strlen(two), &b), -EBADMSG);
        memset(big, ' ', sizeof(big));
        memcpy(big, pem.p, pem.len);
        assert_int_equal(pki_key_from_pem(big, sizeof(big), &b), -EBADMSG);
        assert_null(b);
        assert_int_equal(ERR_peek_error(), 0); /* nothing left for a TLS call to trip over */
        buf_wipe(&pem);
        EVP_PKEY_free(key);
}

static void other_kinds_of_keys_are_refused(void **state)
{
        EVP_PKEY *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
        EVP_PKEY *none = NULL;
        uint8_t raw[PKI_RAW_LEN];
        struct buf pem = { 0 };
        enum pki_type type;

        (void)state;
        assert_int_equal(pki_key_type(p384, &type), -EPROTONOSUPPORT);
        assert_int_equal(pki_key_raw(p384, raw), -EPROTONOSUPPORT);
        assert_int_equal(pki_key_to_pem(p384, &pem), 0);
        assert_int_equal(pki_key_from_pem(pem.p, pem.len, &none), -EPROTONOSUPPORT);
        buf_wipe(&pem);
        assert_int_equal(pki_public_to_pem(p384, &pem), 0);
        assert_int_equal(pki_public_from_pem(pem.p, pem.len, &none), -EPROTONOSUPPORT);
        assert_int_equal(pki_key_new((enum pki_type)7, &none), -EPROTONOSUPPORT);
        assert_null(none);
        buf_wipe(&pem);
        EVP_PKEY_free(p384);
}

static void an_encrypted_key_is_refused_without_a_question(void **state)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
        EVP_PKEY *key, *b = NULL;
        char *p;
        long n;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &key), 0);
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "pass", 4, NULL, NULL), 1);
        n = BIO_get_mem_data(bio, &p);
        assert_int_equal(pki_key_from_pem(p, (size_t)n, &b), -EBADMSG);
        assert_null(b);
        EVP_PKEY_free(key);
}

static void a_public_key_has_no_private_raw_form(void **state)
{
        struct buf der = { 0 };
        EVP_PKEY *key, *public;
        uint8_t raw[PKI_RAW_LEN];

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &key), 0);
        assert_int_equal(pki_public_to_der(key, &der), 0);
        assert_int_equal(der.len, 91);
        assert_int_equal(pki_public_from_der(der.p, der.len, &public), 0);
        assert_int_equal(pki_key_raw(public, raw), -EIO);
        for (size_t n = 0; n < der.len; n++) {
                EVP_PKEY *none = NULL;

                assert_int_equal(pki_public_from_der(der.p, n, &none), -EBADMSG);
        }
        der.p[90] ^= 1; /* off the curve */
        EVP_PKEY_free(public);
        assert_int_equal(pki_public_from_der(der.p, der.len, &public), -EBADMSG);
        buf_wipe(&der);
        EVP_PKEY_free(key);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(raw_keys_come_back),
                cmocka_unit_test(the_scalar_one_gives_the_base_point),
                cmocka_unit_test(scalars_out_of_range_are_refused),
                cmocka_unit_test(keys_survive_pem),
                cmocka_unit_test(pem_of_another_shape_is_refused),
                cmocka_unit_test(other_kinds_of_keys_are_refused),
                cmocka_unit_test(an_encrypted_key_is_refused_without_a_question),
                cmocka_unit_test(a_public_key_has_no_private_raw_form),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
