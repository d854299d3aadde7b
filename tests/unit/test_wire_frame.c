/* SPDX-License-Identifier: Apache-2.0 */
/* A message of each shape, and each way of not being one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "digest.h"
#include "wire_frame.h"

#include "fixture_wire.h"

struct body {
        struct buf one;
        struct jbufs many;
        uint8_t fixed[4];
        char *text;
        struct buf may;
        struct buf quote, signature;
        uint8_t digest[DIGEST_LEN];
};

struct message {
        struct jlengths octets;
        int64_t n;
        struct body b;
};

static const struct jfield head[] = {
        {"n", JT_INT, offsetof(struct message, n), 100, JF_REQUIRED},
        FRAME_OCTETS,
};
static const struct octet table[] = {
        {"one", OCTET_BUF, offsetof(struct body, one), 8},
        {"many", OCTET_BUFS, offsetof(struct body, many), 3, 2},
        {"fixed", OCTET_FIXED, offsetof(struct body, fixed), 4},
        {"text", OCTET_TEXT, offsetof(struct body, text), 8},
        {"may", OCTET_BUF, offsetof(struct body, may), 8, .optional = true},
};

#define KIND                                                                                                           \
        .max = 400, .head = head, .n_head = ELEMENTSOF(head), .at = offsetof(struct message, b), .octets = table,      \
        .n_octets = ELEMENTSOF(table)

static const struct frame_kind plain = {KIND};
static const struct frame_kind with_quote = {
        KIND, .quote_max = 8, .quote = offsetof(struct body, quote), .signature_max = 6,
        .signature = offsetof(struct body, signature), .digest = offsetof(struct body, digest)};

#define GOOD "\"octets\":[[\"one\",3],[\"many\",2],[\"many\",3],[\"fixed\",4],[\"text\",2],[\"may\",1]]"
#define DATA "oneM2MM3fourTXm"

static char err[JTAB_ERR];

/* length ‖ head ‖ octets */
static struct buf message(const char *text, const char *octets, size_t n)
{
        size_t len = strlen(text);
        struct buf b = {malloc(4 + len + n), 4 + len + n};

        assert_non_null(b.p);
        memcpy(b.p, (uint8_t[]){0, 0, (uint8_t)(len >> 8), (uint8_t)len}, 4);
        memcpy(b.p + 4, text, len);
        memcpy(b.p + 4 + len, octets, n);
        return b;
}

static int parse(const struct frame_kind *k, const char *text, const char *octets, size_t n, struct message *ret)
{
        static const struct message zero;
        struct buf b = message(text, octets, n);
        int r;

        *ret = zero;
        r = frame_parse(b.p, b.len, k, ret, err);
        buf_wipe(&b);
        if (r < 0)
                assert_memory_equal(ret, &zero, sizeof(zero)); /* nothing is left */
        return r;
}

static void refuses(const char *octets, const char *data, const char *words)
{
        struct message m;
        char text[400];

        (void)snprintf(text, sizeof(text), "{\"n\":1,\"octets\":[%s]}", octets);
        if (parse(&plain, text, data, strlen(data), &m) != -EBADMSG || !strstr(err, words))
                fail_msg("%s %s: \"%s\"", octets, data, err);
}

static void a_message_is_taken_apart_by_its_table(void **state)
{
        struct message m;

        (void)state;
        assert_int_equal(parse(&plain, "{\"n\":7," GOOD "}", DATA, strlen(DATA), &m), 0);
        assert_string_equal(err, "");
        assert_int_equal(m.n, 7);
        assert_int_equal(m.b.one.len, 3);
        assert_memory_equal(m.b.one.p, "one", 3);
        assert_int_equal(m.b.many.n, 2);
        assert_memory_equal(m.b.many.v[0].p, "M2", 2);
        assert_memory_equal(m.b.many.v[1].p, "MM3", 3);
        assert_memory_equal(m.b.fixed, "four", 4);
        assert_string_equal(m.b.text, "TX");
        assert_memory_equal(m.b.may.p, "m", 1);
        frame_wipe(&plain, &m);
        /* what may be left out; a blob that has to be named may be empty */
        assert_int_equal(parse(&plain, "{\"octets\":[[\"one\",0],[\"fixed\",4],[\"text\",0]],\"n\":7}", "four", 4, &m), 0);
        assert_int_equal(m.b.many.n + m.b.may.len + m.b.one.len, 0);
        assert_string_equal(m.b.text, "");
        frame_wipe(&plain, &m);
}

