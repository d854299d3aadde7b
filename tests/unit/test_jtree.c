/* SPDX-License-Identifier: Apache-2.0 */
/* Long strings, which json-c does not see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "jtree.h"

static char err[JTAB_ERR];

struct longs {
        char *text;
        struct buf bytes;
        struct jstrs list;
        uint8_t hex[700];
};

static const struct jfield longs_tab[] = {
        {"text", JT_STRDUP, offsetof(struct longs, text), 9000, JF_REQUIRED},
        {"bytes", JT_B64, offsetof(struct longs, bytes), 6000, JF_REQUIRED},
        {"list", JT_STRS, offsetof(struct longs, list), 4000, JF_REQUIRED, 40},
        {"hex", JT_HEX, offsetof(struct longs, hex), 700, 0},
};

/* n times c, with `in` put in after `at` of them; NUL-terminated, in a few buffers that take turns */
static const char *many(char c, size_t n, size_t at, const char *in)
{
        static char bufs[4][10000];
        static unsigned next;
        char *p = bufs[next++ % 4];

        memset(p, c, n + strlen(in));
        memcpy(p + at, in, strlen(in));
        p[n + strlen(in)] = '\0';
        return p;
}

static int longs(const char *text, const char *bytes, const char *list, const char *more, struct longs *ret)
{
        static char doc[60000];
        int n = snprintf(doc, sizeof(doc), "{\"text\":\"%s\",\"bytes\":\"%s\",\"list\":[%s]%s}", text, bytes, list, more);

        assert_true(n > 0 && (size_t)n < sizeof(doc));
        *ret = (struct longs){ 0 };
        return jtab_parse(doc, (size_t)n, sizeof(doc), longs_tab, ELEMENTSOF(longs_tab), ret, err);
}

static void long_strings_come_whole(void **state)
{
        struct longs l;
        char list[9000];

        (void)state;
        (void)snprintf(list, sizeof(list), "\"%s\",\"x\",\"%s\"", many('l', 3000, 0, ""), many('m', 1500, 1500, "\\n"));
        assert_int_equal(longs(many('t', 8000, 4000, "\\\""), many('A', 4000, 2000, "\\/"), list, "", &l), -EBADMSG); /* 4001 characters */
        assert_int_equal(longs(many('t', 8000, 4000, "\\\""), many('A', 3999, 2000, "\\/"), list, "", &l), 0);
        assert_string_equal(l.text, many('t', 8000, 4000, "\""));
        assert_int_equal(l.bytes.len, 3000);
        assert_int_equal(l.bytes.p[1500], 0xfc); /* / of value 63, in its group's first place */
        assert_int_equal(l.bytes.p[1499] | l.bytes.p[1501], 0);
        assert_int_equal(l.list.n, 3);
        assert_string_equal(l.list.v[0], many('l', 3000, 0, ""));
        assert_string_equal(l.list.v[1], "x");
        assert_string_equal(l.list.v[2], many('m', 1500, 1500, "\n"));
        jtab_wipe(longs_tab, ELEMENTSOF(longs_tab), &l);
}

static void more_long_strings_than_are_looked_for_come_whole_too(void **state)
{
        struct longs l;
        char list[50000] = "";

        (void)state;
        for (size_t i = 0; i < JRUNS + 6; i++)
                (void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"%s\"", i ? "," : "", many((char)('a' + i), 1100 + i, 0, ""));
        assert_int_equal(longs("", "", list, "", &l), 0);
        assert_int_equal(l.list.n, JRUNS + 6);
        for (size_t i = 0; i < l.list.n; i++)
                assert_string_equal(l.list.v[i], many((char)('a' + i), 1100 + i, 0, ""));
        jtab_wipe(longs_tab, ELEMENTSOF(longs_tab), &l);
}

