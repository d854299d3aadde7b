/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <json-c/json.h>

#include "events.h"
#include "present.h"

static size_t let_in(const char *newest_first)
{
        struct json_object *list = json_tokener_parse(newest_first);
        size_t n;

        assert_non_null(list);
        n = events_let_in(list);
        json_object_put(list);
        return n;
}

#define OK(resets) "{\"event\":\"ok\",\"detail\":{\"reset_count\":" #resets "}}"
#define REFUSED "{\"event\":\"refused\",\"code\":\"M-UKI\",\"detail\":{}}"

static void releases_in_one_boot_are_counted(void **state)
{
        (void)state;
        assert_int_equal(let_in("[" OK(7) "," OK(7) "," OK(7) "," OK(6) "]"), 3);
        assert_int_equal(let_in("[" OK(7) "," OK(6) "]"), 1);
}

static void releases_before_a_refusal_do_not_count(void **state)
{
        (void)state;
        assert_int_equal(let_in("[" REFUSED "," OK(7) "," OK(7) "]"), 0);
        assert_int_equal(let_in("[" OK(7) "," REFUSED "," OK(7) "]"), 1);
        assert_int_equal(let_in("[]"), 0);
}

static bool passed(const char *newest_first)
{
        struct json_object *list = json_tokener_parse(newest_first);
        struct json_object *last;
        bool p;

        assert_non_null(list);
        last = events_last_refusal(list);
        assert_non_null(last);
        p = present_passed(last, list);
        json_object_put(list);
        return p;
}

static void a_refusal_before_a_release_or_an_approval_is_over(void **state)
{
        (void)state;
        assert_true(passed("[{\"seq\":9,\"event\":\"ok\"},{\"seq\":8,\"event\":\"refused\",\"code\":\"M-UKI\"}]"));
        assert_true(passed("[{\"seq\":9,\"event\":\"assigned\"},{\"seq\":7,\"event\":\"approved\"},"
                           "{\"seq\":6,\"event\":\"refused\",\"code\":\"M-UKI\"}]"));
        assert_false(passed("[{\"seq\":9,\"event\":\"refused\",\"code\":\"M-UKI\"},{\"seq\":8,\"event\":\"ok\"}]"));
        assert_false(passed("[{\"seq\":9,\"event\":\"assigned\"},{\"seq\":8,\"event\":\"refused\",\"code\":\"M-UKI\"},"
                            "{\"seq\":7,\"event\":\"ok\"}]"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(releases_in_one_boot_are_counted),
                cmocka_unit_test(releases_before_a_refusal_do_not_count),
                cmocka_unit_test(a_refusal_before_a_release_or_an_approval_is_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
