/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "seal.h"

static const uint8_t key[SEAL_KEY_LEN] = "an image key of thirty-two bytes";

struct sink {
        uint8_t *p;
        size_t len, cap;
        int fail;
};

static int collect(void *ctx, const uint8_t *p, size_t len)
{
        struct sink *s = ctx;

        if (s->fail < 0)
                return s->fail;
        assert_true(len <= s->cap - s->len);
        memcpy(s->p + s->len, p, len);
        s->len += len;
        return 0;
}

static void pattern(uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(i * 7 + (i >> 8) + (i >> 20));
}

/* A sealed file of n plain bytes, fed in pieces of `piece`. */
static uint8_t *sealed(size_t n, size_t piece, size_t *ret_len)
{
        uint8_t header[SEAL_HEADER_LEN], *plain = malloc(n);
        struct seal_stream *st;
        struct seal_header h;
        struct sink out = { 0 };

        assert_non_null(plain);
        pattern(plain, n);
        assert_int_equal(seal_header_make(n, SEAL_SQUASHFS, header), 0);
        assert_int_equal(seal_header_parse(header, sizeof(header), &h), 0);
        out.cap = (size_t)h.sealed_size;
        out.p = malloc(out.cap);
        assert_non_null(out.p);
        assert_int_equal(seal_stream_new(key, header, true, 0, collect, &out, &st), 0);
        for (size_t i = 0; i < n; i += piece)
                assert_int_equal(seal_stream_write(st, plain + i, n - i < piece ? n - i : piece), 0);
        assert_int_equal(seal_stream_finish(st), 0);
        seal_stream_free(st);
        assert_int_equal(out.len, out.cap);
        free(plain);
        *ret_len = out.len;
        return out.p;
}

/* Opens a sealed file (header included) from chunk `first` in pieces. */
static int unseal(const uint8_t *file, size_t len, uint64_t first, size_t piece, struct sink *out)
{
        struct seal_stream *st;
        int r = seal_stream_new(key, file, false, first, collect, out, &st);
        size_t i = SEAL_HEADER_LEN + (size_t)first * SEAL_CHUNK_SEALED;

        if (r < 0)
                return r;
        for (; r == 0 && i < len; i += piece)
                r = seal_stream_write(st, file + i, len - i < piece ? len - i : piece);
        if (r == 0)
                r = seal_stream_finish(st);
        else
                assert_int_equal(seal_stream_finish(st), r); /* once dead, always dead */
        seal_stream_free(st);
        return r;
}

static void round_trip(size_t n, size_t in, size_t piece)
{
        size_t len;
        uint8_t *file = sealed(n, in, &len), *plain = malloc(n);
        struct sink out = { .p = malloc(n), .cap = n };

        assert_non_null(plain);
        pattern(plain, n);
        assert_int_equal(unseal(file, len, 0, piece, &out), 0);
        assert_int_equal(out.len, n);
        assert_memory_equal(out.p, plain, n);
        free(file);
        free(plain);
        free(out.p);
}

static void sealed_images_open_to_what_was_sealed(void **state)
{
        (void)state;
        round_trip(1, 1, 1);
        round_trip(5000, 7, 13);
        round_trip(SEAL_CHUNK - 1, 65536, 65536);
        round_trip(SEAL_CHUNK, 4096, SEAL_CHUNK);
        round_trip(SEAL_CHUNK + 1, 100000, 99999);
        round_trip(3 * SEAL_CHUNK + 12345, 3 * SEAL_CHUNK + 12345, 70001);
}

static void an_opening_resumes_at_any_chunk(void **state)
{
        size_t n = 2 * SEAL_CHUNK + 999, len;
        uint8_t *file = sealed(n, n, &len), *plain = malloc(n);

        (void)state;
        pattern(plain, n);
        for (uint64_t first = 0; first <= 3; first++) {
                struct sink out = { .p = malloc(n), .cap = n };
                size_t skip = first < 3 ? (size_t)first * SEAL_CHUNK : n;

                assert_int_equal(unseal(file, len, first, 50000, &out), 0);
                assert_int_equal(out.len, n - skip);
                assert_memory_equal(out.p, plain + skip, out.len);
                free(out.p);
        }
        assert_int_equal(unseal(file, len, 4, 50000, NULL), -ERANGE);
        free(file);
        free(plain);
}

