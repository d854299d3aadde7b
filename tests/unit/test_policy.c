/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "hex.h"
#include "pki.h"
#include "policy.h"

/* Made with swtpm and tpm2-tools: tpm2_policypcr, tpm2_policycountertimer
 * resets=305419896, tpm2_loadexternal, tpm2_policyauthorize, in trial
 * sessions. The value of PCR n is 32 bytes of n. */
static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERqTmGjlEnYWiYsIOd3ncCkBi67R/\n"
                          "EkpREu7PLgoJyWqWmQZSnbZV87a5QqvUj8KwVrTMDcyBzYBKXMnOSu1RCg==\n"
                          "-----END PUBLIC KEY-----\n";
static const char approved_hex[] = "4002a50060b1690eb95bc07c9e97cef32ad232b6c893a6196015e2cc22f84df4";
static const char name_hex[] = "000bac456dabfcc23ad88f67068f795967b60403be306515085798947bf6032f1a70";
static const char auth_hex[] = "e5600e4d62a808d0497b99fd6c83b56b0bdab78304dc38b896f5159bb67459c8";
static const char ahash_hex[] = "ac1a0fb7c61ad158511e884fee840501e5cc175f3cdb3401a79d16c6d0442d96";
#define RESET_COUNT 305419896

/* TPMT_SIGNATURE over the aHash above; tpm2_verifysignature took it. */
static const char approval_hex[] = "0018000b0020dcee5accee9cbf8bd43c82ba4659996880ea0bdedbc97645f6da2c96a173257e"
                                   "00201b6583a496d6a992ef2642bee74650f7a613f598e7b7625dcacba12a389238bc";

static EVP_PKEY *key;
static uint8_t values[POLICY_PCRS][DIGEST_LEN], approved[DIGEST_LEN], approval[POLICY_APPROVAL_LEN];

static int setup(void **state)
{
        (void)state;
        for (size_t i = 0; i < POLICY_PCRS; i++)
                memset(values[i], policy_pcrs[i], DIGEST_LEN);
        if (hex_decode_exact(approved_hex, approved, sizeof(approved)) < 0 ||
            hex_decode_exact(approval_hex, approval, sizeof(approval)) < 0)
                return -1;
        return pki_public_from_pem(pem, strlen(pem), &key);
}

static int teardown(void **state)
{
        (void)state;
        EVP_PKEY_free(key);
        return 0;
}

static void assert_hex(const void *p, size_t n, const char *want)
{
        char got[HEX_LEN(128)];

        assert_true(n <= 128);
        hex_encode(p, n, got);
        assert_string_equal(got, want);
}

static void the_selection_is_every_static_pcr_but_ima_s(void **state)
{
        uint8_t select[POLICY_SELECT_LEN] = { 0 };

        (void)state;
        for (size_t i = 0; i < POLICY_PCRS; i++)
                select[policy_pcrs[i] / 8] |= (uint8_t)(1u << policy_pcrs[i] % 8);
        assert_memory_equal(select, policy_select, sizeof(select));
        assert_hex(policy_select, sizeof(policy_select), "fffb00");
}

static void digests_are_those_of_a_tpm_s_trial_sessions(void **state)
{
        uint8_t digest[DIGEST_LEN], name[POLICY_NAME_LEN];

        (void)state;
        assert_int_equal(policy_pcr_digest(values, digest), 0);
        assert_hex(digest, sizeof(digest), "7ac59fd08c78748c2e9924ab72f9ff6a35f68c26e872efc0cd19c7dd28b06d9b");
        assert_int_equal(policy_approved(values, RESET_COUNT, digest), 0);
        assert_hex(digest, sizeof(digest), approved_hex);
        assert_int_equal(policy_key_name(key, name), 0);
        assert_hex(name, sizeof(name), name_hex);
        assert_int_equal(policy_auth_digest(name, POLICY_NV, digest), 0);
        assert_hex(digest, sizeof(digest), auth_hex);
        assert_int_equal(policy_ahash(approved, POLICY_NV, digest), 0);
        assert_hex(digest, sizeof(digest), ahash_hex);
}

static void any_other_pcr_value_or_reset_count_is_another_policy(void **state)
{
        uint8_t digest[DIGEST_LEN], ours[DIGEST_LEN];

        (void)state;
        assert_int_equal(policy_approved(values, RESET_COUNT, ours), 0);
        assert_int_equal(policy_approved(values, RESET_COUNT + 1, digest), 0);
        assert_memory_not_equal(digest, ours, sizeof(digest));
        for (size_t i = 0; i < POLICY_PCRS; i++) {
                values[i][31] ^= 1;
                assert_int_equal(policy_approved(values, RESET_COUNT, digest), 0);
                assert_memory_not_equal(digest, ours, sizeof(digest));
                values[i][31] ^= 1;
        }
}

