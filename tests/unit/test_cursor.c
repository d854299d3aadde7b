/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "cursor.h"
#include "hex.h"

static void cursor_reads_both_byte_orders(void **state)
{
        const uint8_t b[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
        struct cursor c = cur_of(b, 8);
        uint16_t s;
        uint32_t w;
        uint64_t d;

        (void)state;
        assert_int_equal(cur_u16be(&c, &s), 0);
        assert_int_equal(s, 0x0102);
        assert_int_equal(cur_u16le(&c, &s), 0);
        assert_int_equal(s, 0x0403);
        assert_int_equal(cur_u32le(&c, &w), 0);
        assert_int_equal(w, 0x08070605);
        assert_int_equal(cur_end(&c), 0);
        c = cur_of(b, 8);
        assert_int_equal(cur_u64be(&c, &d), 0);
        assert_true(d == 0x0102030405060708u);
        c = cur_of(b, 8);
        assert_int_equal(cur_u64le(&c, &d), 0);
        assert_true(d == 0x0807060504030201u);
}

static void cursor_refuses_to_read_past_its_end_and_stays(void **state)
{
        const uint8_t b[] = { 0, 9, 1 };
        struct cursor c = cur_of(b, 3);
        const uint8_t *p = NULL;
        size_t n = 77;
        uint32_t w = 77;

        (void)state;
        assert_int_equal(cur_u32be(&c, &w), -EBADMSG);
        assert_int_equal(w, 77);
        assert_int_equal(cur_tpm2b(&c, &p, &n), -EBADMSG);
        assert_int_equal(c.left, 3);
        assert_int_equal(n, 77);
        assert_int_equal(cur_skip(&c, SIZE_MAX), -EBADMSG);
        assert_int_equal(cur_end(&c), -EBADMSG);
        c = cur_of(NULL, 5);
        assert_int_equal(c.left, 0);
        assert_non_null(c.p);
}

static void writer_fails_when_full_and_stays_failed(void **state)
{
        uint8_t b[4];
        struct wbuf w = wb_of(b, 4);
        size_t n = 0;

        (void)state;
        wb_u16be(&w, 0x0102);
        wb_u32be(&w, 7);
        wb_u8(&w, 3);
        assert_int_equal(wb_end(&w, &n), -ENOBUFS);
        w = wb_of(b, 4);
        wb_tpm2b(&w, "ab", 2);
        assert_int_equal(wb_end(&w, &n), 0);
        assert_int_equal(n, 4);
        assert_memory_equal(b, "\0\2ab", 4);
}

static void hex_and_base64_go_both_ways(void **state)
{
        uint8_t in[70], out[70];
        char text[HEX_LEN(70)];
        size_t n;

        (void)state;
        for (size_t i = 0; i < sizeof(in); i++)
                in[i] = (uint8_t)(i * 37 + 200);
        for (size_t len = 0; len <= sizeof(in); len++) {
                hex_encode(in, len, text);
                assert_int_equal(hex_decode(text, strlen(text), out, sizeof(out), &n), 0);
                assert_int_equal(n, len);
                assert_memory_equal(in, out, len);
                b64_encode(in, len, text);
                assert_int_equal(strlen(text) + 1, B64_LEN(len));
                assert_int_equal(b64_decode(text, strlen(text), out, sizeof(out), &n), 0);
                assert_int_equal(n, len);
                assert_memory_equal(in, out, len);
        }
}

static void bad_hex_and_base64_are_refused(void **state)
{
        static const char *const b64[] = { "A", "AA", "AAA", "AA==AAAA", "A===", "====", "AB==", "AAB=", "AA A", "AAA\n",
                                           "AA-_", "=AAA", "AAAAA" };
        uint8_t out[16];
        size_t n;

        (void)state;
        assert_int_equal(hex_decode("abc", 3, out, 16, &n), -EBADMSG);
        assert_int_equal(hex_decode("0g", 2, out, 16, &n), -EBADMSG);
        assert_int_equal(hex_decode("aabb", 4, out, 1, &n), -ENOBUFS);
        assert_int_equal(hex_decode_exact("aabb", out, 3), -EBADMSG);
        assert_int_equal(hex_decode_exact("AAbb", out, 2), 0);
        for (size_t i = 0; i < ELEMENTSOF(b64); i++)
                assert_int_equal(b64_decode(b64[i], strlen(b64[i]), out, 16, &n), -EBADMSG);
        assert_int_equal(b64_decode("AAAA", 4, out, 2, &n), -ENOBUFS);
}

static void every_byte_at_every_place_of_base64_counts(void **state)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char text[37] = "Muster/boots+nodesA0xyzTUVWqrs789456", again[37];
        uint8_t out[27];
        size_t n;

        (void)state;
        for (size_t at = 0; at < 36; at++) {
                char was = text[at];

                for (int c = 0; c < 256; c++) {
                        bool good = c && strchr(letters, c);

                        text[at] = (char)c;
                        if (c == '=' && at == 35)
                                continue; /* padding */
                        assert_int_equal(b64_decode(text, 36, out, sizeof(out), &n), good ? 0 : -EBADMSG);
                        if (!good)
                                continue;
                        assert_int_equal(n, 27);
                        b64_encode(out, n, again);
                        assert_string_equal(again, text);
                }
                text[at] = was;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_byte_at_every_place_of_base64_counts),
                cmocka_unit_test(cursor_reads_both_byte_orders),
                cmocka_unit_test(cursor_refuses_to_read_past_its_end_and_stays),
                cmocka_unit_test(writer_fails_when_full_and_stays_failed),
                cmocka_unit_test(hex_and_base64_go_both_ways),
                cmocka_unit_test(bad_hex_and_base64_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
