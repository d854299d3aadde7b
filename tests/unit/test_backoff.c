/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "backoff.h"
#include "mem.h"

#define BUSY 5000
#define REFUSED 30000
#define LONGEST 3600000 /* that wire_verdict.c lets through */

/* The shortest wait that there may be now, and the end of the longest. */
static void told(struct backoff *b, int64_t ms, int64_t from, int64_t to)
{
        struct backoff other = *b;

        assert_int_equal(backoff_next(&other, ms, 0), from);
        assert_int_equal(backoff_next(b, ms, UINT32_MAX), to - 1);
}

static void a_busy_parent_is_asked_no_sooner_than_it_said(void **state)
{
        static const int64_t said[] = { 1000, 2000, BUSY, REFUSED, 59000, 60000, 61000, LONGEST };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(said); i++) {
                struct backoff b = { 0 };

                for (int k = 0; k < 100; k++) {
                        struct backoff other = b;

                        assert_true(backoff_next(&other, said[i], 0) >= said[i]);
                        assert_true(backoff_next(&b, said[i], (uint32_t)k * 42949672u) >= said[i]);
                }
        }
}

static void while_it_is_busy_the_wait_grows_by_half_and_no_more(void **state)
{
        struct backoff b = { 0 };

        (void)state;
        told(&b, BUSY, 5000, 10000);
        told(&b, BUSY, 6250, 11250);
        for (int i = 0; i < 1000; i++)
                told(&b, BUSY, 7500, 12500);
}

static void no_wait_is_much_longer_than_a_minute_or_what_was_said(void **state)
{
        struct backoff b = { 0 };

        (void)state;
        for (int i = 0; i < 5; i++) {
                told(&b, REFUSED, 30000, 60000);
                told(&b, 40000, 40000, 70000);
                told(&b, LONGEST, LONGEST, LONGEST + BACKOFF_SPREAD_MS);
        }
        told(&b, 28000, 32000, 60000); /* of 14 s that would be added there is room for 4 */
}

/* Those that were turned away in one moment: in each tenth of the time about a tenth of them. */
static void those_turned_away_together_come_back_spread_out(void **state)
{
        enum { N = 10000, PARTS = 10 };
        unsigned part[PARTS] = { 0 };

        (void)state;
        for (uint32_t i = 0; i < N; i++) {
                struct backoff b = { 0 };
                int64_t ms = backoff_next(&b, BUSY, i * 2654435761u);

                assert_true(ms >= BUSY && ms < 2 * BUSY);
                part[(ms - BUSY) * PARTS / BUSY]++;
        }
        for (size_t i = 0; i < PARTS; i++)
                assert_in_range(part[i], N / PARTS - N / 100, N / PARTS + N / 100);
}

static void without_an_answer_it_doubles_up_to_a_minute(void **state)
{
        static const int64_t most[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000 };
        struct backoff b = { 0 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(most); i++) {
                struct backoff other = b;

                assert_int_equal(backoff_next(&other, 0, 0), most[i]);
                assert_in_range(backoff_next(&b, 0, UINT32_MAX), most[i] / 2, most[i] / 2 + 1);
        }
}

/* One that cuts off most and answers some is not asked each second. */
static void an_answer_does_not_set_back_what_silence_made(void **state)
{
        struct backoff b = { 0 };

        (void)state;
        for (int64_t most = 1000; most <= 32000; most *= 2) {
                assert_int_equal(backoff_next(&b, 0, 0), most);
                assert_true(backoff_next(&b, BUSY, 0) >= BUSY);
        }
        assert_int_equal(backoff_next(&b, 0, 0), BACKOFF_MAX_MS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_busy_parent_is_asked_no_sooner_than_it_said),
                cmocka_unit_test(while_it_is_busy_the_wait_grows_by_half_and_no_more),
                cmocka_unit_test(no_wait_is_much_longer_than_a_minute_or_what_was_said),
                cmocka_unit_test(those_turned_away_together_come_back_spread_out),
                cmocka_unit_test(without_an_answer_it_doubles_up_to_a_minute),
                cmocka_unit_test(an_answer_does_not_set_back_what_silence_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
