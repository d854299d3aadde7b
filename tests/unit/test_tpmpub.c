/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "tpmpub.h"

#include <openssl/ec.h>

static EVP_PKEY *new_key(bool ecc)
{
        EVP_PKEY *key = ecc ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);

        assert_non_null(key);
        return key;
}

static void an_ek_area_built_from_a_key_has_the_keys_id(void **state)
{
        (void)state;
        for (int ecc = 0; ecc < 2; ecc++) {
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(ecc);
                uint8_t area[TPMPUB_MAX], two_b[TPMPUB_MAX + 2], id[DIGEST_LEN], id2[DIGEST_LEN];
                const char *why = NULL;
                struct wbuf w = wb_of(two_b, sizeof(two_b));
                struct tpmpub pub;
                size_t n;

                assert_int_equal(tpmpub_ek_from_pkey(key, area, &n), 0);
                assert_int_equal(n, ecc ? 122 : 314);
                assert_int_equal(tpmpub_parse_any(area, n, &pub), 0);
                assert_int_equal(tpmpub_is_ek(&pub, &why), 0);
                assert_int_equal(tpmpub_is_ak(&pub, &why), -EKEYREJECTED);
                assert_int_equal(tpmpub_id(&pub, id), 0);
                assert_int_equal(pkey_id(key, id2), 0);
                assert_memory_equal(id, id2, DIGEST_LEN);
                wb_tpm2b(&w, area, n);
                assert_int_equal(tpmpub_parse_any(two_b, n + 2, &pub), 0);
                assert_int_equal(tpmpub_parse_2b(two_b, n + 2, &pub), 0);
                assert_int_equal(tpmpub_parse_2b(two_b, n + 1, &pub), -EBADMSG);
                for (size_t i = 0; i < n; i++)
                        assert_true(tpmpub_parse(area, i, &pub) < 0);
                area[n] = 0;
                assert_int_equal(tpmpub_parse(area, n + 1, &pub), -EBADMSG);
        }
}

/* An AK as Muster makes it, with room to spoil it. */
static size_t ak_area(const EVP_PKEY *key, uint32_t attributes, uint16_t scheme, uint16_t hash, uint8_t out[TPMPUB_MAX])
{
        struct wbuf w = wb_of(out, TPMPUB_MAX);
        uint8_t point[65];
        size_t n;

        assert_int_equal(EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point, sizeof(point), &n), 1);
        wb_u16be(&w, TPM_ALG_ECC);
        wb_u16be(&w, 0x000b);
        wb_u32be(&w, attributes);
        wb_tpm2b(&w, "", 0);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_u16be(&w, scheme);
        if (scheme != TPM_ALG_NULL)
                wb_u16be(&w, hash);
        wb_u16be(&w, TPM_ECC_P256);
        wb_u16be(&w, TPM_ALG_NULL);
        wb_tpm2b(&w, point + 1, 32);
        wb_tpm2b(&w, point + 33, 32);
        assert_int_equal(wb_end(&w, &n), 0);
        return n;
}

#define AK_ATTRIBUTES \
        (TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_ORIGIN | TPMA_USER_WITH_AUTH | TPMA_RESTRICTED | TPMA_SIGN)

static int judge_ak(const EVP_PKEY *key, uint32_t attributes, uint16_t scheme, uint16_t hash)
{
        uint8_t area[TPMPUB_MAX];
        size_t n = ak_area(key, attributes, scheme, hash, area);
        const char *why = NULL;
        struct tpmpub pub;
        int r;

        assert_int_equal(tpmpub_parse(area, n, &pub), 0);
        r = tpmpub_is_ak(&pub, &why);
        assert_int_equal(r < 0, why != NULL);
        return r;
}

static void an_ak_with_a_policy_is_refused(void **state)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(true);
        uint8_t plain[TPMPUB_MAX];
        uint8_t area[TPMPUB_MAX + DIGEST_LEN] = { 0 };
        size_t n = ak_area(key, AK_ATTRIBUTES, TPM_ALG_ECDSA, 0x000b, plain);
        const char *why = NULL;
        struct tpmpub pub;

        (void)state;
        memcpy(area, plain, 8);
        area[9] = DIGEST_LEN;
        memcpy(area + 10 + DIGEST_LEN, plain + 10, n - 10);
        assert_int_equal(tpmpub_parse(area, n + DIGEST_LEN, &pub), 0);
        assert_int_equal(tpmpub_is_ak(&pub, &why), -EKEYREJECTED);
}

static void an_ak_lacking_any_attribute_is_refused(void **state)
{
        static const uint32_t needed[] = { TPMA_FIXED_TPM, TPMA_FIXED_PARENT, TPMA_SENSITIVE_ORIGIN, TPMA_RESTRICTED,
                                           TPMA_SIGN };
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(true);

        (void)state;
        assert_int_equal(judge_ak(key, AK_ATTRIBUTES, TPM_ALG_ECDSA, 0x000b), 0);
        assert_int_equal(judge_ak(key, AK_ATTRIBUTES | TPMA_NO_DA, TPM_ALG_ECDSA, 0x000b), 0);
        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                assert_int_equal(judge_ak(key, AK_ATTRIBUTES & ~needed[i], TPM_ALG_ECDSA, 0x000b), -EKEYREJECTED);
        assert_int_equal(judge_ak(key, AK_ATTRIBUTES | TPMA_DECRYPT, TPM_ALG_ECDSA, 0x000b), -EKEYREJECTED);
        assert_int_equal(judge_ak(key, AK_ATTRIBUTES & ~TPMA_USER_WITH_AUTH, TPM_ALG_ECDSA, 0x000b), -EKEYREJECTED);
        for (unsigned bit = 0; bit < 32; bit++)
                if (!((AK_ATTRIBUTES | TPMA_NO_DA) & 1u << bit))
                        assert_int_equal(judge_ak(key, AK_ATTRIBUTES | 1u << bit, TPM_ALG_ECDSA, 0x000b), -EKEYREJECTED);
        assert_int_equal(judge_ak(key, AK_ATTRIBUTES, TPM_ALG_ECDSA, 0x0004), -EKEYREJECTED);
        assert_int_equal(judge_ak(key, AK_ATTRIBUTES, TPM_ALG_NULL, 0), -EKEYREJECTED);
}