/* A file that must not open; nothing of a bad chunk may come out. */
static void refused(const uint8_t *file, size_t len, int want, size_t want_out)
{
        struct sink out = { .p = malloc(4 * SEAL_CHUNK), .cap = 4 * SEAL_CHUNK };

        assert_int_equal(unseal(file, len, 0, SEAL_CHUNK_SEALED, &out), want);
        assert_int_equal(out.len, want_out);
        free(out.p);
}

static void a_shortened_or_lengthened_image_is_refused(void **state)
{
        size_t n = 2 * SEAL_CHUNK + 999, len;
        uint8_t *file = sealed(n, n, &len), *longer = malloc(len + 1);

        (void)state;
        refused(file, SEAL_HEADER_LEN, -EBADMSG, 0);
        refused(file, len - 1, -EBADMSG, 2 * SEAL_CHUNK);
        refused(file, SEAL_HEADER_LEN + 2 * SEAL_CHUNK_SEALED, -EBADMSG, 2 * SEAL_CHUNK);
        refused(file, SEAL_HEADER_LEN + SEAL_CHUNK_SEALED, -EBADMSG, SEAL_CHUNK);
        memcpy(longer, file, len);
        longer[len] = 0;
        refused(longer, len + 1, -EBADMSG, n);
        free(longer);
        free(file);
}

static void reordered_and_repeated_chunks_are_refused(void **state)
{
        size_t n = 3 * SEAL_CHUNK, len;
        uint8_t *file = sealed(n, n, &len), *other = malloc(len);
        uint8_t *c0 = other + SEAL_HEADER_LEN, *c1 = c0 + SEAL_CHUNK_SEALED, *c2 = c1 + SEAL_CHUNK_SEALED;
        const uint8_t *f0 = file + SEAL_HEADER_LEN, *f2 = f0 + 2 * SEAL_CHUNK_SEALED;

        (void)state;
        memcpy(other, file, len);
        memcpy(c0, f0 + SEAL_CHUNK_SEALED, SEAL_CHUNK_SEALED);
        memcpy(c1, f0, SEAL_CHUNK_SEALED);
        refused(other, len, -EKEYREJECTED, 0);
        memcpy(other, file, len);
        memcpy(c1, f2, SEAL_CHUNK_SEALED); /* the last one too early */
        refused(other, len, -EKEYREJECTED, SEAL_CHUNK);
        memcpy(other, file, len);
        memcpy(c2, f0, SEAL_CHUNK_SEALED);
        refused(other, len, -EKEYREJECTED, 2 * SEAL_CHUNK);
        free(other);
        free(file);
}

static void an_image_cut_at_a_chunk_with_its_size_adjusted_is_refused(void **state)
{
        size_t n = 2 * SEAL_CHUNK, len;
        uint8_t *file = sealed(n, n, &len);

        (void)state;
        file[21] = 0x10; /* plain size: 0x200000 becomes 0x100000 */
        refused(file, SEAL_HEADER_LEN + SEAL_CHUNK_SEALED, -EKEYREJECTED, 0);
        free(file);
}

/* The same key, prefix and number: size and last flag differ. */
static void a_last_chunk_is_no_middle_chunk(void **state)
{
        uint8_t two[SEAL_HEADER_LEN], one[SEAL_HEADER_LEN], *buf = calloc(1, SEAL_CHUNK_SEALED);
        struct seal *a, *b;

        (void)state;
        assert_int_equal(seal_header_make(2 * SEAL_CHUNK, SEAL_EROFS, two), 0);
        memcpy(one, two, sizeof(one));
        one[21] = 0x10;
        assert_int_equal(seal_new(key, two, true, &a), 0);
        assert_int_equal(seal_new(key, one, false, &b), 0);
        assert_int_equal(seal_chunk(a, 0, buf, SEAL_CHUNK_SEALED), 0);
        assert_int_equal(seal_open_chunk(b, 0, buf, SEAL_CHUNK_SEALED), -EKEYREJECTED);
        seal_free(a);
        seal_free(b);
        free(buf);
}

