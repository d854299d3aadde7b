/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer itself wants to see before it lets a node in: whatever the
 * network process says, no approval without a quote, no quote without an AK
 * that was activated for this node. */
#include "fixture_signer.h"

#include "quote.h"

static void a_quote_by_an_ak_with_its_token_is_approved(void **state)
{
        uint8_t approved[DIGEST_LEN];
        uint8_t ref[DIGEST_LEN];

        (void)state;
        good(SIGNER_RELEASE);
        assert_int_equal(answer(), 0);
        assert_memory_equal(a.released.token, q.release.token, SIGNER_TOKEN);
        assert_int_equal(policy_approved(good_pcrs, (struct policy_boot){ 41, 3 }, approved), 0);
        assert_int_equal(policy_ref(POLICY_NV, node_id, ref), 0);
        assert_int_equal(policy_approval_verify(sg.keys.policy, approved, ref, a.released.nv, POLICY_APPROVAL_LEN), 0);
}

/* A stockpile of approvals for boots to come cannot be made. */
static void counters_and_values_are_those_of_the_quote(void **state)
{
        (void)state;
        good(SIGNER_RELEASE);
        for (size_t i = 0; i < quoted.quote_len; i++) {
                good(SIGNER_RELEASE);
                q.release.quote[i] ^= 1;
                assert_true(answer() < 0);
                assert_int_equal(a.released.nv[0], 0xee);
                assert_int_equal(a.released.key[0], 0xee);
        }
        for (size_t i = 0; i < sizeof(q.release.pcrs); i++) {
                good(SIGNER_RELEASE);
                ((uint8_t *)q.release.pcrs)[i] ^= 1;
                assert_int_equal(answer(), -EINVAL);
        }
        good(SIGNER_RELEASE);
        assert_int_equal(answer(), 0);
}

static void a_signature_by_another_key_is_refused(void **state)
{
        EVP_PKEY *other = NULL;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &other), 0);
        good(SIGNER_RELEASE);
        wish.signs = other;
        quote_again();
        assert_int_equal(answer(), -EINVAL);
        wish.signs = NULL;
        quote_again();
        assert_int_equal(answer(), 0);
        for (size_t i = 0; i < quoted.signature_len; i++) {
                q.release.signature[i] ^= 1;
                assert_int_equal(answer(), -EINVAL);
                q.release.signature[i] ^= 1;
        }
        assert_int_equal(answer(), 0);
        EVP_PKEY_free(other);
}

/* An AK of software that was never activated, or for another node. */
static void an_ak_without_a_token_for_this_node_is_refused(void **state)
{
        static const uint8_t none[SIGNER_TOKEN];
        uint8_t token[SIGNER_TOKEN];
        EVP_PKEY *other = NULL;

        (void)state;
        good(SIGNER_RELEASE);
        memcpy(q.release.token, none, sizeof(none));
        assert_int_equal(answer(), -EACCES);
        for (size_t i = 0; i < SIGNER_TOKEN; i++) {
                good(SIGNER_RELEASE);
                q.release.token[i] ^= 1;
                assert_int_equal(answer(), -EACCES);
        }
        good(SIGNER_RELEASE);
        q.head.node[0] ^= 1; /* another node's token */
        assert_int_equal(answer(), -EACCES);
        assert_int_equal(pki_key_new(PKI_P256, &other), 0);
        good(SIGNER_RELEASE);
        memcpy(token, q.release.token, sizeof(token)); /* the node's own AK's */
        wish.key = other;
        quote_again();
        memcpy(q.release.token, token, sizeof(token));
        assert_int_equal(answer(), -EACCES);
        EVP_PKEY_free(other);
        good(SIGNER_RELEASE);
        assert_int_equal(answer(), 0);
}

static void an_attestation_that_is_no_quote_of_this_selection_and_hierarchy_is_refused(void **state)
{
        static const uint8_t selects[][3] = { { 0, 0, 0 }, { 0xff, 0x7b, 0 }, { 0xff, 0xff, 0 }, { 0xff, 0xfb, 1 } };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(selects) + 5; i++) {
                good(SIGNER_RELEASE);
                if (i < ELEMENTSOF(selects))
                        wish.select = selects[i];
                else if (i == ELEMENTSOF(selects))
                        wish.hierarchy = 0x40000001; /* owner */
                else if (i == ELEMENTSOF(selects) + 1)
                        wish.hierarchy = 0x40000007; /* null */
                else if (i == ELEMENTSOF(selects) + 2)
                        wish.magic = 0xff544346;
                else if (i == ELEMENTSOF(selects) + 3)
                        wish.type = 0x8017; /* TPM_ST_ATTEST_CERTIFY */
                else
                        wish.attributes = AK_ATTRIBUTES & ~TPMA_RESTRICTED; /* it signs anything */
                quote_again();
                assert_int_equal(answer(), -EINVAL);
        }
        good(SIGNER_RELEASE);
        quote_again();
        assert_int_equal(answer(), 0);
}