static void an_ek_of_another_template_is_refused(void **state)
{
        /* offsets of attributes, policy, AES bits and mode in the area */
        static const size_t spoil[] = { 4, 5, 6, 7, 10, 41, 43, 45 };
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(true);
        uint8_t area[TPMPUB_MAX];
        struct tpmpub pub;
        size_t n;

        (void)state;
        assert_int_equal(tpmpub_ek_from_pkey(key, area, &n), 0);
        for (size_t i = 0; i < ELEMENTSOF(spoil); i++) {
                area[spoil[i]] ^= 0x42;
                if (tpmpub_parse(area, n, &pub) == 0)
                        assert_int_equal(tpmpub_is_ek(&pub, NULL), -EKEYREJECTED);
                area[spoil[i]] ^= 0x42;
        }
        assert_int_equal(tpmpub_parse(area, n, &pub), 0);
        assert_int_equal(tpmpub_is_ek(&pub, NULL), 0);
}

static void a_point_off_its_curve_makes_no_key(void **state)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(true);
        EVP_PKEY *bad = NULL;
        uint8_t area[TPMPUB_MAX], id[DIGEST_LEN];
        struct tpmpub pub;
        size_t n;

        (void)state;
        assert_int_equal(tpmpub_ek_from_pkey(key, area, &n), 0);
        area[n - 1] ^= 1;
        assert_int_equal(tpmpub_parse(area, n, &pub), 0);
        assert_int_equal(tpmpub_pkey(&pub, &bad), -EBADMSG);
        assert_null(bad);
        assert_int_equal(tpmpub_id(&pub, id), -EBADMSG);
}

/* What OpenSSL's whole check would refuse, the quick one does. */
static void no_coordinate_out_of_range_makes_a_key(void **state)
{
        static const uint8_t fills[] = { 0x00, 0xff };
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(true);
        EVP_PKEY *bad = NULL;
        uint8_t area[TPMPUB_MAX];
        struct tpmpub pub;
        size_t n;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(fills); i++)
                for (unsigned which = 1; which < 4; which++) {
                        assert_int_equal(tpmpub_ek_from_pkey(key, area, &n), 0);
                        if (which & 1)
                                memset(area + n - 32, fills[i], 32);
                        if (which & 2)
                                memset(area + n - 32 - 2 - 32, fills[i], 32);
                        assert_int_equal(tpmpub_parse(area, n, &pub), 0);
                        assert_int_equal(tpmpub_pkey(&pub, &bad), -EBADMSG);
                        assert_null(bad);
                }
}

static void an_ecc_id_is_that_of_openssl_s_encoding(void **state)
{
        static const struct {
                const char *name;
                uint16_t curve, bits;
        } curves[] = { { "P-256", TPM_ECC_P256, 256 }, { "P-384", TPM_ECC_P384, 384 } };

        (void)state;
        for (size_t i = 0; i < 20 * ELEMENTSOF(curves); i++) {
                size_t k = i % ELEMENTSOF(curves);
                size_t len = curves[k].bits / 8u;
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen(curves[k].name);
                struct tpmpub pub = { .type = TPM_ALG_ECC, .curve = curves[k].curve, .bits = curves[k].bits };
                uint8_t point[97], id[DIGEST_LEN], want[DIGEST_LEN];
                size_t n;

                assert_non_null(key);
                assert_int_equal(EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point, sizeof(point), &n), 1);
                assert_int_equal(n, 1 + 2 * len);
                pub.x = point + 1;
                pub.y = point + 1 + len;
                pub.x_len = pub.y_len = len;
                assert_int_equal(tpmpub_id(&pub, id), 0);
                assert_int_equal(pkey_id(key, want), 0);
                assert_memory_equal(id, want, DIGEST_LEN);
        }
}

static void the_name_is_the_name_algorithm_and_the_digest(void **state)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(true);
        uint8_t area[TPMPUB_MAX], name[TPMPUB_NAME_MAX], h[DIGEST_LEN];
        struct tpmpub pub;
        size_t n, len = 0;

        (void)state;
        n = ak_area(key, AK_ATTRIBUTES, TPM_ALG_ECDSA, 0x000b, area);
        assert_int_equal(tpmpub_parse(area, n, &pub), 0);
        assert_int_equal(tpmpub_name(&pub, name, &len), 0);
        assert_int_equal(len, 34);
        assert_int_equal(EVP_Digest(area, n, h, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(name, "\0\x0b", 2);
        assert_memory_equal(name + 2, h, DIGEST_LEN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_ek_area_built_from_a_key_has_the_keys_id),
                cmocka_unit_test(no_coordinate_out_of_range_makes_a_key),
                cmocka_unit_test(an_ecc_id_is_that_of_openssl_s_encoding),
                cmocka_unit_test(an_ak_with_a_policy_is_refused),
                cmocka_unit_test(an_ak_lacking_any_attribute_is_refused),
                cmocka_unit_test(an_ek_of_another_template_is_refused),
                cmocka_unit_test(a_point_off_its_curve_makes_no_key),
                cmocka_unit_test(the_name_is_the_name_algorithm_and_the_digest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
