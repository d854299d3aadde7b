/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_decide.h"

static void each_event_removed_from_the_log_is_noticed(void **state)
{
        (void)state;
        for (size_t i = 1; i <= fx.n; i++) {
                fx.knobs.drop_event = i;
                decide_refused("M-EVENTLOG");
        }
}

static void a_log_cut_short_is_refused(void **state)
{
        (void)state;
        fx.knobs.cut_log = true;
        decide_refused("M-EVENTLOG");
}

static void an_extension_outside_the_log_is_refused(void **state)
{
        (void)state;
        fixture_event(&fx, 11, EV_IPL, NULL, "enter-initrd", 12);
        fx.knobs.drop_event = fx.n;
        decide_refused("M-EVENTLOG");
        assert_int_equal(d.diffs[0].what, DIFF_PCR);
        assert_int_equal(d.diffs[0].pcr, 11);
}

static void each_of_pcrs_0_to_7_has_one_separator(void **state)
{
        (void)state;
        for (uint32_t pcr = 0; pcr < 8; pcr++) {
                boot_with(FX_FILE " " FX_CMDLINE);
                fixture_event(&fx, pcr, EV_IPL, NULL, "\0\0\0", 4); /* whatever type it claims */
                decide_refused("M-EVENTLOG");
                assert_int_equal(d.diffs[0].what, DIFF_SEPARATOR);
                assert_int_equal(d.diffs[0].pcr, pcr);
                assert_int_equal(d.diffs[0].count, 2);

                boot_with(FX_FILE " " FX_CMDLINE);
                for (size_t i = 0; i < fx.n; i++)
                        if (fx.ev[i].pcr == pcr && fx.ev[i].type == EV_SEPARATOR)
                                fixture_remove(&fx, &fx.ev[i]);
                decide_refused("M-EVENTLOG");
                assert_int_equal(d.diffs[0].count, 0);
        }
}

static void an_error_separator_is_no_separator(void **state)
{
        (void)state;
        for (size_t i = 0; i < fx.n; i++)
                if (fx.ev[i].pcr == 2 && fx.ev[i].type == EV_SEPARATOR)
                        fx_hash("\1\0\0", 4, fx.ev[i].digest);
        decide_refused("M-EVENTLOG");
}

static void known_digests_are_those_of_their_texts(void **state)
{
        static const char *const actions[] = {"Calling EFI Application from Boot Option",
                                              "Returning from EFI Application from Boot Option"};
        uint8_t h[DIGEST_LEN];

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                fx_hash(actions[i], strlen(actions[i]), h);
                assert_memory_equal(h, action_digests[i], DIGEST_LEN);
                fx_hash(i ? "\xff\xff\xff\xff" : "\0\0\0", 4, h);
                assert_memory_equal(h, separator_digests[i], DIGEST_LEN);
        }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(each_event_removed_from_the_log_is_noticed),
                T(a_log_cut_short_is_refused),
                T(an_extension_outside_the_log_is_refused),
                T(each_of_pcrs_0_to_7_has_one_separator),
                T(an_error_separator_is_no_separator),
                T(known_digests_are_those_of_their_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
