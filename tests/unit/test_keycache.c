/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_decide.h"
#include "keycache.h"

#include <pthread.h>

static struct keycache *cache;
static struct quote_verifier ready; /* with some key */

static int setup_cache(void **state)
{
        static const struct quote_scheme scheme = { TPM_ALG_ECDSA, TPM_SHA256 };

        (void)setup(state);
        return quote_verifier_make(fx.ak, scheme, &ready) == QUOTE_OK ? keycache_new(&cache) : -1;
}

static int teardown_cache(void **state)
{
        keycache_free(cache);
        quote_verifier_free(&ready);
        return teardown(state);
}

/* A request of these keys, as musterd takes it apart. */
static void arrives(void)
{
        fixture_build(&fx);
        keycache_give(cache, fx.evidence);
}

/* The whole way, as musterd goes it. */
static void attest(void)
{
        arrives();
        decide_signed(fx.evidence, fx.exporter, &fx.node, &d);
        if (d.verdict == DECIDE_GO_ON)
                decide_evidence(fx.evidence, &fx.node, EK_CHAIN_OK, &d);
        if (d.verdict == DECIDE_GO_ON)
                decide_identity(fx.evidence, &fx.node, NULL, &d);
        if (d.verdict != DECIDE_GO_ON)
                return;
        keycache_keep(cache, fx.evidence);
        decide_policy(fx.evidence, &fx.refs, &d);
}

static void approve_ak(void)
{
        fixture_build(&fx);
        memcpy(fx.node.ak_name, evidence_ak_name(fx.evidence), POLICY_NAME_LEN);
}

static void new_key(EVP_PKEY **key)
{
        EVP_PKEY_free(*key);
        *key = fx_key();
}

static void a_kept_key_is_given_for_the_same_bytes(void **state)
{
        EVP_PKEY *first;

        (void)state;
        attest();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_int_equal(keycache_count(cache), 1);
        first = EVP_PKEY_CTX_get0_pkey(fx.evidence->ak_ready.ctx);
        assert_int_equal(EVP_PKEY_up_ref(first), 1); /* so that no other has its address */
        arrives();
        assert_non_null(fx.evidence->ak_ready.ctx);
        assert_ptr_equal(EVP_PKEY_CTX_get0_pkey(fx.evidence->ak_ready.ctx), first);
        assert_true(fx.evidence->has_ek_id);
        assert_memory_equal(fx.evidence->ek_id, fx.req.node, DIGEST_LEN);
        attest();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_int_equal(keycache_count(cache), 1);
        EVP_PKEY_free(first);
}

static size_t change_at;

static void change_ak(struct attest_request *r)
{
        r->ak_public.p[change_at] ^= 1;
}

static void change_ek(struct attest_request *r)
{
        r->ek_public.p[change_at] ^= 1;
}

static void a_key_of_which_any_byte_differs_is_not_given(void **state)
{
        (void)state;
        attest();
        fx.knobs.edit_request = change_ak;
        for (change_at = 0; change_at < 90; change_at++) {
                arrives();
                assert_null(fx.evidence->ak_ready.ctx);
                assert_true(fx.evidence->has_ek_id || !fx.evidence->has_ak);
        }
        fx.knobs.edit_request = change_ek;
        for (change_at = 0; change_at < 100; change_at++) {
                arrives();
                assert_null(fx.evidence->ak_ready.ctx);
                assert_false(fx.evidence->has_ek_id);
        }
}

static void another_tpm_s_ak_is_not_given_with_a_known_ek(void **state)
{
        EVP_PKEY *ak = fx.ak;

        (void)state;
        attest();
        fx.ak = fx.other; /* unknown AK, its own good signature */
        fx.other = ak;
        arrives();
        assert_true(fx.evidence->has_ek_id);
        assert_null(fx.evidence->ak_ready.ctx);
        attest();
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
        assert_false(d.genuine);
        assert_int_equal(keycache_count(cache), 1);
}

static void a_kept_key_judges_signatures_as_a_new_one_does(void **state)
{
        (void)state;
        attest();
        fx.knobs.other_key = true;
        attest();
        assert_non_null(fx.evidence->ak_ready.ctx);
        refused("M-SIGNATURE");
        fx.knobs.other_key = false;
        fx.knobs.other_node = true;
        attest();
        refused("M-EK");
}

static void an_ak_that_is_off_its_curve_is_not_kept(void **state)
{
        (void)state;
        fx.knobs.edit_request = change_ak;
        change_at = 89; /* the last byte of Y */
        attest();
        refused("M-AK");
        assert_null(fx.evidence->ak_ready.ctx);
        keycache_keep(cache, fx.evidence); /* not even when asked to */
        assert_int_equal(keycache_count(cache), 0);
}

static void an_ak_of_other_attributes_is_not_kept(void **state)
{
        (void)state;
        fx.knobs.ak_attributes = 0x00040472; /* not restricted */
        attest();
        refused("M-AK");
        keycache_keep(cache, fx.evidence);
        assert_int_equal(keycache_count(cache), 0);
}

