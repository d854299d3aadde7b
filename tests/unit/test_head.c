/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "head.h"

#define GOOD "GET /boot/one%20two HTTP/1.1\r\nHost: x\r\nX:\r\nRange: \t bytes=0-1 \r\n\r\n"

/* Takes a head apart as libmicrohttpd 0.9.75 does: in its place, a line ends
 * with LF, and with the CR before it if there is one. */
static const char *judge(const char *octets, size_t n, bool places)
{
        static char room[512];
        struct head h;
        char *line = room;
        char *end;
        char *target;
        size_t len;

        assert_true(n < sizeof(room));
        memcpy(room, octets, n);
        room[n] = '\0';
        for (char *p = room; p < room + n; p++)
                if (*p == '\n' || (*p == '\r' && p[1] == '\n'))
                        *p = '\0';
        end = room + n;
        target = strchr(line, ' ') + 1;
        target[-1] = '\0';
        line = strchr(target, ' ') + 1;
        line[-1] = '\0';
        len = strlen(target);
        head_begin(&h, places, room, target, len, line);
        for (line += strlen(line); line < end; line += strlen(line)) {
                char *value;

                for (; line < end && *line == '\0'; line++)
                        ;
                if (line == end)
                        break;
                value = strchr(line, ':');
                assert_non_null(value);
                *value++ = '\0';
                value += strspn(value, " \t");
                head_field(&h, line, strlen(line), value, strlen(value));
                line = value;
        }
        return head_end(&h, n);
}

static const char *of(const char *text)
{
        return judge(text, strlen(text), true);
}

static void a_head_as_it_should_be_passes(void **state)
{
        (void)state;
        assert_null(of(GOOD));
        assert_null(of("GET / HTTP/1.1\r\n\r\n"));
        assert_null(of("GET / HTTP/1.1\r\nA:b\r\n\r\n"));
        assert_null(judge(GOOD, sizeof(GOOD) - 1, false));
}

static void a_line_that_was_cut_is_noticed(void **state)
{
        static const char last[] = "GET / HTTP/1.1\r\nHost: x\0y: z\r\n\r\n";
        static const char no_room[] = "GET / HTTP/1.1\r\nHost: x\0\r\n\r\n";

        (void)state;
        /* what is behind a NUL is skipped by the one who hands the strings on */
        for (size_t gap = 0; gap < 3; gap++) {
                static const char text[] = "GET\0/\0HTTP/1.1\0\0A\0\0b\0\0\0\0\0";
                struct head h;

                head_begin(&h, true, text, text + 4, 1, text + 6);
                head_field(&h, text + 16, 1, text + 19, 1);
                assert_int_equal(head_end(&h, 22 + gap) == NULL, gap == 2);
        }
        assert_non_null(judge(last, sizeof(last) - 1, true));
        assert_non_null(judge(no_room, sizeof(no_room) - 1, true));
}

static void a_string_that_is_elsewhere_is_noticed(void **state)
{
        static char text[] = "GET\0/\0HTTP/1.1\0\0Host\0 x\0\0\0\0";
        static char moved[] = "Host";
        struct head h;

        (void)state;
        head_begin(&h, true, text, text + 4, 1, text + 6);
        head_field(&h, text + 16, 4, text + 22, 1);
        assert_null(head_end(&h, 27));
        head_begin(&h, true, text, text + 4, 1, text + 6);
        head_field(&h, moved, 4, text + 22, 1); /* as one that was folded is */
        assert_non_null(head_end(&h, 27));
        head_begin(&h, true, text, text + 4, 2, text + 6);
        head_field(&h, text + 16, 4, text + 22, 1);
        assert_non_null(head_end(&h, 27)); /* the target had a NUL */
        head_begin(&h, false, text, moved, 2, text + 6);
        head_field(&h, moved, 4, text + 22, 1);
        assert_null(head_end(&h, 0)); /* where the library sees to it */
}

static void lines_end_with_cr_lf(void **state)
{
        (void)state;
        assert_non_null(of("GET / HTTP/1.1\nHost: x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHost: x\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHost: x\r\n\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n"));
}

static void a_name_is_a_token(void **state)
{
        (void)state;
        assert_null(of("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHost : x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHost\t: x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\n Host: x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\n: x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nH\xc3\xb6st: x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHo(st): x\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nHo\rst: x\r\n\r\n"));
}

static void a_value_has_no_control_character_but_a_tab(void **state)
{
        char text[] = "GET / HTTP/1.1\r\nA: b?c\r\n\r\n";
        char *at = strchr(text, '?');

        (void)state;
        for (int c = 1; c < 256; c++) {
                *at = (char)c;
                if (c == '\n')
                        continue;
                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        assert_non_null(of(text));
                else
                        assert_null(of(text));
        }
}

static void what_says_where_a_request_ends_is_there_once(void **state)
{
        static const char *const once[] = { "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Range" };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(once); i++) {
                char text[200];

                (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s: 1\r\n\r\n", once[i]);
                assert_null(of(text));
                (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s: 1\r\nX: y\r\n%s: 1\r\n\r\n", once[i], once[i]);
                assert_non_null(of(text));
        }
        assert_non_null(of("GET / HTTP/1.1\r\nHOST: 1\r\nhost: 1\r\n\r\n"));
        assert_null(of("GET / HTTP/1.1\r\nX: 1\r\nX: 1\r\nHost: 1\r\nHosts: 1\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert_non_null(of("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"));
}

static void escapes_stand_for_what_a_reader_sees(void **state)
{
        static const char *const good[] = { "/", "/ipxe?mac=aa-bb&uuid=&serial=A%20B%c3%a9+%2f", "/boot/%6fne.efi",
                                            "/a%25b", "/?%25%32%35", "/a%c0%af", "*" };
        static const char *const bad[] = { "/boot/x%00", "/%00", "/x?a=%00", "/x?%00", "/boot/..%2fx", "/boot%2Fx",
                                           "/x%0a", "/x%7F", "/x?a=%0d%0a", "/%zz", "/%4", "/%", "/%4g", "/%g4", "/x?%",
                                           "/x?a=%zz", "/\xc3\xa9", "/x?\xc3\xa9", "/a b", "/a\tb",
                                           "/a\rb", "/a\x7f", "/x?a=\x01" };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_null(head_target(good[i], false));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_non_null(head_target(bad[i], false));
        assert_null(head_target("/a%2fb", true));
        assert_non_null(head_target("/a%00b", true));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_head_as_it_should_be_passes),
                cmocka_unit_test(a_line_that_was_cut_is_noticed),
                cmocka_unit_test(a_string_that_is_elsewhere_is_noticed),
                cmocka_unit_test(lines_end_with_cr_lf),
                cmocka_unit_test(a_name_is_a_token),
                cmocka_unit_test(a_value_has_no_control_character_but_a_tab),
                cmocka_unit_test(what_says_where_a_request_ends_is_there_once),
                cmocka_unit_test(escapes_stand_for_what_a_reader_sees),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