static void bounds_hold_for_long_strings(void **state)
{
        struct longs l;
        char more[4000];

        (void)state;
        assert_int_equal(longs(many('t', 9001, 0, ""), "", "", "", &l), -EBADMSG);
        assert_non_null(strstr(err, "\"text\": is too long"));
        assert_int_equal(longs("", many('A', 8004, 0, ""), "", "", &l), -EBADMSG);
        assert_non_null(strstr(err, "\"bytes\": is too long"));
        assert_int_equal(longs("", many('A', 4000, 2000, "-"), "", "", &l), -EBADMSG);
        assert_int_equal(longs("", many('A', 3999, 2000, "-"), "", "", &l), -EBADMSG);
        assert_non_null(strstr(err, "no base64"));
        (void)snprintf(more, sizeof(more), "\"%s\"", many('l', 3999, 0, "ab"));
        assert_int_equal(longs("", "", more, "", &l), -EBADMSG);
        (void)snprintf(more, sizeof(more), ",\"hex\":\"%s\"", many('a', 1400, 0, ""));
        assert_int_equal(longs("", "", "", more, &l), 0);
        assert_int_equal(l.hex[699], 0xaa);
        jtab_wipe(longs_tab, ELEMENTSOF(longs_tab), &l);
        (void)snprintf(more, sizeof(more), ",\"hex\":\"%s\"", many('a', 1399, 1399, "A"));
        assert_int_equal(longs("", "", "", more, &l), -EBADMSG);
        (void)snprintf(more, sizeof(more), ",\"hex\":\"%s\"", many('a', 1401, 0, ""));
        assert_int_equal(longs("", "", "", more, &l), -EBADMSG);
}

/* One, two, three and four bytes of UTF-8, in names, short and long values;
 * json-c 0.18 would refuse them in its strict mode. */
static void characters_beyond_ascii_come_as_they_are(void **state)
{
        static const char all[] = "a\xc2\x80\xc3\xa9\xdf\xbf\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf\xf0\x90\x80\x80\xf0\x9f\x92\xbb\xf4\x8f\xbf\xbfz";
        struct longs l;
        char list[200];

        (void)state;
        (void)snprintf(list, sizeof(list), "\"%s\"", all);
        assert_int_equal(longs(many('t', 3000, 1500, all), "", list, "", &l), 0);
        assert_string_equal(l.text, many('t', 3000, 1500, all));
        assert_string_equal(l.list.v[0], all);
        jtab_wipe(longs_tab, ELEMENTSOF(longs_tab), &l);
        assert_int_equal(longs("", "", "", ",\"h\xc3\xa9x\":\"aa\"", &l), -EBADMSG);
        assert_non_null(strstr(err, "is not known here"));
        assert_int_equal(longs("\xed\xa0\x80", "", "", "", &l), -EBADMSG); /* a surrogate */
}

/* A name of which json-c saw the beginning only would be another name. */
static void a_long_name_is_no_known_one(void **state)
{
        struct longs l;
        char more[4000];

        (void)state;
        (void)snprintf(more, sizeof(more), ",\"he\\u0078%s\":\"aa\"", many('y', 2000, 0, ""));
        assert_int_equal(longs("", "", "", more, &l), -EBADMSG);
        assert_non_null(strstr(err, "is not known here"));
        (void)snprintf(more, sizeof(more), ",\"%s\" : \"aa\"", many('y', 2000, 0, ""));
        assert_int_equal(longs("", "", "", more, &l), -EBADMSG);
        assert_non_null(strstr(err, "\"yyyyyyyy"));
}

static void a_document_has_no_marks_of_its_own(void **state)
{
        struct longs l;

        (void)state;
        assert_int_equal(longs("\\u0000A", many('A', 4000, 0, ""), "", "", &l), -EBADMSG);
        assert_int_equal(longs("A", many('A', 4000, 0, ""), "\"\\u0000A\"", "", &l), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(long_strings_come_whole),
                cmocka_unit_test(more_long_strings_than_are_looked_for_come_whole_too),
                cmocka_unit_test(bounds_hold_for_long_strings),
                cmocka_unit_test(characters_beyond_ascii_come_as_they_are),
                cmocka_unit_test(a_long_name_is_no_known_one),
                cmocka_unit_test(a_document_has_no_marks_of_its_own),
        };

        return cmocka_run_group_tests_name("jtree", tests, NULL, NULL);
}
