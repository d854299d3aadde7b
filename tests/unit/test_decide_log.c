/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "corpus.h"
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

static void accepted(void)
{
        decide();
        if (d.verdict != DECIDE_OK)
                fail_msg("verdict %d, code %s", d.verdict, d.code ? d.code : "none");
}

static struct fx_event *separator(uint32_t pcr)
{
        for (size_t i = 0; i < fx.n; i++)
                if (fx.ev[i].pcr == pcr && fx.ev[i].type == EV_SEPARATOR)
                        return &fx.ev[i];
        fail_msg("no separator in PCR %u", pcr);
        return NULL;
}

/* What each PCR's own comparison says of it. */
static const char *code_of(uint32_t pcr)
{
        return pcr == 1 || pcr == 5 ? NULL : "M-FIRMWARE";
}

static void pcrs_4_and_7_hold_a_separator(void **state)
{
        (void)state;
        for (uint32_t pcr = 0; pcr < 8; pcr++) {
                bool needed = pcr == 4 || pcr == 7;

                boot_with(FX_FILE " " FX_CMDLINE);
                fixture_remove(&fx, separator(pcr));
                if (!needed && !code_of(pcr))
                        accepted();
                else
                        decide_refused(needed ? "M-EVENTLOG" : code_of(pcr));
                if (needed) {
                        assert_int_equal(d.diffs[0].what, DIFF_SEPARATOR);
                        assert_int_equal(d.diffs[0].pcr, pcr);
                }
        }
}

static void more_separators_than_the_profile_has_are_refused(void **state)
{
        (void)state;
        for (uint32_t pcr = 0; pcr < 8; pcr++) {
                boot_with(FX_FILE " " FX_CMDLINE);
                fixture_event(&fx, pcr, EV_IPL, NULL, "\0\0\0", 4); /* whatever type it claims */
                if (pcr == 4)
                        decide_refused("M-CHAIN");
                else if (code_of(pcr))
                        decide_refused(code_of(pcr));
                else
                        accepted();
        }
}

static void a_profile_learnt_of(const char *what)
{
        char why[JTAB_ERR] = "";

        fixture_build(&fx);
        if (profile_learn(fx.evidence, fx.boots, 2, &fx.ipxe, &fx.profile, why) < 0)
                fail_msg("%s: %s", what, why);
        accepted();
}

static void a_makers_own_events_with_a_separators_digest_are_learnt_and_boot(void **state)
{
        uint8_t zero[DIGEST_LEN];

        (void)state;
        fx_hash("\0\0\0", 4, zero);
        for (uint32_t pcr = 0; pcr < 8; pcr++) {
                if (pcr == 4)
                        continue;
                boot_with(FX_FILE " " FX_CMDLINE);
                fixture_event(&fx, pcr, EV_S_CRTM_CONTENTS, zero, "FIT Type 0x2D Measured S-CRTM", 29);
                a_profile_learnt_of("another event with a separator's digest");
                boot_with(FX_FILE " " FX_CMDLINE);
                if (code_of(pcr))
                        decide_refused(code_of(pcr)); /* the control: the profile does compare it */
        }
}

/* The corpus' firmware, the fixture's boot. */
static void a_real_makers_log_attests_and_boots(void **state)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        struct evlog log;

        (void)state;
        corpus_or_skip();
        b = corpus_get(corpus_top(), "cases", "log-fit-zero.bin", "");
        assert_int_equal(evlog_parse(b.p, b.len, &log, NULL, NULL), 0);
        fx.n = 0;
        for (size_t i = 1; i < log.n_events; i++)
                fixture_event(&fx, log.events[i].pcr, log.events[i].type, log.events[i].digest[evlog_bank(&log, TPM_SHA256)],
                              log.events[i].data, log.events[i].size);
        evlog_free(&log);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
        a_profile_learnt_of("log-fit-zero.bin");
}

static void an_error_separator_is_no_separator(void **state)
{
        static const uint32_t pcrs[] = { 2, 4, 7 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(pcrs); i++) {
                boot_with(FX_FILE " " FX_CMDLINE);
                fx_hash("\1\0\0", 4, separator(pcrs[i])->digest);
                decide_refused(pcrs[i] == 2 ? "M-FIRMWARE" : "M-EVENTLOG");
        }
}

static bool named_early(void)
{
        for (size_t i = 0; i < d.n_diffs; i++)
                if (d.diffs[i].what == DIFF_LOG_END)
                        return true;
        return false;
}

static void a_log_that_ends_early_is_named_as_such(void **state)
{
        size_t n = fx.n;
        size_t first;

        (void)state;
        for (first = 0; fx.ev[first].pcr != 11; first++)
                ;
        fx.knobs.drop_event = n; /* the control: one event less is not an early end */
        decide_refused("M-EVENTLOG");
        assert_false(named_early());
        for (fx.knobs.drop_event = first + 1; fx.knobs.drop_event > 3; fx.knobs.drop_event--) {
                fx.knobs.drop_rest = true;
                decide_refused("M-EVENTLOG");
                assert_true(named_early());
                assert_int_equal(d.diffs[0].event, fx.knobs.drop_event); /* the Spec ID event counts */
        }
        fx.knobs.drop_event = 2; /* nor is one that does not begin as the TPM did */
        decide_refused("M-EVENTLOG");
        assert_false(named_early());
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
                T(pcrs_4_and_7_hold_a_separator),
                T(more_separators_than_the_profile_has_are_refused),
                T(a_makers_own_events_with_a_separators_digest_are_learnt_and_boot),
                T(a_real_makers_log_attests_and_boots),
                T(a_log_that_ends_early_is_named_as_such),
                T(an_error_separator_is_no_separator),
                T(known_digests_are_those_of_their_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
