/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "jout.h"
#include "jscan.h"
#include "jtab.h"

#include <json-c/json_c_version.h>

struct inner {
        char word[9];
        int64_t n;
};

struct doc {
        char name[9];
        char *text;
        uint8_t id[4];
        struct buf blob;
        struct jlengths lengths;
        int64_t n;
        bool yes;
        struct jstrs list;
        struct inner in;
        enum jstate in_state;
};

static const struct jfield inner_tab[] = {
        {"word", JT_STR, offsetof(struct inner, word), 8, 0},
        {"n", JT_INT, offsetof(struct inner, n), 10, 0},
};
static const struct jfield tab[] = {
        {"name", JT_STR, offsetof(struct doc, name), 8, JF_REQUIRED},
        {"text", JT_STRDUP, offsetof(struct doc, text), 20, 0},
        {"id", JT_HEX, offsetof(struct doc, id), 4, 0},
        {"blob", JT_B64, offsetof(struct doc, blob), 4, JF_SECRET},
        {"lengths", JT_LENGTHS, offsetof(struct doc, lengths), 100, 0, 2},
        {"n", JT_INT, offsetof(struct doc, n), 100, 0},
        {"yes", JT_BOOL, offsetof(struct doc, yes), 0, 0},
        {"list", JT_STRS, offsetof(struct doc, list), 4, 0, 2},
        {"in", JT_OBJ, offsetof(struct doc, in), 0, JF_NULL | JF_STATE, 0, inner_tab, 2,
         offsetof(struct doc, in_state)},
};

static int parse(const char *text, struct doc *d, char err[JTAB_ERR])
{
        *d = (struct doc){0};
        return jtab_parse(text, strlen(text), 1000, tab, ELEMENTSOF(tab), d, err);
}

/* Refused, with `words` in the error, and nothing left in the struct. */
static void refuses(const char *text, const char *words)
{
        static const struct doc zero = {0};
        char err[JTAB_ERR];
        struct doc d;
        int r = parse(text, &d, err);

        if (r != -EBADMSG || !strstr(err, words))
                fail_msg("%s: %d, \"%s\"", text, r, err);
        assert_memory_equal(&d, &zero, sizeof(d));
}

/* What is said of a number beyond int64_t: json-c 0.18 refuses it itself. */
static const char *huge_number(void)
{
        return json_c_version_num() < (18 << 8) ? "range" : "number expected";
}

static void every_type_is_filled_in(void **state)
{
        char err[JTAB_ERR];
        struct doc d;

        (void)state;
        assert_int_equal(
                parse("{\"name\":\"a\\u00e9\",\"text\":\"\\\"x\\\\\",\"id\":\"00ff10ab\","
                      "\"blob\":\"AAEC\",\"lengths\":[[\"x\",0],[\"name\",100]],\"n\":100,\"yes\":true,"
                      "\"list\":[\"a\",\"bcde\"],\"in\":{\"word\":\"w\",\"n\":3}}",
                      &d, err),
                0);
        assert_string_equal(d.name, "a\xc3\xa9");
        assert_string_equal(d.text, "\"x\\");
        assert_memory_equal(d.id, "\x00\xff\x10\xab", 4);
        assert_int_equal(d.blob.len, 3);
        assert_memory_equal(d.blob.p, "\0\1\2", 3);
        assert_int_equal(d.lengths.n, 2);
        assert_string_equal(d.lengths.v[0].name, "x");
        assert_int_equal(d.lengths.v[0].len, 0);
        assert_string_equal(d.lengths.v[1].name, "name");
        assert_int_equal(d.lengths.v[1].len, 100);
        assert_int_equal(d.n, 100);
        assert_true(d.yes);
        assert_int_equal(d.list.n, 2);
        assert_string_equal(d.list.v[1], "bcde");
        assert_int_equal(d.in_state, JS_SET);
        assert_string_equal(d.in.word, "w");
        assert_string_equal(err, "");
        jtab_wipe(tab, ELEMENTSOF(tab), &d);
        assert_null(d.text);
        assert_null(d.list.v);
}

