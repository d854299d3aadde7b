/* SPDX-License-Identifier: Apache-2.0 */
/* How long what strangers and nodes leave in the store is kept. */
#include "corpus.h"

#include "attest.h"

#define HOUR INT64_C(3600)
#define NOW (INT64_C(1700000000))

static void a_stranger_that_has_gone_loses_its_place(void **state)
{
        (void)state;
        assert_false(pending_is_over(NOW, NOW - 23 * HOUR, EK_CHAIN_UNMATCHED, 499, 1000));
        assert_true(pending_is_over(NOW, NOW - 25 * HOUR, EK_CHAIN_UNMATCHED, 499, 1000));
        assert_true(pending_is_over(NOW, NOW - 25 * HOUR, EK_CHAIN_NONE, 1, 1000));
        assert_false(pending_is_over(NOW, NOW + HOUR, EK_CHAIN_NONE, 1, 1000)); /* the clock went back */
}

static void it_loses_it_sooner_when_half_of_the_places_are_taken(void **state)
{
        (void)state;
        assert_true(pending_is_over(NOW, NOW - 2 * HOUR, EK_CHAIN_UNMATCHED, 500, 1000));
        assert_false(pending_is_over(NOW, NOW - 60, EK_CHAIN_UNMATCHED, 1000, 1000)); /* it waits */
        assert_false(pending_is_over(NOW, NOW - 2 * HOUR, EK_CHAIN_UNMATCHED, 499, 1000));
}

static void a_node_with_a_makers_certificate_keeps_its_place(void **state)
{
        (void)state;
        assert_false(pending_is_over(NOW, NOW - 1000 * HOUR, EK_CHAIN_OK, 1000, 1000));
}

static void evidence_is_kept_anew_once_a_day(void **state)
{
        int64_t midnight = NOW - NOW % 86400;

        (void)state;
        assert_false(evidence_is_due(midnight + 10, midnight));
        assert_false(evidence_is_due(midnight + 86399, midnight));
        assert_true(evidence_is_due(midnight, midnight - 1));
        assert_true(evidence_is_due(NOW, 0));
}

static void a_stranger_has_its_evidence_kept_anew_once_in_ten_minutes(void **state)
{
        int64_t begin = NOW - NOW % 600;
        unsigned n = 0;

        (void)state;
        for (int64_t t = 60; t <= 6000; t += 60) /* it comes every minute */
                n += stranger_is_due(begin + t, begin + t - 60);
        assert_int_equal(n, 10);
        assert_true(stranger_is_due(NOW, NOW - 600));
        assert_true(stranger_is_due(NOW, NOW + 600)); /* the clock went back */
}

static void that_there_is_no_place_is_said_once_a_minute(void **state)
{
        (void)state;
        assert_true(warning_is_due(NOW, 0));
        assert_false(warning_is_due(NOW, NOW));
        assert_false(warning_is_due(NOW + 59, NOW));
        assert_true(warning_is_due(NOW + 60, NOW));
        assert_true(warning_is_due(NOW - 1, NOW)); /* the clock went back */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_stranger_that_has_gone_loses_its_place),
                cmocka_unit_test(it_loses_it_sooner_when_half_of_the_places_are_taken),
                cmocka_unit_test(a_node_with_a_makers_certificate_keeps_its_place),
                cmocka_unit_test(evidence_is_kept_anew_once_a_day),
                cmocka_unit_test(a_stranger_has_its_evidence_kept_anew_once_in_ten_minutes),
                cmocka_unit_test(that_there_is_no_place_is_said_once_a_minute),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