static void an_ak_of_other_attributes_is_refused_beside_a_kept_one(void **state)
{
        (void)state;
        attest();
        fx.knobs.ak_attributes = 0x00040472;
        attest();
        refused("M-AK");
}

static void strangers_are_not_kept(void **state)
{
        (void)state;
        fx.node.has_ak = false;
        attest();
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
        assert_int_equal(keycache_count(cache), 0);
        fx.node.has_ak = true;
        fx.node.rec = NODE_REC_PENDING;
        attest();
        assert_int_equal(d.verdict, DECIDE_PENDING);
        assert_int_equal(keycache_count(cache), 0);
}

static void a_record_that_changed_counts_beside_a_kept_key(void **state)
{
        static const struct {
                enum node_rec rec;
                const char *code;
        } changes[] = { { NODE_REC_REVOKED, "M-REVOKED" },
                        { NODE_REC_QUARANTINED, "M-QUARANTINED" },
                        { NODE_REC_REMOVED, "M-UNKNOWN" } };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                fx.node.rec = NODE_REC_APPROVED;
                attest();
                assert_int_equal(d.verdict, DECIDE_OK);
                fx.node.rec = changes[i].rec;
                attest();
                refused(changes[i].code);
        }
        fx.node.rec = NODE_REC_PENDING;
        attest();
        assert_int_equal(d.verdict, DECIDE_PENDING);
}

static void a_node_has_one_entry(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++) {
                new_key(&fx.ak);
                approve_ak();
                attest();
                assert_int_equal(d.verdict, DECIDE_OK);
                assert_int_equal(keycache_count(cache), 1);
        }
        arrives();
        assert_non_null(fx.evidence->ak_ready.ctx);
}

/* Evidence of made-up digests, to fill the table without as many keys. */
static void keep_made_up(uint8_t set, uint32_t nth)
{
        struct evidence ev = { .has_ek = true, .has_ak = true, .has_ek_id = true, .ak_ready = ready };

        ev.ek_digest[1] = set;
        memcpy(ev.ek_digest + 4, &nth, sizeof(nth));
        memcpy(ev.ak_name + 4, &nth, sizeof(nth));
        keycache_keep(cache, &ev);
}

static bool is_kept(uint8_t set, uint32_t nth)
{
        struct evidence ev = { .has_ek = true, .has_ak = true };
        bool kept;

        ev.ek_digest[1] = set;
        memcpy(ev.ek_digest + 4, &nth, sizeof(nth));
        memcpy(ev.ak_name + 4, &nth, sizeof(nth));
        keycache_give(cache, &ev);
        kept = ev.has_ek_id;
        assert_int_equal(kept, ev.ak_ready.ctx != NULL);
        quote_verifier_free(&ev.ak_ready);
        return kept;
}

static void the_least_recently_used_goes_first(void **state)
{
        (void)state;
        for (uint32_t i = 0; i < KEYCACHE_WAYS; i++)
                keep_made_up(3, i);
        assert_int_equal(keycache_count(cache), KEYCACHE_WAYS);
        assert_true(is_kept(3, 0)); /* used: 1 is now the oldest */
        keep_made_up(3, KEYCACHE_WAYS);
        assert_int_equal(keycache_count(cache), KEYCACHE_WAYS);
        assert_false(is_kept(3, 1));
        for (uint32_t i = 0; i <= KEYCACHE_WAYS; i++)
                assert_int_equal(is_kept(3, i), i != 1);
}

static void the_table_does_not_grow(void **state)
{
        (void)state;
        for (uint32_t i = 0; i < 20 * 256; i++)
                keep_made_up((uint8_t)i, i);
        assert_int_equal(keycache_count(cache), 256 * KEYCACHE_WAYS);
        assert_true(keycache_count(cache) <= KEYCACHE_MAX);
        assert_true(is_kept(255, 20 * 256 - 1));
        assert_false(is_kept(0, 0));
}

static void *crowd(void *arg)
{
        for (uint32_t i = 0; i < 3000; i++) {
                keep_made_up((uint8_t)(i % 3), i % 40);
                (void)is_kept((uint8_t)(i % 3), (i + 7) % 40);
        }
        return arg;
}

static void threads_share_it(void **state)
{
        pthread_t t[4];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                assert_int_equal(pthread_create(&t[i], NULL, crowd, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_true(keycache_count(cache) <= 3 * KEYCACHE_WAYS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup_cache, teardown_cache)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_kept_key_is_given_for_the_same_bytes),
                CASE(a_key_of_which_any_byte_differs_is_not_given),
                CASE(another_tpm_s_ak_is_not_given_with_a_known_ek),
                CASE(a_kept_key_judges_signatures_as_a_new_one_does),
                CASE(an_ak_that_is_off_its_curve_is_not_kept),
                CASE(an_ak_of_other_attributes_is_not_kept),
                CASE(an_ak_of_other_attributes_is_refused_beside_a_kept_one),
                CASE(strangers_are_not_kept),
                CASE(a_record_that_changed_counts_beside_a_kept_key),
                CASE(a_node_has_one_entry),
                CASE(the_least_recently_used_goes_first),
                CASE(the_table_does_not_grow),
                CASE(threads_share_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