static void null_absent_and_value_differ(void **state)
{
        char err[JTAB_ERR];
        struct doc d;

        (void)state;
        assert_int_equal(parse("{\"name\":\"a\"}", &d, err), 0);
        assert_int_equal(d.in_state, JS_ABSENT);
        assert_int_equal(parse("{\"name\":\"a\",\"in\":null}", &d, err), 0);
        assert_int_equal(d.in_state, JS_NULL);
        refuses("{\"name\":null}", "member \"name\": must not be null");
}

static void duplicate_members_are_refused_at_any_depth(void **state)
{
        (void)state;
        refuses("{\"name\":\"a\",\"name\":\"a\"}", "stands twice");
        refuses("{\"name\":\"a\",\"\\u006eame\":\"b\"}", "stands twice");
        refuses("{\"name\":\"a\",\"in\":{\"n\":1,\"n\":1}}", "stands twice");
}

static void unknown_and_missing_members_are_named(void **state)
{
        (void)state;
        refuses("{\"name\":\"a\",\"else\":1}", "member \"else\": is not known");
        refuses("{\"name\":\"a\",\"in\":{\"else\":1}}", "member \"in.else\": is not known");
        refuses("{\"n\":1}", "member \"name\": is missing");
        refuses("{\"name\":\"a\",\"\\n\\u007f\":1}", "member \"??\"");
}

static void wrong_types_are_refused(void **state)
{
        (void)state;
        refuses("{\"name\":1}", "\"name\": has to be a string");
        refuses("{\"name\":\"a\",\"n\":\"1\"}", "whole number");
        refuses("{\"name\":\"a\",\"n\":1.0}", "whole number");
        refuses("{\"name\":\"a\",\"n\":1e1}", "whole number");
        refuses("{\"name\":\"a\",\"yes\":1}", "true or false");
        refuses("{\"name\":\"a\",\"list\":\"x\"}", "array");
        refuses("{\"name\":\"a\",\"list\":[1]}", "string");
        refuses("{\"name\":\"a\",\"in\":[]}", "object");
        refuses("{\"name\":\"a\",\"id\":1}", "string");
        refuses("{\"name\":\"a\",\"lengths\":{\"a\":1}}", "array");
        refuses("{\"name\":\"a\",\"lengths\":[\"a\",1]}", "pairs");
        refuses("{\"name\":\"a\",\"lengths\":[[\"a\"]]}", "pairs");
        refuses("{\"name\":\"a\",\"lengths\":[[\"a\",1,1]]}", "pairs");
        refuses("{\"name\":\"a\",\"lengths\":[[\"a\",\"1\"]]}", "whole number");
        refuses("{\"name\":\"a\",\"lengths\":[[1,1]]}", "string");
}

static void sizes_and_ranges_are_kept(void **state)
{
        char err[JTAB_ERR];
        struct doc d = {0};

        (void)state;
        refuses("{\"name\":\"123456789\"}", "too long");
        refuses("{\"name\":\"a\",\"n\":101}", "range");
        refuses("{\"name\":\"a\",\"n\":-1}", "range");
        refuses("{\"name\":\"a\",\"n\":99999999999999999999}", huge_number());
        refuses("{\"name\":\"a\",\"blob\":\"AAECAwQ=\"}", "too long");
        refuses("{\"name\":\"a\",\"lengths\":[[\"a\",1],[\"b\",1],[\"c\",1]]}", "number of entries");
        refuses("{\"name\":\"a\",\"lengths\":[[\"a\",101]]}", "range");
        refuses("{\"name\":\"a\",\"lengths\":[[\"a\",-1]]}", "range");
        refuses("{\"name\":\"a\",\"lengths\":[[\"123456789012345678901234\",1]]}", "too long");
        refuses("{\"name\":\"a\",\"list\":[\"abcde\"]}", "too long");
        assert_int_equal(jtab_parse("{\"name\":\"a\"}", 12, 11, tab, ELEMENTSOF(tab), &d, err), -E2BIG);
}

