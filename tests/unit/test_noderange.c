/* SPDX-License-Identifier: Apache-2.0 */
#include "noderange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(const char *text, const char *const *names, size_t n)
{
        _cleanup_(noderange_wipe) struct noderange r = { 0 };
        const char *why = NULL;

        assert_int_equal(noderange_parse(text, &r, &why), 0);
        assert_int_equal(r.n, n);
        for (size_t i = 0; i < n; i++)
                assert_string_equal(r.name[i], names[i]);
}

#define EXPECT(text, ...) \
        do { \
                static const char *const want_[] = { __VA_ARGS__ }; \
                expect(text, want_, ELEMENTSOF(want_)); \
        } while (0)

static void expect_refused(const char *text, int want, const char *piece)
{
        struct noderange r = { 0 };
        const char *why = NULL;

        assert_int_equal(noderange_parse(text, &r, &why), want);
        assert_non_null(why);
        assert_non_null(strstr(why, piece));
        assert_null(r.name);
}

static void plain_names_and_ids_stay_as_they_are(void **state)
{
        (void)state;
        EXPECT("r1n001", "r1n001");
        EXPECT("login-1,r1n2", "login-1", "r1n2");
        EXPECT("00aabbcc", "00aabbcc");
        EXPECT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

static void leading_zeros_fix_the_width(void **state)
{
        (void)state;
        EXPECT("n[08-11]", "n08", "n09", "n10", "n11");
        EXPECT("n[8-11]", "n8", "n9", "n10", "n11");
        EXPECT("n[0-2]", "n0", "n1", "n2");
        EXPECT("n[001]", "n001");
}

static void lists_multiply_with_the_last_fastest(void **state)
{
        (void)state;
        EXPECT("r[1-2]n[01-02,15]", "r1n01", "r1n02", "r1n15", "r2n01", "r2n02", "r2n15");
        EXPECT("r[1-2]n[01,02]-x,login1", "r1n01-x", "r1n02-x", "r2n01-x", "r2n02-x", "login1");
        EXPECT("[1-2][1-2]", "11", "12", "21", "22");
}

static void what_stands_behind_an_exclamation_mark_is_taken_away(void **state)
{
        (void)state;
        EXPECT("n[1-5]!n3", "n1", "n2", "n4", "n5");
        EXPECT("n[1-9]!n[2-8]", "n1", "n9");
        EXPECT("n[1-3]!n2,n2", "n1", "n3", "n2"); /* from the left to the right */
        EXPECT("n1,n1,n2!n1", "n2");
        EXPECT("n[1-4]!n[1-2],x!x", "n3", "n4");
        EXPECT("n[1-9]&n[3-4,7]", "n3", "n4", "n7");
        EXPECT("n1!n7", "n1");
        expect_refused("n1!n1", -EINVAL, "no node");
        expect_refused("n1&n2", -EINVAL, "no node");
        expect_refused("!n1", -EINVAL, "empty");
        expect_refused("n1!", -EINVAL, "empty");
        expect_refused("n[1-9],-n3", -EINVAL, "'!'");
        expect_refused("n1!n[5-3]", -EINVAL, "down");
}

static void a_range_counts_in_steps(void **state)
{
        (void)state;
        EXPECT("n[1-9/2]", "n1", "n3", "n5", "n7", "n9");
        EXPECT("n[01-10/4]", "n01", "n05", "n09");
        EXPECT("n[0-4/2,9]!n2", "n0", "n4", "n9");
        EXPECT("n[1-2/5]", "n1");
        expect_refused("n[1-9/0]", -EINVAL, "step of 0");
        expect_refused("n[1-9/]", -EINVAL, "missing");
        expect_refused("n[1/2]", -EINVAL, "no number");
        expect_refused("n[0-999999999/9]", -E2BIG, "100,000");
        expect_refused("@rack1", -EINVAL, "group");
}

static void a_repeated_name_is_kept_once_at_its_first_place(void **state)
{
        (void)state;
        EXPECT("n3,n[1-4],n3", "n3", "n1", "n2", "n4");
}

static void malformed_ranges_are_refused_with_a_reason(void **state)
{
        (void)state;
        expect_refused("", -EINVAL, "empty");
        expect_refused("a,", -EINVAL, "empty");
        expect_refused(",a", -EINVAL, "empty");
        expect_refused("a,,b", -EINVAL, "empty");
        expect_refused("n[1-2", -EINVAL, "without");
        expect_refused("n[]", -EINVAL, "missing");
        expect_refused("n[1-]", -EINVAL, "missing");
        expect_refused("n[-1]", -EINVAL, "missing");
        expect_refused("n[1,]", -EINVAL, "missing");
        expect_refused("n[1-2-3]", -EINVAL, "no number");
        expect_refused("n[a-b]", -EINVAL, "missing");
        expect_refused("n[[1]]", -EINVAL, "missing");
        expect_refused("n]1", -EINVAL, "character");
        expect_refused("n[5-3]", -EINVAL, "down");
        expect_refused("n[01-100]", -EINVAL, "width");
        expect_refused("n[1-05]", -EINVAL, "width");
        expect_refused("n[1234567890]", -EINVAL, "nine");
        expect_refused("R1n1", -EINVAL, "character");
        expect_refused("../x", -EINVAL, "character");
        expect_refused("a b", -EINVAL, "character");
        expect_refused("a\x80", -EINVAL, "character");
}

static void names_over_64_characters_are_refused(void **state)
{
        char text[80];

        (void)state;
        memset(text, 'a', sizeof(text));
        text[64] = '\0';
        expect(text, (const char *const[]){ text }, 1);
        text[64] = 'a';
        text[65] = '\0';
        expect_refused(text, -EINVAL, "64");
        strcpy(text + 62, "[100]");
        expect_refused(text, -EINVAL, "64");
        memset(text, 'a', 62);
        strcpy(text + 62, "[10]b");
        expect_refused(text, -EINVAL, "64");
}

static void a_hundred_thousand_names_fit_and_no_more(void **state)
{
        _cleanup_(noderange_wipe) struct noderange r = { 0 };
        const char *why = NULL;

        (void)state;
        assert_int_equal(noderange_parse("n[000000-099999]", &r, &why), 0);
        assert_int_equal(r.n, NODERANGE_MAX);
        assert_string_equal(r.name[99999], "n099999");
        expect_refused("n[0-100000]", -E2BIG, "100,000");
        expect_refused("n[1-999]x[1-999]", -E2BIG, "100,000");
        expect_refused("n[0-999999999]", -E2BIG, "100,000");
        expect_refused("n[1-99999],m[1-2]", -E2BIG, "100,000");
}

static void membership_and_single_names(void **state)
{
        _cleanup_(noderange_wipe) struct noderange r = { 0 };
        const char *why = NULL;

        (void)state;
        assert_int_equal(noderange_parse("n[1-3]", &r, &why), 0);
        assert_true(noderange_has(&r, "n2"));
        assert_false(noderange_has(&r, "n4"));
        assert_true(noderange_is_single("n1"));
        assert_false(noderange_is_single("n[1]"));
        assert_false(noderange_is_single("n1!n2"));
        assert_false(noderange_is_single("n1,n2"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plain_names_and_ids_stay_as_they_are),
                cmocka_unit_test(leading_zeros_fix_the_width),
                cmocka_unit_test(lists_multiply_with_the_last_fastest),
                cmocka_unit_test(a_repeated_name_is_kept_once_at_its_first_place),
                cmocka_unit_test(what_stands_behind_an_exclamation_mark_is_taken_away),
                cmocka_unit_test(a_range_counts_in_steps),
                cmocka_unit_test(malformed_ranges_are_refused_with_a_reason),
                cmocka_unit_test(names_over_64_characters_are_refused),
                cmocka_unit_test(a_hundred_thousand_names_fit_and_no_more),
                cmocka_unit_test(membership_and_single_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
