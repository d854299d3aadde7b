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

/* Made with swtpm and tpm2-pytss in trial sessions: TPM2_PolicyPCR,
 * TPM2_PolicyCounterTimer over 8 bytes at offset 16, TPM2_LoadExternal,
 * TPM2_VerifySignature, TPM2_PolicyAuthorize. The value of PCR n is 32 bytes
 * of n, the node's id 32 bytes of 0x4e. */
static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq2Hd4jGkTw7aGxWIDz8/G6Mt1KP2\n"
                          "A1KMr8zr4Qd/Wp1x2d1hFDiPuIfrRbKY8BhY0HD8vDNJiJSvIyjppxoRbg==\n"
                          "-----END PUBLIC KEY-----\n";
static const char approved_hex[] = "080b21fa20e10e9b47e6482df95261fa46e7f14b6be989c54d3f5ed5fcbad74d";
static const char name_hex[] = "000bc45054c950206695d2ae6a92809fca02c1944a6a1c7f1f3973422c795db3da38";
static const char ref_hex[] = "7b91c53b786c04f84efb8e0e753b8f0e79e945ab36ca88c727730c289bc3df9c";
static const char auth_hex[] = "27fcbfdbf717ebd35eed8e68e84e178a84f40dcc509a57362739620c36f31441";
static const char ahash_hex[] = "a8e134d800296fd80644c10914e84973a82a6b2a39dd721b4bad728f92d7d106";
static const struct policy_boot boot = { 305419896, 2596069104 };

/* TPMT_SIGNATURE over the aHash above; TPM2_VerifySignature took it. */
static const char approval_hex[] = "0018000b00203184bee54c0627108978b6c60b287300fb288a25bd4d003f4419e833f2702f9d"
                                   "0020918da28a66237839fab239dd3bbffbc71401bbf5aa1a52e29a8bad9a38a0fff2";

static EVP_PKEY *key;
static uint8_t node[DIGEST_LEN];
static uint8_t values[POLICY_PCRS][DIGEST_LEN], approved[DIGEST_LEN], approval[POLICY_APPROVAL_LEN], nv_ref[DIGEST_LEN],
        bundle_ref[DIGEST_LEN];

static int setup(void **state)
{
        (void)state;
        for (size_t i = 0; i < POLICY_PCRS; i++)
                memset(values[i], policy_pcrs[i], DIGEST_LEN);
        memset(node, 0x4e, sizeof(node));
        if (policy_ref(POLICY_NV, node, nv_ref) < 0 || policy_ref(POLICY_BUNDLE, node, bundle_ref) < 0 ||
            hex_decode_exact(approved_hex, approved, sizeof(approved)) < 0 ||
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
        assert_int_equal(policy_approved(values, boot, digest), 0);
        assert_hex(digest, sizeof(digest), approved_hex);
        assert_int_equal(policy_key_name(key, name), 0);
        assert_hex(name, sizeof(name), name_hex);
        assert_hex(nv_ref, sizeof(nv_ref), ref_hex);
        assert_int_equal(policy_auth_digest(name, nv_ref, digest), 0);
        assert_hex(digest, sizeof(digest), auth_hex);
        assert_int_equal(policy_ahash(approved, nv_ref, digest), 0);
        assert_hex(digest, sizeof(digest), ahash_hex);
}

static void any_other_pcr_value_reset_or_restart_is_another_policy(void **state)
{
        uint8_t digest[DIGEST_LEN], ours[DIGEST_LEN];

        (void)state;
        assert_int_equal(policy_approved(values, boot, ours), 0);
        assert_int_equal(policy_approved(values, (struct policy_boot){ boot.reset_count + 1, boot.restart_count }, digest), 0);
        assert_memory_not_equal(digest, ours, sizeof(digest));
        assert_int_equal(policy_approved(values, (struct policy_boot){ boot.reset_count, boot.restart_count + 1 }, digest), 0);
        assert_memory_not_equal(digest, ours, sizeof(digest));
        for (size_t i = 0; i < POLICY_PCRS; i++) {
                values[i][31] ^= 1;
                assert_int_equal(policy_approved(values, boot, digest), 0);
                assert_memory_not_equal(digest, ours, sizeof(digest));
                values[i][31] ^= 1;
        }
}

static void purposes_and_nodes_are_kept_apart(void **state)
{
        uint8_t a[DIGEST_LEN], b[DIGEST_LEN], other[DIGEST_LEN], name[POLICY_NAME_LEN];

        (void)state;
        node[31] ^= 1;
        assert_int_equal(policy_ref(POLICY_NV, node, other), 0);
        node[31] ^= 1;
        assert_memory_not_equal(nv_ref, bundle_ref, sizeof(nv_ref));
        assert_memory_not_equal(nv_ref, other, sizeof(nv_ref));
        assert_int_equal(policy_key_name(key, name), 0);
        assert_int_equal(policy_auth_digest(name, nv_ref, a), 0);
        assert_int_equal(policy_auth_digest(name, bundle_ref, b), 0);
        assert_memory_not_equal(a, b, sizeof(a));
        assert_int_equal(policy_auth_digest(name, other, b), 0);
        assert_memory_not_equal(a, b, sizeof(a));
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, approval, sizeof(approval)), 0);
        assert_int_equal(policy_approval_verify(key, approved, bundle_ref, approval, sizeof(approval)), -EKEYREJECTED);
        assert_int_equal(policy_approval_verify(key, approved, other, approval, sizeof(approval)), -EKEYREJECTED);
}

