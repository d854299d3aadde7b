/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "bundle.h"
#include "pki.h"
#include "policy.h"
#include "tpmpub.h"

static const uint8_t k[BUNDLE_K_LEN] = "the key K that seals the bundle.";
static const uint8_t node[DIGEST_LEN] = "a node id that is a digest truly";
static const struct bundle_keys keys = { "ssh seed ssh seed ssh seed seed.", "tls scalar tls scalar tls scalar" };

static void a_bundle_opens_to_the_keys_in_it(void **state)
{
        uint8_t data[BUNDLE_DATA_LEN], again[BUNDLE_DATA_LEN];
        struct bundle_keys got = { 0 };

        (void)state;
        assert_int_equal(bundle_seal(k, node, &keys, data), 0);
        assert_int_equal(bundle_open(k, node, data, sizeof(data), &got), 0);
        assert_memory_equal(&got, &keys, sizeof(keys));
        assert_int_equal(bundle_seal(k, node, &keys, again), 0);
        assert_memory_not_equal(data, again, 12); /* nonces */
}

static void every_flipped_byte_of_a_bundle_is_refused(void **state)
{
        uint8_t data[BUNDLE_DATA_LEN];
        struct bundle_keys got = { 0 }, none = { 0 };

        (void)state;
        assert_int_equal(bundle_seal(k, node, &keys, data), 0);
        for (size_t i = 0; i < sizeof(data); i++) {
                data[i] ^= 0x80;
                assert_int_equal(bundle_open(k, node, data, sizeof(data), &got), -EKEYREJECTED);
                data[i] ^= 0x80;
        }
        assert_memory_equal(&got, &none, sizeof(none));
}

static void a_bundle_of_another_length_is_refused(void **state)
{
        uint8_t data[BUNDLE_DATA_LEN + 1] = { 0 };
        struct bundle_keys got;

        (void)state;
        assert_int_equal(bundle_seal(k, node, &keys, data), 0);
        for (size_t n = 0; n <= sizeof(data); n++)
                if (n != BUNDLE_DATA_LEN)
                        assert_int_equal(bundle_open(k, node, data, n, &got), -EBADMSG);
}

static void another_node_or_key_opens_nothing(void **state)
{
        uint8_t data[BUNDLE_DATA_LEN], other[32];
        struct bundle_keys got;

        (void)state;
        assert_int_equal(bundle_seal(k, node, &keys, data), 0);
        memcpy(other, node, sizeof(other));
        other[0] ^= 1;
        assert_int_equal(bundle_open(k, other, data, sizeof(data), &got), -EKEYREJECTED);
        memcpy(other, k, sizeof(other));
        other[0] ^= 1;
        assert_int_equal(bundle_open(other, node, data, sizeof(data), &got), -EKEYREJECTED);
}

/* A plaintext sealed right but of another magic, version or flags. */
static void sealed_plaintext_of_another_shape_is_refused(void **state)
{
        static const size_t at[] = { 0, 7, 8, 11, 12, 15 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(at); i++) {
                _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
                uint8_t plain[BUNDLE_PLAIN_LEN] = "MUSTERBK\0\0\0\1", data[BUNDLE_DATA_LEN] = { 0 };
                struct bundle_keys got;
                int n;

                plain[at[i]] ^= 1;
                assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, k, data), 1);
                assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)"muster bundle v1", 16), 1);
                assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, node, sizeof(node)), 1);
                assert_int_equal(EVP_EncryptUpdate(ctx, data + 12, &n, plain, sizeof(plain)), 1);
                assert_int_equal(EVP_EncryptFinal_ex(ctx, data + 92, &n), 1);
                assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, data + 92), 1);
                assert_int_equal(bundle_open(k, node, data, sizeof(data), &got), -EBADMSG);
        }
}

static void a_bundle_for_an_ek_is_sealed_under_the_policy_key(void **state)
{
        uint8_t ek_bytes[TPMPUB_MAX], name[POLICY_NAME_LEN], policy[DIGEST_LEN], ref[DIGEST_LEN];
        struct bundle_wire w = { 0 }, x = { 0 };
        EVP_PKEY *ek_key, *policy_key;
        struct tpmpub ek;
        size_t n;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &ek_key), 0);
        assert_int_equal(pki_key_new(PKI_P256, &policy_key), 0);
        assert_int_equal(tpmpub_ek_from_pkey(ek_key, ek_bytes, &n), 0);
        assert_int_equal(tpmpub_parse(ek_bytes, n, &ek), 0);
        assert_int_equal(bundle_make(&ek, policy_key, node, &keys, &w), 0);
        assert_int_equal(policy_key_name(policy_key, name), 0);
        assert_int_equal(policy_ref(POLICY_BUNDLE, node, ref), 0);
        assert_int_equal(policy_auth_digest(name, ref, policy), 0);
        assert_int_equal(w.public.len, 80);
        assert_memory_equal(w.public.p + 12, policy, sizeof(policy));
        assert_int_equal(w.data.len, BUNDLE_DATA_LEN);
        assert_int_equal(bundle_make(&ek, policy_key, node, &keys, &x), 0);
        assert_memory_not_equal(w.public.p + 46, x.public.p + 46, 34); /* a fresh K */
        assert_memory_not_equal(w.data.p + 12, x.data.p + 12, 80);
        bundle_wire_wipe(&w);
        bundle_wire_wipe(&x);
        EVP_PKEY_free(ek_key);
        EVP_PKEY_free(policy_key);
}

static void a_policy_key_of_another_kind_makes_no_bundle(void **state)
{
        struct bundle_wire w = { 0 };
        struct tpmpub ek = { 0 };
        EVP_PKEY *key;

        (void)state;
        assert_int_equal(pki_key_new(PKI_ED25519, &key), 0);
        assert_int_equal(bundle_make(&ek, key, node, &keys, &w), -EINVAL);
        assert_null(w.public.p);
        EVP_PKEY_free(key);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_bundle_opens_to_the_keys_in_it),
                cmocka_unit_test(every_flipped_byte_of_a_bundle_is_refused),
                cmocka_unit_test(a_bundle_of_another_length_is_refused),
                cmocka_unit_test(another_node_or_key_opens_nothing),
                cmocka_unit_test(sealed_plaintext_of_another_shape_is_refused),
                cmocka_unit_test(a_bundle_for_an_ek_is_sealed_under_the_policy_key),
                cmocka_unit_test(a_policy_key_of_another_kind_makes_no_bundle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