static void octets_fill_the_message_exactly_in_the_order_of_the_table(void **state)
{
        (void)state;
        refuses("[\"one\",3],[\"fixed\",4],[\"text\",2]", "onefourTX+", "bytes follow");
        refuses("[\"one\",3],[\"fixed\",4],[\"text\",2]", "onefourT", "\"text\": is longer than what is left");
        refuses("[\"one\",3],[\"fixed\",4],[\"text\",2],[\"text\",1]", "onefourTXX", "\"text\": stands too often");
        refuses("[\"one\",3],[\"one\",3],[\"fixed\",4],[\"text\",2]", "oneonefourTX", "\"one\": stands too often");
        refuses("[\"one\",3],[\"many\",1],[\"many\",1],[\"many\",1],[\"fixed\",4],[\"text\",2]", "one123fourTX", "\"many\": stands too often");
        refuses("[\"fixed\",4],[\"one\",3],[\"text\",2]", "fouroneTX", "\"one\": is missing, or not in its place");
        refuses("[\"one\",3],[\"text\",2]", "oneTX", "\"fixed\": is missing");
        refuses("[\"one\",3],[\"fixed\",4],[\"text\",2],[\"more\",1]", "onefourTX+", "not known here");
        refuses("[\"one\",3],[\"fixed\",4],[\"text\",2],[\"may\",1],[\"many\",1]", "onefourTXmM", "not in its place");
        refuses("[\"one\",3],[\"many\",0],[\"fixed\",4],[\"text\",2]", "onefourTX", "has to be left out");
        refuses("[\"one\",3],[\"fixed\",4],[\"text\",2],[\"may\",0]", "onefourTX", "has to be left out");
}

static void bounds_hold_before_anything_is_copied(void **state)
{
        struct message m;
        struct buf b;

        (void)state;
        refuses("[\"one\",9],[\"fixed\",4],[\"text\",2]", "one456789fourTX", "\"one\": is not of an allowed length");
        refuses("[\"one\",3],[\"fixed\",3],[\"text\",2]", "onefouTX", "\"fixed\": is not of an allowed length");
        refuses("[\"one\",3],[\"fixed\",5],[\"text\",2]", "onefoursTX", "\"fixed\": is not of an allowed length");
        refuses("[\"one\",2147483647],[\"fixed\",4],[\"text\",2]", "onefourTX", "\"one\": is not of an allowed length");
        refuses("[\"one\",2147483648],[\"fixed\",4],[\"text\",2]", "onefourTX", "range");
        refuses("[\"one\",-1],[\"fixed\",4],[\"text\",2]", "onefourTX", "range");
        assert_int_equal(parse(&plain, "{\"n\":1,\"octets\":[[\"one\",3],[\"fixed\",4],[\"text\",2]]}", "onefourT\0", 9, &m), -EBADMSG);
        assert_non_null(strstr(err, "\"text\": holds a NUL"));
        b = message("{\"n\":1," GOOD "}", DATA, strlen(DATA));
        for (size_t n = 0; n < b.len; n++) {
                m = (struct message){0};
                assert_int_equal(frame_parse(b.p, n, &plain, &m, err), -EBADMSG);
        }
        b.p[2] = 0x40; /* a head of 16 KiB and more */
        assert_int_equal(frame_parse(b.p, b.len, &plain, &m, err), -EBADMSG);
        b.p[0] = 0xff;
        assert_int_equal(frame_parse(b.p, b.len, &plain, &m, err), -EBADMSG);
        buf_wipe(&b);
        b = (struct buf){calloc(1, 401), 401};
        assert_int_equal(frame_parse(b.p, b.len, &plain, &m, err), -E2BIG);
        buf_wipe(&b);
}

static void a_head_is_one_strict_document(void **state)
{
        static const char *const heads[] = {
                " {\"n\":1," GOOD "}", "{\"n\":1," GOOD "} ", "{\"n\":1,\"n\":1," GOOD "}", "{\"n\":1," GOOD "," GOOD "}",
                "{\"n\":1}", "{" GOOD "}", "{\"n\":1,\"more\":1," GOOD "}", "[]", "",
        };
        struct message m;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                if (parse(&plain, heads[i], DATA, strlen(DATA), &m) != -EBADMSG)
                        fail_msg("%s was read", heads[i]);
}

