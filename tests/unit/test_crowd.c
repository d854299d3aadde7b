/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crowd.h"

static unsigned said(struct crowd *c, const unsigned *open, size_t n)
{
        unsigned times = 0;

        for (size_t i = 0; i < n; i++)
                times += crowd_left(c, open[i]);
        return times;
}

static void a_few_connections_are_no_crowd(void **state)
{
        const unsigned open[] = { 1, CROWD_MANY - 1, 3, 0, 0, 20, 0 };
        struct crowd c = { 0 };

        (void)state;
        assert_int_equal(said(&c, open, 7), 0);
}

static void a_crowd_that_leaves_at_once_is_noticed_until_its_memory_is_free(void **state)
{
        struct crowd c = { 0 };

        (void)state;
        assert_false(crowd_left(&c, CROWD_MANY));
        assert_true(crowd_left(&c, 0));
        assert_true(crowd_left(&c, 0)); /* the last may only now be freed */
        assert_false(crowd_left(&c, 0));
        assert_false(crowd_left(&c, 5));
        assert_false(crowd_left(&c, 0));
}

static void a_crowd_that_leaves_in_parts_is_noticed_to_the_last(void **state)
{
        const unsigned open[] = { 400, 150, 100 };
        struct crowd c = { 0 };

        (void)state;
        assert_int_equal(said(&c, open, 3), 0);
        assert_true(crowd_left(&c, 95));
        assert_false(crowd_left(&c, 30));
        assert_true(crowd_left(&c, 20));
        assert_true(crowd_left(&c, 0));
        assert_true(crowd_left(&c, 0));
        assert_false(crowd_left(&c, 0));
}

static void a_crowd_that_stays_is_left_alone(void **state)
{
        const unsigned open[] = { 400, 390, 300, 110, 101, 400, 100 };
        struct crowd c = { 0 };

        (void)state;
        assert_int_equal(said(&c, open, 7), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_few_connections_are_no_crowd),
                cmocka_unit_test(a_crowd_that_leaves_at_once_is_noticed_until_its_memory_is_free),
                cmocka_unit_test(a_crowd_that_leaves_in_parts_is_noticed_to_the_last),
                cmocka_unit_test(a_crowd_that_stays_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