static void hex_and_base64_are_strict(void **state)
{
        (void)state;
        refuses("{\"name\":\"a\",\"id\":\"00FF10AB\"}", "hexadecimal");
        refuses("{\"name\":\"a\",\"id\":\"00ff10\"}", "hexadecimal");
        refuses("{\"name\":\"a\",\"id\":\"00ff10ax\"}", "hexadecimal");
        refuses("{\"name\":\"a\",\"blob\":\"AAE\"}", "base64");
        refuses("{\"name\":\"a\",\"blob\":\"AAF=\"}", "base64");
        refuses("{\"name\":\"a\",\"blob\":\"AA\\nE=\"}", "base64");
}

static void what_is_no_strict_json_is_refused(void **state)
{
        static const char *const bad[] = {
                "",
                "{",
                "[]",
                "\"a\"",
                "{\"name\":\"a\"} ",
                " {\"name\":\"a\"}",
                "\n{\"name\":\"a\"}",
                "\xef\xbb\xbf{\"name\":\"a\"}",
                "{\"name\":\"a\"}{}",
                "{\"name\":\"a\"}}",
                "{'name':\"a\"}",
                "{\"name\":'a'}",
                "{name:\"a\"}",
                "{\"name\":\"a\",}",
                "{,\"name\":\"a\"}",
                "{\"name\" \"a\"}",
                "{\"name\":\"a\" \"n\":1}",
                "{\"name\":\"a\",\"n\":01}",
                "{\"name\":\"a\",\"n\":+1}",
                "{\"name\":\"a\",\"n\":1.}",
                "{\"name\":\"a\",\"n\":NaN}",
                "{\"name\":\"a\",\"n\":Infinity}",
                "{\"name\":\"a\",\"n\":-}",
                "{\"name\":\"a\",\"yes\":TRUE}",
                "{\"name\":\"a\",\"yes\":truefalse}",
                "{\"name\":\"a\" /* c */}",
                "{\"name\":\"a\nb\"}",
                "{\"name\":\"a\\u0000b\"}",
                "{\"na\\u0000me\":\"a\"}",
                "{\"name\":\"a\\x\"}",
                "{\"name\":\"a\\u12g4\"}",
                "{\"name\":\"\xff\"}",
                "{\"name\":\"\xc0\x80\"}",
                "{\"name\":\"\xed\xa0\x80\"}",
                "{\"name\":\"\xf4\x90\x80\x80\"}",
                "{\"name\":\"\xe2\x82\"}",
                "{\"name\":\"a\",\"in\":{]}",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                refuses(bad[i], "not one JSON object");
}

/* Half a pair is no character: json-c makes U+FFFD of it, others refuse it or
 * keep it, so what was signed and what was read would differ. */
static void half_a_surrogate_pair_is_refused_and_a_whole_one_read(void **state)
{
        static const char *const bad[] = {"\\ud83d", "\\udcbb", "\\udcbb\\ud83d", "\\ud83dx", "\\ud83d\\n",
                                          "\\ud83d\\u0041", "\\ud83d\\ud83d", "\\uD83D\\u", "a\\udfff", "\\ud83d\\"};
        char text[64];
        char err[JTAB_ERR];
        struct doc d;

        (void)state;
        assert_int_equal(parse("{\"name\":\"\\ud83d\\udcbb\"}", &d, err), 0);
        assert_string_equal(d.name, "\xf0\x9f\x92\xbb");
        jtab_wipe(tab, ELEMENTSOF(tab), &d);
        assert_int_equal(parse("{\"name\":\"\\uDBFF\\uDfff\\ud7ff\"}", &d, err), 0);
        assert_string_equal(d.name, "\xf4\x8f\xbf\xbf\xed\x9f\xbf");
        jtab_wipe(tab, ELEMENTSOF(tab), &d);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                (void)snprintf(text, sizeof(text), "{\"name\":\"%s\"}", bad[i]);
                refuses(text, "not one JSON object");
                (void)snprintf(text, sizeof(text), "{\"name\":\"a\",\"%s\":1}", bad[i]);
                refuses(text, "not one JSON object");
        }
}

/* One, two, three and four bytes of UTF-8, in names and values; json-c 0.18
 * would refuse them in its strict mode. */
