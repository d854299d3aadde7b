/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "ini.h"

static int collect(void *ctx, const char *section, const char *key, const char *value, const char **why)
{
        char *out = ctx;

        if (strcmp(key, "bad") == 0) {
                *why = "bad key";
                return -EINVAL;
        }
        (void)snprintf(out + strlen(out), 256 - strlen(out), "%s.%s=%s;", section, key, value);
        return 0;
}

static int parse(const char *text, char *out, unsigned *line, const char **why)
{
        out[0] = '\0';
        return ini_parse(text, strlen(text), collect, out, line, why);
}

static void ini_pairs_reach_the_callback(void **state)
{
        char out[256];
        unsigned line;
        const char *why;

        (void)state;
        assert_int_equal(parse("# c\n[a]\nx = 1 \r\n\n[b]\n x=2=3", out, &line, &why), 0);
        assert_string_equal(out, "a.x=1;b.x=2=3;");
}

static void ini_malformed_lines_are_refused_with_their_number(void **state)
{
        static const struct {
                const char *text;
                int r;
                unsigned line;
        } cases[] = {
                { "x=1\n", -EBADMSG, 1 },           { "[a]\nx\n", -EBADMSG, 2 },
                { "[a]\nx=1\nx=2\n", -EBADMSG, 3 },  { "[a]\n[a]\n", -EBADMSG, 2 },
                { "[a\n", -EBADMSG, 1 },            { "[a]\nX=1\n", -EBADMSG, 2 },
                { "[a]\nx=\x01\n", -EBADMSG, 2 },    { "[a]\nbad=1\n", -EINVAL, 2 },
        };
        char out[256];
        unsigned line;
        const char *why;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(parse(cases[i].text, out, &line, &why), cases[i].r);
                assert_int_equal(line, cases[i].line);
                assert_true(strlen(why) > 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ini_pairs_reach_the_callback),
                cmocka_unit_test(ini_malformed_lines_are_refused_with_their_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
