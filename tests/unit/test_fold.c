/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "fold.h"

static unsigned noted(struct fold *f, int64_t now, const char *source, const char *code, unsigned times)
{
        char told[FOLD_INCIDENT];
        unsigned full = 0;

        for (unsigned i = 0; i < times; i++)
                full += fold_note(f, now, source, code, "00000000000000aa", told);
        return full;
}

static void the_first_of_a_kind_are_written_in_full_the_others_counted(void **state)
{
        struct folded got[FOLD_KINDS];
        char told[FOLD_INCIDENT] = "";
        struct fold f;

        (void)state;
        fold_init(&f);
        assert_true(fold_note(&f, 1000, "10.0.0.1", "M-QUOTE", "1111111111111111", told));
        assert_int_equal(noted(&f, 1000, "10.0.0.1", "M-QUOTE", 9), FOLD_FULL - 1);
        assert_false(fold_note(&f, 1001, "10.0.0.1", "M-QUOTE", "2222222222222222", told));
        assert_string_equal(told, "1111111111111111");
        assert_int_equal(fold_take(&f, 1000 + FOLD_SECONDS - 1, false, got), 0);
        assert_int_equal(fold_take(&f, 1000 + FOLD_SECONDS, false, got), 1);
        assert_string_equal(got[0].source, "10.0.0.1");
        assert_string_equal(got[0].code, "M-QUOTE");
        assert_string_equal(got[0].incident, "1111111111111111");
        assert_int_equal(got[0].count, 11 - FOLD_FULL);
        assert_int_equal(fold_take(&f, 5000, true, got), 0);
}

static void kinds_do_not_hide_each_other(void **state)
{
        struct fold f;

        (void)state;
        fold_init(&f);
        assert_int_equal(noted(&f, 1000, "10.0.0.1", "M-QUOTE", 100), FOLD_FULL);
        assert_int_equal(noted(&f, 1000, "10.0.0.1", "M-EK", 100), FOLD_FULL);
        assert_int_equal(noted(&f, 1000, "10.0.0.2", "M-QUOTE", 100), FOLD_FULL);
}

static void a_new_minute_begins_anew(void **state)
{
        struct fold f;

        (void)state;
        fold_init(&f);
        assert_int_equal(noted(&f, 1000, "10.0.0.1", "M-QUOTE", FOLD_FULL), FOLD_FULL);
        assert_int_equal(noted(&f, 1000 + FOLD_SECONDS, "10.0.0.1", "M-QUOTE", 1), 1);
}

static void many_sources_share_the_common_limit_and_none_is_lost(void **state)
{
        struct folded got[FOLD_KINDS];
        uint64_t counted = 0;
        unsigned full = 0;
        char source[32];
        struct fold f;
        size_t n;

        (void)state;
        fold_init(&f);
        for (unsigned i = 0; i < 5000; i++) {
                (void)snprintf(source, sizeof(source), "10.0.%u.%u", i / 250, i % 250);
                full += noted(&f, 1000, source, "M-QUOTE", 1);
        }
        assert_int_equal(full, FOLD_BURST);
        n = fold_take(&f, 1000, true, got);
        assert_true(n <= FOLD_KINDS);
        for (size_t i = 0; i < n; i++)
                counted += got[i].count;
        assert_int_equal(full + counted, 5000);
}

static void in_the_long_run_a_flood_writes_few(void **state)
{
        struct folded got[FOLD_KINDS];
        uint64_t counted = 0;
        unsigned full = 0;
        unsigned entries = 0;
        char source[32];
        struct fold f;

        (void)state;
        fold_init(&f);
        for (int64_t t = 0; t < 3600; t++) {
                for (unsigned i = 0; i < 100; i++) {
                        (void)snprintf(source, sizeof(source), "10.1.%u.%u", i, (unsigned)(t % 250));
                        full += noted(&f, 1000 + t, source, i % 2 ? "M-QUOTE" : "M-EK", 1);
                }
                if (t % 10 == 9) {
                        size_t n = fold_take(&f, 1000 + t, t == 3599, got);

                        entries += (unsigned)n;
                        for (size_t i = 0; i < n; i++)
                                counted += got[i].count;
                }
        }
        assert_int_equal(full + counted, 360000);
        assert_true(full <= FOLD_BURST + 60 * FOLD_PER_MINUTE);
        assert_true(entries <= 61 * FOLD_KINDS);
}

static void more_codes_than_places_are_counted_all_the_same(void **state)
{
        struct folded got[FOLD_KINDS];
        uint64_t counted = 0;
        unsigned full = 0;
        char code[16];
        struct fold f;
        size_t n;

        (void)state;
        fold_init(&f);
        for (unsigned i = 0; i < 500; i++) {
                (void)snprintf(code, sizeof(code), "M-%u", i);
                full += noted(&f, 1000, "10.0.0.1", code, 1);
        }
        n = fold_take(&f, 1000, true, got);
        for (size_t i = 0; i < n; i++)
                counted += got[i].count;
        assert_int_equal(full + counted, 500);
}

static void a_clock_that_jumps_back_ends_the_window(void **state)
{
        struct folded got[FOLD_KINDS];
        struct fold f;

        (void)state;
        fold_init(&f);
        (void)noted(&f, 100000, "10.0.0.1", "M-QUOTE", 10);
        assert_int_equal(fold_take(&f, 50000, false, got), 1);
        assert_int_equal(noted(&f, 50000, "10.0.0.1", "M-QUOTE", 10), FOLD_FULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_of_a_kind_are_written_in_full_the_others_counted),
                cmocka_unit_test(kinds_do_not_hide_each_other),
                cmocka_unit_test(a_new_minute_begins_anew),
                cmocka_unit_test(many_sources_share_the_common_limit_and_none_is_lost),
                cmocka_unit_test(in_the_long_run_a_flood_writes_few),
                cmocka_unit_test(more_codes_than_places_are_counted_all_the_same),
                cmocka_unit_test(a_clock_that_jumps_back_ends_the_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
