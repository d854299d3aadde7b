/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "seal.h"

static void chunk_arithmetic_holds_up_to_the_largest_image(void **state)
{
        uint8_t header[SEAL_HEADER_LEN];
        struct seal_header h;
        uint64_t offset;
        size_t plain;

        (void)state;
        assert_int_equal(seal_header_make(SEAL_PLAIN_MAX, header), 0);
        assert_int_equal(seal_header_parse(header, sizeof(header), &h), 0);
        assert_true(h.chunks == (uint64_t)1 << 32);
        assert_true(h.list_len == 32 * h.chunks && h.sealed_size == 64 + SEAL_PLAIN_MAX + 48 * h.chunks);
        assert_int_equal(seal_chunk_at(&h, h.chunks - 1, &offset, &plain), 0);
        assert_true(offset == 64 + 32 * h.chunks + (h.chunks - 1) * 262160 && plain == SEAL_CHUNK);
        assert_true(offset + plain + 16 == h.sealed_size);
        assert_int_equal(seal_chunk_at(&h, h.chunks, &offset, &plain), -ERANGE);
        assert_int_equal(seal_chunk_at(&h, UINT64_MAX, &offset, &plain), -ERANGE);
        assert_int_equal(seal_header_make(SEAL_CHUNK + 1, header), 0);
        assert_int_equal(seal_header_parse(header, sizeof(header), &h), 0);
        assert_int_equal(seal_chunk_at(&h, 1, &offset, &plain), 0);
        assert_true(h.chunks == 2 && offset == 64 + 64 + 262160 && plain == 1);
}

static void headers_of_no_image_are_refused(void **state)
{
        uint8_t good[SEAL_HEADER_LEN], b[SEAL_HEADER_LEN + 1] = { 0 };
        struct seal_header h;

        (void)state;
        assert_int_equal(seal_header_make(0, good), -EINVAL);
        assert_int_equal(seal_header_make(SEAL_PLAIN_MAX + 1, good), -EINVAL);
        assert_int_equal(seal_header_make(1, good), 0);
        memcpy(b, good, sizeof(good));
        for (size_t n = 0; n < sizeof(good); n++)
                assert_int_equal(seal_header_parse(b, n, &h), -EBADMSG);
        assert_int_equal(seal_header_parse(b, sizeof(b), &h), -EBADMSG);
        assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), 0);
        for (uint8_t other = 0; other < 4; other++) {
                b[11] = other; /* version */
                assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), other == 2 ? 0 : -EPROTO);
        }
        b[11] = 2;
        b[47] = 2; /* erofs */
        assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), -EBADMSG);
        b[47] = 1;
        b[15] = 20; /* chunks of another size */
        assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), -EBADMSG);
        b[15] = 18;
        assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), 0);
        b[23] = 0; /* plain size 0 */
        assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), -EBADMSG);
        memset(b + 16, 0xFF, 8);
        assert_int_equal(seal_header_parse(b, SEAL_HEADER_LEN, &h), -EBADMSG);
}

static void a_header_must_be_the_manifest_s(void **state)
{
        uint8_t expected[SEAL_HEADER_LEN], got[SEAL_HEADER_LEN];

        (void)state;
        assert_int_equal(seal_header_make(1000, expected), 0);
        memcpy(got, expected, sizeof(got));
        assert_int_equal(seal_header_check(got, sizeof(got), expected, 1112, 1000), 0);
        assert_int_equal(seal_header_check(got, sizeof(got), expected, 1113, 1000), -EBADMSG);
        assert_int_equal(seal_header_check(got, sizeof(got), expected, 1112, 1001), -EBADMSG);
        assert_int_equal(seal_header_check(got, sizeof(got) - 1, expected, 1112, 1000), -EBADMSG);
        got[30] ^= 1;
        assert_int_equal(seal_header_check(got, sizeof(got), expected, 1112, 1000), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(chunk_arithmetic_holds_up_to_the_largest_image),
                cmocka_unit_test(headers_of_no_image_are_refused),
                cmocka_unit_test(a_header_must_be_the_manifest_s),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