static void characters_beyond_ascii_come_as_they_are(void **state)
{
        static const char all[] = "a\xc2\x80\xe2\x82\xac\xf0\x9f\x92\xbb\xf4\x8f\xbf\xbfz";
        char text[128];
        char err[JTAB_ERR];
        struct doc d;

        (void)state;
        (void)snprintf(text, sizeof(text), "{\"name\":\"\xc3\xa9\",\"text\":\"%s\"}", all);
        assert_int_equal(parse(text, &d, err), 0);
        assert_string_equal(d.text, all);
        assert_string_equal(d.name, "\xc3\xa9");
        jtab_wipe(tab, ELEMENTSOF(tab), &d);
        refuses("{\"name\":\"a\",\"n\xc3\xa9\":1}", "is not known here");
}

static void nesting_stops_at_eight(void **state)
{
        size_t members;
        bool wide;
        const char *why;

        (void)state;
        assert_int_equal(jscan("{\"a\":[[[[[[[1]]]]]]]}", 21, JTAB_DEPTH, &members, &wide, &why), 0);
        assert_int_equal(members, 1);
        assert_int_equal(jscan("{\"a\":[[[[[[[[1]]]]]]]]}", 23, JTAB_DEPTH, &members, &wide, &why), -EBADMSG);
        assert_non_null(strstr(why, "deep"));
        refuses("{\"name\":[[[[[[[[1]]]]]]]]}", "nested too deep");
}

static void one_member_can_be_peeked_at(void **state)
{
        char err[JTAB_ERR];
        char out[4];

        (void)state;
        assert_int_equal(jtab_peek("{\"k\":\"abc\",\"z\":1}", 17, 100, "k", out, sizeof(out), err), 0);
        assert_string_equal(out, "abc");
        assert_int_equal(jtab_peek("{\"k\":\"abcd\"}", 12, 100, "k", out, sizeof(out), err), -EBADMSG);
        assert_int_equal(jtab_peek("{\"k\":1}", 7, 100, "k", out, sizeof(out), err), -EBADMSG);
        assert_int_equal(jtab_peek("{\"l\":1}", 7, 100, "k", out, sizeof(out), err), -EBADMSG);
        assert_int_equal(jtab_peek("{\"l\":1}", 7, 6, "k", out, sizeof(out), err), -E2BIG);
}

static void what_is_written_reads_back(void **state)
{
        struct jout o = {0};
        struct buf b = {0};
        char err[JTAB_ERR];
        struct doc d = {0};

        (void)state;
        jout_obj(&o, NULL);
        jout_str(&o, "name", "\"\\\n\x7f");
        jout_strn(&o, "text", "a\xff\xc3\xa9", 4);
        jout_hex(&o, "id", "\1\2\3\4", 4);
        jout_b64(&o, "blob", "\1", 1);
        jout_int(&o, "n", 42);
        jout_bool(&o, "yes", true);
        jout_null(&o, "in");
        jout_raw(&o, "list", "[\"r\"]", 5);
        jout_end(&o, '}');
        assert_int_equal(jout_take(&o, &b), 0);
        assert_int_equal(strlen((char *)b.p), b.len);
        assert_int_equal(jtab_parse(b.p, b.len, 1000, tab, ELEMENTSOF(tab), &d, err), 0);
        assert_string_equal(d.name, "\"\\\n\x7f");
        assert_string_equal(d.text, "a\xef\xbf\xbd\xc3\xa9");
        assert_int_equal(d.n, 42);
        assert_int_equal(d.blob.len, 1);
        assert_int_equal(d.in_state, JS_NULL);
        assert_string_equal(d.list.v[0], "r");
        jtab_wipe(tab, ELEMENTSOF(tab), &d);
        buf_wipe(&b);
}

static const char *written(struct buf *b, const char *text, bool raw)
{
        struct jout o = {0};

        if (raw)
                jout_raw(&o, NULL, text, strlen(text));
        else
                jout_str(&o, NULL, text);
        assert_int_equal(jout_take(&o, b), 0);
        return (const char *)b->p;
}