static void lengths_beyond_their_fields_are_refused(void **state)
{
        static const uint32_t lens[] = { 0, 1, 129, 257, 0x7fffffff, 0xffffffff };
        uint32_t *at[3];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(lens); i++)
                for (size_t k = 0; k < ELEMENTSOF(at); k++) {
                        good(SIGNER_RELEASE);
                        at[0] = &q.release.ak_len;
                        at[1] = &q.release.quote_len;
                        at[2] = &q.release.signature_len;
                        *at[k] = lens[i];
                        assert_true(answer() < 0);
                }
        for (size_t i = 0; i < ELEMENTSOF(lens); i++) {
                good(SIGNER_CHALLENGE);
                q.challenge.ek_len = lens[i] == 257 ? 385 : lens[i];
                assert_int_equal(answer(), -EINVAL);
                good(SIGNER_CHALLENGE);
                q.challenge.ak_len = lens[i];
                assert_int_equal(answer(), -EINVAL);
        }
}

static void a_challenge_is_for_this_nodes_ek_and_an_ak_only(void **state)
{
        (void)state;
        good(SIGNER_CHALLENGE);
        assert_int_equal(answer(), 0);
        assert_int_equal(len, sizeof(a.challenged));
        assert_true(a.challenged.blob_len > 64 && a.challenged.secret_len > 64);
        for (size_t i = 0; i < DIGEST_LEN; i++) {
                good(SIGNER_CHALLENGE);
                q.head.node[i] ^= 1;
                assert_int_equal(answer(), -EINVAL);
        }
        good(SIGNER_CHALLENGE);
        q.challenge.ek[9] ^= 0x04; /* fixedTPM */
        assert_int_equal(answer(), -EINVAL);
        good(SIGNER_CHALLENGE);
        q.challenge.ak[7] ^= 0x01; /* restricted */
        assert_int_equal(answer(), -EINVAL);
}

/* The token that an activation gives is the one that a release wants. */
static void a_secret_that_came_back_gives_the_token_of_this_node_and_ak(void **state)
{
        uint8_t token[SIGNER_TOKEN];

        (void)state;
        good(SIGNER_ACTIVATE);
        assert_int_equal(answer(), 0);
        assert_int_equal(signer_token(sg.keys.token_key, node_id, quoted.name, token), 0);
        assert_memory_equal(a.activated.token, token, sizeof(token));
        good(SIGNER_RELEASE);
        memcpy(q.release.token, token, sizeof(token));
        assert_int_equal(answer(), 0);
}

static void no_token_comes_of_another_secret_node_ak_ticket_or_time(void **state)
{
        static const int64_t times[] = { -NOW, -1, 0, 61, 3600, INT64_MAX - NOW };

        (void)state;
        for (size_t i = sizeof(q.head); i < sizeof(q.activate); i++) {
                good(SIGNER_ACTIVATE);
                ((uint8_t *)&q)[i] ^= 1;
                assert_true(answer() < 0);
        }
        good(SIGNER_ACTIVATE);
        q.head.node[3] ^= 1;
        assert_int_equal(answer(), -EKEYREJECTED);
        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                good(SIGNER_ACTIVATE);
                assert_int_equal(signer_ticket(sg.keys.token_key, node_id, quoted.name, q.activate.secret, NOW + times[i], q.activate.ticket), 0);
                assert_int_equal(answer(), times[i] == 0 ? 0 : -EKEYREJECTED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_quote_by_an_ak_with_its_token_is_approved),
                cmocka_unit_test(counters_and_values_are_those_of_the_quote),
                cmocka_unit_test(a_signature_by_another_key_is_refused),
                cmocka_unit_test(an_ak_without_a_token_for_this_node_is_refused),
                cmocka_unit_test(an_attestation_that_is_no_quote_of_this_selection_and_hierarchy_is_refused),
                cmocka_unit_test(lengths_beyond_their_fields_are_refused),
                cmocka_unit_test(a_challenge_is_for_this_nodes_ek_and_an_ak_only),
                cmocka_unit_test(a_secret_that_came_back_gives_the_token_of_this_node_and_ak),
                cmocka_unit_test(no_token_comes_of_another_secret_node_ak_ticket_or_time),
        };

        return cmocka_run_group_tests_name("signer_attest", tests, setup, teardown);
}