static void a_signed_message_hashes_all_before_its_quote(void **state)
{
        static const char tail[] = "\0\5quote\0\3sig";
        struct buf b = message("{\"n\":1," GOOD "}", DATA, strlen(DATA));
        struct buf text = {b.p, b.len};
        struct buf quote = {(uint8_t *)(uintptr_t) "quote", 5};
        struct buf sig = {(uint8_t *)(uintptr_t) "sig", 3};
        struct buf all = {0};
        uint8_t want[DIGEST_LEN];
        struct message m = {0};

        (void)state;
        assert_int_equal(frame_build_signed(&with_quote, &text, &quote, &sig, &all), 0);
        assert_int_equal(all.len, b.len + sizeof(tail) - 1);
        assert_memory_equal(all.p + b.len, tail, sizeof(tail) - 1);
        assert_int_equal(frame_parse(all.p, all.len, &with_quote, &m, err), 0);
        assert_int_equal(digest_sha256(b.p, b.len, want), 0);
        assert_memory_equal(m.b.digest, want, DIGEST_LEN);
        assert_memory_equal(m.b.quote.p, "quote", 5);
        assert_memory_equal(m.b.signature.p, "sig", 3);
        frame_wipe(&with_quote, &m);
        for (size_t n = b.len; n < all.len; n++) {
                m = (struct message){0};
                assert_int_equal(frame_parse(all.p, n, &with_quote, &m, err), -EBADMSG);
        }
        /* a kind without a quote has no room for one, and the other way round */
        assert_int_equal(frame_parse(all.p, all.len, &plain, &m, err), -EBADMSG);
        assert_int_equal(frame_parse(b.p, b.len, &with_quote, &m, err), -EBADMSG);
        quote.p = (uint8_t *)(uintptr_t) "a quote that is too long";
        quote.len = 9;
        buf_wipe(&all);
        assert_int_equal(frame_build_signed(&with_quote, &text, &quote, &sig, &all), -E2BIG);
        buf_wipe(&b);
}

static void a_quote_over_its_bound_is_refused(void **state)
{
        struct buf b = message("{\"n\":1," GOOD "}", DATA "\0\x09" "123456789" "\0\3sig", strlen(DATA) + 16);
        struct message m = {0};

        (void)state;
        assert_int_equal(frame_parse(b.p, b.len, &with_quote, &m, err), -EBADMSG);
        assert_non_null(strstr(err, "\"quote\": is too long"));
        buf_wipe(&b);
        b = message("{\"n\":1," GOOD "}", DATA "\0\1" "q" "\0\7" "1234567", strlen(DATA) + 12);
        assert_int_equal(frame_parse(b.p, b.len, &with_quote, &m, err), -EBADMSG);
        assert_non_null(strstr(err, "\"signature\": is too long"));
        buf_wipe(&b);
}

static int build(const struct body *b, struct buf *ret)
{
        struct jout o = {0};

        jout_obj(&o, NULL);
        jout_int(&o, "n", 7);
        return frame_build(&plain, &o, b, ret);
}

static void what_is_built_reads_back(void **state)
{
        struct buf two[3] = {bytes("M2"), bytes("MM3")};
        struct body b = {.one = bytes("one"), .many = {two, 2}, .fixed = "four", .text = (char *)(uintptr_t) "TX", .may = bytes("m")};
        struct buf want = message("{\"n\":7," GOOD "}", DATA, strlen(DATA));
        struct buf got = {0};

        (void)state;
        assert_int_equal(build(&b, &got), 0);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.p, want.p, want.len);
        buf_wipe(&got);
        /* what no receiver would take is not built */
        b.many.n = 3;
        assert_int_equal(build(&b, &got), -EINVAL);
        b.many.n = 2;
        two[1].len = 0;
        assert_int_equal(build(&b, &got), -EINVAL);
        two[1].len = 3;
        b.one.len = 9;
        assert_int_equal(build(&b, &got), -EINVAL);
        b.one.len = 3;
        assert_null(got.p);
        buf_wipe(&two[0]);
        buf_wipe(&two[1]);
        buf_wipe(&b.one);
        buf_wipe(&b.may);
        buf_wipe(&want);
}

static void a_head_over_its_bound_is_not_built(void **state)
{
        static const struct frame_kind large = {.max = 1 << 20, .head = head, .n_head = ELEMENTSOF(head)};
        struct jout o = {0};
        struct buf got = {0};
        char text[WIRE_HEAD_MAX + 1];

        (void)state;
        memset(text, 'a', sizeof(text));
        jout_obj(&o, NULL);
        jout_strn(&o, "n", text, sizeof(text));
        assert_int_equal(frame_build(&large, &o, NULL, &got), -E2BIG);
        assert_null(got.p);
        jout_obj(&o, NULL);
        jout_strn(&o, "n", text, sizeof(text) - 30);
        assert_int_equal(frame_build(&large, &o, NULL, &got), 0);
        buf_wipe(&got);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_is_taken_apart_by_its_table),
                cmocka_unit_test(octets_fill_the_message_exactly_in_the_order_of_the_table),
                cmocka_unit_test(bounds_hold_before_anything_is_copied),
                cmocka_unit_test(a_head_is_one_strict_document),
                cmocka_unit_test(a_signed_message_hashes_all_before_its_quote),
                cmocka_unit_test(a_quote_over_its_bound_is_refused),
                cmocka_unit_test(what_is_built_reads_back),
                cmocka_unit_test(a_head_over_its_bound_is_not_built),
        };

        return cmocka_run_group_tests_name("wire_frame", tests, NULL, NULL);
}