static void an_approval_a_tpm_took_verifies(void **state)
{
        (void)state;
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, approval, sizeof(approval)), 0);
}

static void every_flipped_byte_and_cut_of_an_approval_is_refused(void **state)
{
        uint8_t longer[POLICY_APPROVAL_LEN + 1] = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(approval); i++) {
                int r;

                approval[i] ^= 0x01;
                r = policy_approval_verify(key, approved, nv_ref, approval, sizeof(approval));
                assert_true(r == -EBADMSG || r == -EKEYREJECTED);
                approval[i] ^= 0x01;
                assert_int_equal(policy_approval_verify(key, approved, nv_ref, approval, i), -EBADMSG);
        }
        memcpy(longer, approval, sizeof(approval));
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, longer, sizeof(longer)), -EBADMSG);
        approved[0] ^= 1;
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, approval, sizeof(approval)), -EKEYREJECTED);
        approved[0] ^= 1;
}

static void signatures_of_zero_or_empty_numbers_are_refused(void **state)
{
        static const uint8_t empty[] = { 0x00, 0x18, 0x00, 0x0B, 0, 0, 0, 0 };
        static const uint8_t zero[] = { 0x00, 0x18, 0x00, 0x0B, 0, 1, 0, 0, 1, 0 };
        uint8_t wide[4 + 2 + 33 + 2 + 32] = { 0x00, 0x18, 0x00, 0x0B, 0, 33 };

        (void)state;
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, empty, sizeof(empty)), -EBADMSG);
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, zero, sizeof(zero)), -EKEYREJECTED);
        memcpy(wide + 7, approval + 6, 66);
        assert_int_equal(policy_approval_verify(key, approved, nv_ref, wide, sizeof(wide)), -EBADMSG);
}

static void our_own_approvals_verify_under_our_key_only(void **state)
{
        uint8_t sig[POLICY_APPROVAL_LEN];
        EVP_PKEY *own;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &own), 0);
        for (unsigned i = 0; i < 300; i++) { /* short r and s come up: they are padded */
                assert_int_equal(policy_approve(own, approved, bundle_ref, sig), 0);
                assert_int_equal(policy_approval_verify(own, approved, bundle_ref, sig, sizeof(sig)), 0);
        }
        assert_int_equal(policy_approval_verify(key, approved, bundle_ref, sig, sizeof(sig)), -EKEYREJECTED);
        EVP_PKEY_free(own);
}

static void a_public_or_other_key_approves_nothing(void **state)
{
        uint8_t sig[POLICY_APPROVAL_LEN], public[POLICY_KEY_PUBLIC_LEN];
        EVP_PKEY *ed = NULL, *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");

        (void)state;
        assert_int_equal(policy_approve(key, approved, nv_ref, sig), -EIO);
        assert_int_equal(pki_key_new(PKI_ED25519, &ed), 0);
        assert_int_equal(policy_approve(ed, approved, nv_ref, sig), -EINVAL);
        assert_int_equal(policy_approve(p384, approved, nv_ref, sig), -EINVAL);
        assert_int_equal(policy_key_public(p384, public), -EINVAL);
        assert_int_equal(policy_approval_verify(ed, approved, nv_ref, approval, sizeof(approval)), -EINVAL);
        EVP_PKEY_free(ed);
        EVP_PKEY_free(p384);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_selection_is_every_static_pcr_but_ima_s),
                cmocka_unit_test(digests_are_those_of_a_tpm_s_trial_sessions),
                cmocka_unit_test(any_other_pcr_value_reset_or_restart_is_another_policy),
                cmocka_unit_test(purposes_and_nodes_are_kept_apart),
                cmocka_unit_test(an_approval_a_tpm_took_verifies),
                cmocka_unit_test(every_flipped_byte_and_cut_of_an_approval_is_refused),
                cmocka_unit_test(signatures_of_zero_or_empty_numbers_are_refused),
                cmocka_unit_test(our_own_approvals_verify_under_our_key_only),
                cmocka_unit_test(a_public_or_other_key_approves_nothing),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