static void what_deceives_a_reader_is_escaped_and_letters_are_not(void **state)
{
        static const struct {
                const char *text, *want;
        } t[] = {
                {"\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80", "\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80"}, /* e acute, a Han, a face */
                {"\x1b[31m\x7f", "\\u001b[31m\\u007f"},
                {"\xc2\x9b" "31m\xc2\x80\xc2\x9f", "\\u009b31m\\u0080\\u009f"},
                {"a\xe2\x80\xae" "b", "a\\u202eb"},
                {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x81\xa6\xe2\x81\xa9", "\\u2028\\u2029\\u2066\\u2069"},
                {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xef\xbb\xbf", "\\u061c\\u200e\\u200f\\ufeff"},
                {"\xef\xbf\xbf\xf3\xa0\x80\x81\xf0\x9f\xbf\xbe", "\\uffff\\udb40\\udc01\\ud83f\\udffe"},
                {"\xed\xa0\x80\xff", "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* a surrogate is no UTF-8 */
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(t); i++) {
                _cleanup_(buf_wipe) struct buf b = {0};
                _cleanup_(buf_wipe) struct buf doc = {0};
                _cleanup_(buf_wipe) struct buf again = {0};
                char want[200];

                (void)snprintf(want, sizeof(want), "\"%s\"", t[i].want);
                assert_string_equal(written(&b, t[i].text, false), want);
                (void)snprintf(want, sizeof(want), "{ \"k\": [\"\\\"%s\"],\n\t\"n\": 1 }", t[i].text);
                (void)written(&doc, want, true);
                (void)snprintf(want, sizeof(want), "{ \"k\": [\"\\\"%s\"],\n\t\"n\": 1 }", t[i].want);
                assert_string_equal((char *)doc.p, want);
                assert_string_equal(written(&again, want, true), want); /* what is safe stays */
        }
}

static void an_unfinished_document_is_not_given_out(void **state)
{
        struct jout o = {0};
        struct buf b = {0};

        (void)state;
        jout_obj(&o, NULL);
        assert_int_equal(jout_take(&o, &b), -EINVAL);
        jout_end(&o, '}');
        assert_int_equal(jout_take(&o, &b), -EINVAL);
        assert_null(b.p);
        for (int i = 0; i < 40; i++)
                jout_arr(&o, NULL);
        assert_int_equal(jout_take(&o, &b), -E2BIG);
}

static void every_byte_at_every_place_of_a_string_counts(void **state)
{
        char text[] = "{\"a\":\"abcdefghijklmnopqrstuvwx\"}";
        size_t len = strlen(text);
        size_t members;
        bool wide;
        const char *why;

        (void)state;
        for (size_t at = 6; at < len - 2; at++) {
                char was = text[at];

                for (int c = 0; c < 256; c++) {
                        bool good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

                        text[at] = (char)c;
                        if (c == '\\' && strchr("\"\\/bfnrt", text[at + 1]))
                                continue; /* an escape */
                        assert_int_equal(jscan(text, len, JTAB_DEPTH, &members, &wide, &why), good ? 0 : -EBADMSG);
                }
                text[at] = was;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_byte_at_every_place_of_a_string_counts),
                cmocka_unit_test(every_type_is_filled_in),
                cmocka_unit_test(null_absent_and_value_differ),
                cmocka_unit_test(duplicate_members_are_refused_at_any_depth),
                cmocka_unit_test(unknown_and_missing_members_are_named),
                cmocka_unit_test(wrong_types_are_refused),
                cmocka_unit_test(sizes_and_ranges_are_kept),
                cmocka_unit_test(hex_and_base64_are_strict),
                cmocka_unit_test(what_is_no_strict_json_is_refused),
                cmocka_unit_test(half_a_surrogate_pair_is_refused_and_a_whole_one_read),
                cmocka_unit_test(characters_beyond_ascii_come_as_they_are),
                cmocka_unit_test(nesting_stops_at_eight),
                cmocka_unit_test(one_member_can_be_peeked_at),
                cmocka_unit_test(what_is_written_reads_back),
                cmocka_unit_test(what_deceives_a_reader_is_escaped_and_letters_are_not),
                cmocka_unit_test(an_unfinished_document_is_not_given_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