static void every_flipped_byte_is_refused_and_leaves_no_plaintext(void **state)
{
        size_t n = 200, len;
        uint8_t *file = sealed(n, n, &len), buf[256], zero[256] = { 0 };

        (void)state;
        for (size_t i = 0; i < len; i++) {
                struct seal *s = NULL;
                int r;

                file[i] ^= 0x40;
                r = seal_new(key, file, false, &s);
                if (r == 0) {
                        memcpy(buf, file + SEAL_HEADER_LEN, len - SEAL_HEADER_LEN);
                        r = seal_open_chunk(s, 0, buf, len - SEAL_HEADER_LEN);
                        if (r == -EKEYREJECTED)
                                assert_memory_equal(buf, zero, len - SEAL_HEADER_LEN);
                }
                assert_int_equal(r, i < 24 || (i >= 47 && i < 64) ? -EBADMSG : -EKEYREJECTED);
                seal_free(s);
                file[i] ^= 0x40;
        }
        free(file);
}

static void the_other_format_in_the_header_is_refused_by_the_first_chunk(void **state)
{
        size_t len;
        uint8_t *file = sealed(100, 100, &len);

        (void)state;
        file[47] = SEAL_EROFS;
        refused(file, len, -EKEYREJECTED, 0);
        free(file);
}

static void another_key_is_refused(void **state)
{
        uint8_t other[SEAL_KEY_LEN], buf[116];
        struct seal *s;
        size_t len;
        uint8_t *file = sealed(100, 100, &len);

        (void)state;
        memcpy(other, key, sizeof(other));
        other[31] ^= 1;
        memcpy(buf, file + SEAL_HEADER_LEN, sizeof(buf));
        assert_int_equal(seal_new(other, file, false, &s), 0);
        assert_int_equal(seal_open_chunk(s, 0, buf, sizeof(buf)), -EKEYREJECTED);
        seal_free(s);
        free(file);
}

static void a_context_goes_on_after_a_refused_chunk(void **state)
{
        uint8_t buf[116], bad[116];
        struct seal *s;
        size_t len;
        uint8_t *file = sealed(100, 100, &len);

        (void)state;
        memcpy(buf, file + SEAL_HEADER_LEN, sizeof(buf));
        memcpy(bad, buf, sizeof(bad));
        bad[115] ^= 1;
        assert_int_equal(seal_new(key, file, false, &s), 0);
        assert_int_equal(seal_open_chunk(s, 0, bad, sizeof(bad)), -EKEYREJECTED);
        assert_int_equal(seal_open_chunk(s, 0, buf, sizeof(buf) - 1), -EBADMSG);
        assert_int_equal(seal_open_chunk(s, 1, buf, sizeof(buf)), -ERANGE);
        assert_int_equal(seal_chunk(s, 0, buf, sizeof(buf)), -EINVAL);
        assert_int_equal(seal_open_chunk(s, 0, buf, sizeof(buf)), 0);
        assert_int_equal(buf[1], 7);
        seal_free(s);
        free(file);
}

