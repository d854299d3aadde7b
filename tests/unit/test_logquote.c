/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "logquote.h"

static void a_value_cannot_leave_its_quotes(void **state)
{
        char out[200];

        (void)state;
        assert_string_equal(log_quote("S1", out, sizeof(out)), "\"S1\"");
        assert_string_equal(log_quote("x\" node=r1 ok: boot=\"r9", out, sizeof(out)), "\"x\\\" node=r1 ok: boot=\\\"r9\"");
        assert_string_equal(log_quote("x\\", out, sizeof(out)), "\"x\\\\\"");
        assert_string_equal(log_quote("a\n<3>musterd: \033[31mb", out, sizeof(out)), "\"a\\x0a<3>musterd: \\x1b[31mb\"");
        assert_string_equal(log_quote("\\x0a", out, sizeof(out)), "\"\\\\x0a\"");
        assert_string_equal(log_quote("", out, sizeof(out)), "\"\"");
}

static void a_long_value_is_cut_with_its_quote(void **state)
{
        char text[] = "\"\"\"\"\"\"\"\"\n\n\nabcdef";
        char out[64];

        (void)state;
        for (size_t n = 3; n < sizeof(out); n++) {
                size_t quotes = 0;

                memset(out, 'X', sizeof(out));
                log_quote(text, out, n);
                assert_true(strlen(out) < n);
                assert_int_equal(out[0], '"');
                assert_int_equal(out[strlen(out) - 1], '"');
                for (size_t i = 1; out[i]; i++) {
                        if (out[i] == '\\')
                                i++;
                        else
                                quotes += out[i] == '"';
                }
                assert_int_equal(quotes, 1); /* the last */
        }
}

static void a_plain_value_needs_no_quotes(void **state)
{
        char out[32];

        (void)state;
        assert_string_equal(log_value("10.0.0.1", out, sizeof(out)), "10.0.0.1");
        assert_string_equal(log_value("a b", out, sizeof(out)), "\"a b\"");
        assert_string_equal(log_value("a=b", out, sizeof(out)), "\"a=b\"");
        assert_string_equal(log_value("", out, sizeof(out)), "\"\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_value_cannot_leave_its_quotes),
                cmocka_unit_test(a_long_value_is_cut_with_its_quote),
                cmocka_unit_test(a_plain_value_needs_no_quotes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
