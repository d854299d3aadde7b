/* SPDX-License-Identifier: Apache-2.0 */
/* While a key is replaced the signing process has two of them. */
#include "fixture_signer.h"

static int with_previous(void **state)
{
        int r = setup(state);

        if (r < 0 || pki_key_new(PKI_P256, &sg.keys.policy_previous) < 0)
                return -1;
        sg.keys.store_previous = OPENSSL_secure_zalloc(STORE_KEY_LEN);
        if (!sg.keys.store_previous)
                return -1;
        memset(sg.keys.store_previous, 0x77, STORE_KEY_LEN);
        OPENSSL_secure_clear_free(sg.keys.token_key, SIGNER_TOKEN);
        return signer_keys_derive(&sg.keys);
}

static const uint8_t zeros[64];
static const struct image_ref base = { "base-1.0", zeros, zeros };

/* As image keys were wrapped before the store key was replaced. */
static void wrap_by_previous(const char *name, uint8_t ret[WRAPPED_LEN])
{
        assert_int_equal(image_key_wrap(sg.keys.store_previous, &(struct image_ref){ name, zeros, zeros }, image_key, ret), 0);
}

static void a_key_that_the_previous_store_key_wrapped_is_wrapped_anew(void **state)
{
        uint8_t key[32];

        (void)state;
        memset(&q, 0, sizeof(q));
        q.head.op = SIGNER_REWRAP;
        memcpy(q.rewrap.name, "base-1.0", 8);
        wrap_by_previous("base-1.0", q.rewrap.wrapped);
        assert_int_equal(image_key_unwrap(sg.keys.store_key, &base, q.rewrap.wrapped, key), -EKEYREJECTED);
        assert_int_equal(answer(), 0);
        assert_int_equal(image_key_unwrap(sg.keys.store_key, &base, a.wrapped.wrapped, key), 0);
        assert_memory_equal(key, image_key, sizeof(key));
        assert_int_equal(image_key_unwrap(sg.keys.store_previous, &base, a.wrapped.wrapped, key), -EKEYREJECTED);
}

static void a_key_of_neither_store_key_is_not_wrapped_anew(void **state)
{
        (void)state;
        memset(&q, 0, sizeof(q));
        q.head.op = SIGNER_REWRAP;
        memcpy(q.rewrap.name, "base-1.0", 8);
        wrap_by_previous("base-1.0", q.rewrap.wrapped);
        q.rewrap.wrapped[20] ^= 1;
        assert_int_equal(answer(), -EKEYREJECTED);
        wrap_by_previous("another", q.rewrap.wrapped);
        assert_int_equal(answer(), -EKEYREJECTED);
}

static void a_release_opens_what_the_previous_store_key_wrapped_while_it_is_there(void **state)
{
        uint8_t *previous = sg.keys.store_previous;

        (void)state;
        good(SIGNER_RELEASE);
        wrap_by_previous("base-1.0", q.release.wrapped);
        assert_int_equal(answer(), 0);
        assert_memory_equal(a.released.key, image_key, sizeof(image_key));
        sg.keys.store_previous = NULL;
        assert_int_equal(answer(), -EKEYREJECTED);
        sg.keys.store_previous = previous;
}

/* Nobody's TPM is asked anew because the store key is replaced. */
static void a_token_of_the_previous_store_key_holds_while_it_is_there_and_is_replaced(void **state)
{
        uint8_t *previous = sg.keys.token_previous;
        uint8_t by_current[SIGNER_TOKEN];

        (void)state;
        good(SIGNER_RELEASE);
        memcpy(by_current, q.release.token, sizeof(by_current));
        assert_int_equal(signer_token(previous, node_id, quoted.name, q.release.token), 0);
        assert_memory_not_equal(by_current, q.release.token, sizeof(by_current));
        assert_int_equal(answer(), 0);
        assert_memory_equal(a.released.token, by_current, sizeof(by_current));
        sg.keys.token_previous = NULL;
        assert_int_equal(answer(), -EACCES);
        sg.keys.token_previous = previous;
}

static void the_previous_policy_key_approves_when_it_is_asked_for_and_there(void **state)
{
        EVP_PKEY *previous = sg.keys.policy_previous;
        uint8_t by_current[POLICY_APPROVAL_LEN];

        (void)state;
        good(SIGNER_RELEASE);
        assert_int_equal(answer(), 0);
        memcpy(by_current, a.released.nv, sizeof(by_current));
        q.release.purposes |= SIGNER_PREVIOUS;
        assert_int_equal(answer(), 0);
        assert_memory_not_equal(by_current, a.released.nv, sizeof(by_current));
        sg.keys.policy_previous = NULL;
        assert_int_equal(answer(), -EINVAL);
        sg.keys.policy_previous = previous;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_that_the_previous_store_key_wrapped_is_wrapped_anew),
                cmocka_unit_test(a_key_of_neither_store_key_is_not_wrapped_anew),
                cmocka_unit_test(a_release_opens_what_the_previous_store_key_wrapped_while_it_is_there),
                cmocka_unit_test(a_token_of_the_previous_store_key_holds_while_it_is_there_and_is_replaced),
                cmocka_unit_test(the_previous_policy_key_approves_when_it_is_asked_for_and_there),
        };

        return cmocka_run_group_tests(tests, with_previous, teardown);
}