static void purposes_are_kept_apart(void **state)
{
        uint8_t a[DIGEST_LEN], b[DIGEST_LEN], name[POLICY_NAME_LEN];

        (void)state;
        assert_string_equal(policy_ref(POLICY_NV), "muster nv v1");
        assert_string_equal(policy_ref(POLICY_BUNDLE), "muster bundle v1");
        assert_int_equal(policy_key_name(key, name), 0);
        assert_int_equal(policy_auth_digest(name, POLICY_NV, a), 0);
        assert_int_equal(policy_auth_digest(name, POLICY_BUNDLE, b), 0);
        assert_memory_not_equal(a, b, sizeof(a));
        assert_int_equal(policy_approval_verify(key, approved, POLICY_BUNDLE, approval, sizeof(approval)),
                         -EKEYREJECTED);
}

static void an_approval_a_tpm_took_verifies(void **state)
{
        (void)state;
        assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, approval, sizeof(approval)), 0);
}

static void every_flipped_byte_and_cut_of_an_approval_is_refused(void **state)
{
        uint8_t longer[POLICY_APPROVAL_LEN + 1] = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(approval); i++) {
                int r;

                approval[i] ^= 0x01;
                r = policy_approval_verify(key, approved, POLICY_NV, approval, sizeof(approval));
                assert_true(r == -EBADMSG || r == -EKEYREJECTED);
                approval[i] ^= 0x01;
                assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, approval, i), -EBADMSG);
        }
        memcpy(longer, approval, sizeof(approval));
        assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, longer, sizeof(longer)), -EBADMSG);
        approved[0] ^= 1;
        assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, approval, sizeof(approval)), -EKEYREJECTED);
        approved[0] ^= 1;
}

static void signatures_of_zero_or_empty_numbers_are_refused(void **state)
{
        static const uint8_t empty[] = { 0x00, 0x18, 0x00, 0x0B, 0, 0, 0, 0 };
        static const uint8_t zero[] = { 0x00, 0x18, 0x00, 0x0B, 0, 1, 0, 0, 1, 0 };
        uint8_t wide[4 + 2 + 33 + 2 + 32] = { 0x00, 0x18, 0x00, 0x0B, 0, 33 };

        (void)state;
        assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, empty, sizeof(empty)), -EBADMSG);
        assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, zero, sizeof(zero)), -EKEYREJECTED);
        memcpy(wide + 7, approval + 6, 66);
        assert_int_equal(policy_approval_verify(key, approved, POLICY_NV, wide, sizeof(wide)), -EBADMSG);
}

static void our_own_approvals_verify_under_our_key_only(void **state)
{
        uint8_t sig[POLICY_APPROVAL_LEN];
        EVP_PKEY *own;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &own), 0);
        for (unsigned i = 0; i < 300; i++) { /* short r and s come up: they are padded */
                assert_int_equal(policy_approve(own, approved, POLICY_BUNDLE, sig), 0);
                assert_int_equal(policy_approval_verify(own, approved, POLICY_BUNDLE, sig, sizeof(sig)), 0);
        }
        assert_int_equal(policy_approval_verify(key, approved, POLICY_BUNDLE, sig, sizeof(sig)), -EKEYREJECTED);
        EVP_PKEY_free(own);
}

static void a_public_or_other_key_approves_nothing(void **state)
{
        uint8_t sig[POLICY_APPROVAL_LEN], public[POLICY_KEY_PUBLIC_LEN];
        EVP_PKEY *ed = NULL, *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");

        (void)state;
        assert_int_equal(policy_approve(key, approved, POLICY_NV, sig), -EIO);
        assert_int_equal(pki_key_new(PKI_ED25519, &ed), 0);
        assert_int_equal(policy_approve(ed, approved, POLICY_NV, sig), -EINVAL);
        assert_int_equal(policy_approve(p384, approved, POLICY_NV, sig), -EINVAL);
        assert_int_equal(policy_key_public(p384, public), -EINVAL);
        assert_int_equal(policy_approval_verify(ed, approved, POLICY_NV, approval, sizeof(approval)), -EINVAL);
        EVP_PKEY_free(ed);
        EVP_PKEY_free(p384);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_selection_is_every_static_pcr_but_ima_s),
                cmocka_unit_test(digests_are_those_of_a_tpm_s_trial_sessions),
                cmocka_unit_test(any_other_pcr_value_or_reset_count_is_another_policy),
                cmocka_unit_test(purposes_are_kept_apart),
                cmocka_unit_test(an_approval_a_tpm_took_verifies),
                cmocka_unit_test(every_flipped_byte_and_cut_of_an_approval_is_refused),
                cmocka_unit_test(signatures_of_zero_or_empty_numbers_are_refused),
                cmocka_unit_test(our_own_approvals_verify_under_our_key_only),
                cmocka_unit_test(a_public_or_other_key_approves_nothing),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