static void too_many_bytes_to_seal_are_refused_and_too_few_too(void **state)
{
        uint8_t header[SEAL_HEADER_LEN], out_bytes[256], in[11] = { 0 };
        struct sink out = { .p = out_bytes, .cap = sizeof(out_bytes) };
        struct seal_stream *st;

        (void)state;
        assert_int_equal(seal_header_make(10, SEAL_SQUASHFS, header), 0);
        assert_int_equal(seal_stream_new(key, header, true, 1, collect, &out, &st), -ERANGE);
        assert_int_equal(seal_stream_new(key, header, true, 0, collect, &out, &st), 0);
        assert_int_equal(seal_stream_write(st, in, 9), 0);
        assert_int_equal(seal_stream_finish(st), -EBADMSG);
        assert_int_equal(seal_stream_write(st, in, 1), -EBADMSG);
        seal_stream_free(st);
        assert_int_equal(seal_stream_new(key, header, true, 0, collect, &out, &st), 0);
        assert_int_equal(seal_stream_write(st, in, 11), -EBADMSG);
        seal_stream_free(st);
}

static void a_sink_that_fails_ends_the_stream(void **state)
{
        uint8_t header[SEAL_HEADER_LEN], in[10] = { 0 };
        struct sink out = { .fail = -ENOSPC };
        struct seal_stream *st;

        (void)state;
        assert_int_equal(seal_header_make(10, SEAL_SQUASHFS, header), 0);
        assert_int_equal(seal_stream_new(key, header, true, 0, collect, &out, &st), 0);
        assert_int_equal(seal_stream_write(st, in, 10), -ENOSPC);
        out.fail = 0;
        assert_int_equal(seal_stream_write(st, in, 10), -ENOSPC);
        assert_int_equal(seal_stream_finish(st), -ENOSPC);
        seal_stream_free(st);
}

/* AES-256-GCM by other hands (python3-cryptography), from PROTOCOL.md:
 * key 00..1f, id 10..1f, prefix a0..a6, squashfs, plaintext "muster". */
static void a_sealed_chunk_is_what_another_implementation_makes(void **state)
{
        static const uint8_t want[6 + SEAL_TAG_LEN] = {
                0x1A, 0x14, 0x3A, 0x6A, 0xDD, 0x74, 0x5C, 0x91, 0xEC, 0xD8, 0x4C,
                0xD3, 0xB4, 0x5E, 0x66, 0xA2, 0x92, 0x69, 0x0E, 0xDB, 0x37, 0xEB,
        };
        uint8_t k[32], header[SEAL_HEADER_LEN] = "MUSTERIM", buf[22] = "muster";
        struct seal *s;

        (void)state;
        for (unsigned i = 0; i < 32; i++)
                k[i] = (uint8_t)i;
        header[11] = 1;
        header[15] = 20;
        header[23] = 6;
        for (unsigned i = 0; i < 16; i++)
                header[24 + i] = (uint8_t)(0x10 + i);
        for (unsigned i = 0; i < 7; i++)
                header[40 + i] = (uint8_t)(0xA0 + i);
        header[47] = SEAL_SQUASHFS;
        assert_int_equal(seal_new(k, header, true, &s), 0);
        assert_int_equal(seal_chunk(s, 0, buf, sizeof(buf)), 0);
        assert_memory_equal(buf, want, sizeof(want));
        seal_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sealed_images_open_to_what_was_sealed),
                cmocka_unit_test(an_opening_resumes_at_any_chunk),
                cmocka_unit_test(a_shortened_or_lengthened_image_is_refused),
                cmocka_unit_test(reordered_and_repeated_chunks_are_refused),
                cmocka_unit_test(an_image_cut_at_a_chunk_with_its_size_adjusted_is_refused),
                cmocka_unit_test(a_last_chunk_is_no_middle_chunk),
                cmocka_unit_test(every_flipped_byte_is_refused_and_leaves_no_plaintext),
                cmocka_unit_test(the_other_format_in_the_header_is_refused_by_the_first_chunk),
                cmocka_unit_test(another_key_is_refused),
                cmocka_unit_test(a_context_goes_on_after_a_refused_chunk),
                cmocka_unit_test(too_many_bytes_to_seal_are_refused_and_too_few_too),
                cmocka_unit_test(a_sink_that_fails_ends_the_stream),
                cmocka_unit_test(a_sealed_chunk_is_what_another_implementation_makes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
