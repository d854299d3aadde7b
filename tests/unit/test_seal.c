/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "digest.h"
#include "seal.h"

static const uint8_t key[SEAL_KEY_LEN] = "an image key of thirty-two bytes";

/* A sealed file: header, list, chunks. */
struct file {
        uint8_t *p;
        size_t len;
        struct seal_header h;
        uint8_t digest[DIGEST_LEN]; /* of the list, as the manifest has it */
};

static void pattern(uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(i * 7 + (i >> 8) + (i >> 18));
}

static uint8_t *list_of(const struct file *f)
{
        return f->p + SEAL_HEADER_LEN;
}

static uint8_t *chunk_of(const struct file *f, uint64_t i, size_t *ret_len)
{
        uint64_t at;
        size_t plain;

        assert_int_equal(seal_chunk_at(&f->h, i, &at, &plain), 0);
        *ret_len = plain + SEAL_TAG_LEN;
        return f->p + at;
}

/* Seals chunk i of n pattern bytes with this key, list entry included. */
static void seal_into(const struct file *f, const uint8_t k[SEAL_KEY_LEN], uint64_t i, const uint8_t *plain)
{
        struct seal *s;
        size_t len;
        uint8_t *c = chunk_of(f, i, &len);

        memcpy(c, plain + (i << SEAL_CHUNK_LOG2), len - SEAL_TAG_LEN);
        assert_int_equal(seal_new(k, f->p, true, &s), 0);
        assert_int_equal(seal_chunk(s, list_of(f), i, c, len), 0);
        seal_free(s);
}

static struct file sealed(size_t n)
{
        uint8_t header[SEAL_HEADER_LEN], *plain = malloc(n);
        struct file f = { 0 };

        assert_non_null(plain);
        pattern(plain, n);
        assert_int_equal(seal_header_make(n, header), 0);
        assert_int_equal(seal_header_parse(header, sizeof(header), &f.h), 0);
        f.len = (size_t)f.h.sealed_size;
        f.p = malloc(f.len);
        assert_non_null(f.p);
        memcpy(f.p, header, sizeof(header));
        for (uint64_t i = 0; i < f.h.chunks; i++)
                seal_into(&f, key, i, plain);
        assert_int_equal(digest_sha256(list_of(&f), f.h.list_len, f.digest), 0);
        free(plain);
        return f;
}

/* Opens chunk i of a copy: 0 and what it holds, or an error and zeroes. */
static int open_one(const struct file *f, uint64_t i, uint8_t *out)
{
        struct seal *s = NULL;
        size_t len;
        const uint8_t *c = chunk_of(f, i, &len);
        int r = seal_new(key, f->p, false, &s);

        memcpy(out, c, len);
        if (r == 0)
                r = seal_open_chunk(s, list_of(f), i, out, len);
        if (r == -EKEYREJECTED)
                for (size_t k = 0; k < len; k++)
                        assert_int_equal(out[k], 0);
        seal_free(s);
        return r;
}

/* The digest in the list is made that of the chunk as it is now, so that only the cipher can tell. */
static void relist(const struct file *f, uint64_t i)
{
        size_t len;
        const uint8_t *c = chunk_of(f, i, &len);

        assert_int_equal(digest_sha256(c, len, list_of(f) + i * DIGEST_LEN), 0);
}

static void opens(const struct file *f, uint64_t i, int want)
{
        uint8_t *out = malloc(SEAL_CHUNK_SEALED);

        assert_int_equal(open_one(f, i, out), want);
        free(out);
}

static void round_trip(size_t n)
{
        uint8_t *plain = malloc(n), *out = malloc(SEAL_CHUNK_SEALED);
        struct file f = sealed(n);

        pattern(plain, n);
        assert_int_equal(seal_list_check(&f.h, list_of(&f), f.h.list_len, f.digest), 0);
        for (uint64_t i = f.h.chunks; i-- > 0;) { /* in any order */
                uint64_t at;
                size_t len;

                assert_int_equal(seal_chunk_at(&f.h, i, &at, &len), 0);
                assert_int_equal(open_one(&f, i, out), 0);
                assert_memory_equal(out, plain + (i << SEAL_CHUNK_LOG2), len);
        }
        free(f.p);
        free(plain);
        free(out);
}

static void sealed_images_open_to_what_was_sealed(void **state)
{
        (void)state;
        round_trip(1);
        round_trip(5000);
        round_trip(SEAL_CHUNK - 1);
        round_trip(SEAL_CHUNK);
        round_trip(SEAL_CHUNK + 1);
        round_trip(3 * SEAL_CHUNK + 12345);
}

/* Who has the key, as every node of the image, can make a good tag for other bytes. */
static void a_chunk_resealed_with_the_right_key_is_refused(void **state)
{
        size_t n = 2 * SEAL_CHUNK + 999;
        struct file f = sealed(n);
        uint8_t *other = calloc(1, n), *was = malloc(f.h.list_len);

        (void)state;
        opens(&f, 1, 0);
        memcpy(was, list_of(&f), f.h.list_len);
        seal_into(&f, key, 1, other);
        opens(&f, 1, 0); /* the tag is good, and the list went with it: */
        assert_int_equal(seal_list_check(&f.h, list_of(&f), f.h.list_len, f.digest), -EKEYREJECTED);
        memcpy(list_of(&f), was, f.h.list_len);
        assert_int_equal(seal_list_check(&f.h, list_of(&f), f.h.list_len, f.digest), 0);
        opens(&f, 0, 0);
        opens(&f, 1, -EKEYREJECTED);
        opens(&f, 2, 0);
        free(other);
        free(was);
        free(f.p);
}

static void a_list_that_is_not_the_manifest_s_is_refused(void **state)
{
        struct file f = sealed(3 * SEAL_CHUNK);
        uint8_t *longer = calloc(1, f.h.list_len + DIGEST_LEN);

        (void)state;
        memcpy(longer, list_of(&f), f.h.list_len);
        assert_int_equal(seal_list_check(&f.h, longer, f.h.list_len, f.digest), 0);
        assert_int_equal(seal_list_check(&f.h, longer, f.h.list_len - DIGEST_LEN, f.digest), -EBADMSG);
        assert_int_equal(seal_list_check(&f.h, longer, f.h.list_len + DIGEST_LEN, f.digest), -EBADMSG);
        assert_int_equal(seal_list_check(&f.h, longer, f.h.list_len - 1, f.digest), -EBADMSG);
        for (size_t i = 0; i < f.h.list_len; i++) {
                longer[i] ^= 0x20;
                assert_int_equal(seal_list_check(&f.h, longer, f.h.list_len, f.digest), -EKEYREJECTED);
                longer[i] ^= 0x20;
        }
        free(longer);
        free(f.p);
}

static void a_chunk_of_another_length_is_refused(void **state)
{
        struct file f = sealed(SEAL_CHUNK + 999);
        uint8_t *buf = malloc(SEAL_CHUNK_SEALED + 1);
        struct seal *s;

        (void)state;
        assert_int_equal(seal_new(key, f.p, false, &s), 0);
        memset(buf, 7, SEAL_CHUNK_SEALED + 1);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 0, buf, SEAL_CHUNK_SEALED - 1), -EBADMSG);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 0, buf, SEAL_CHUNK_SEALED + 1), -EBADMSG);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 1, buf, SEAL_CHUNK_SEALED), -EBADMSG);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 2, buf, SEAL_CHUNK_SEALED), -ERANGE);
        seal_free(s);
        free(buf);
        free(f.p);
}

/* With a list that says so too. */
static void reordered_and_repeated_chunks_are_refused(void **state)
{
        struct file f = sealed(3 * SEAL_CHUNK);
        uint8_t *spare = malloc(SEAL_CHUNK_SEALED), *c0, *c1, *c2;
        size_t len;

        (void)state;
        c0 = chunk_of(&f, 0, &len);
        c1 = chunk_of(&f, 1, &len);
        c2 = chunk_of(&f, 2, &len);
        memcpy(spare, c0, len);
        memcpy(c0, c1, len);
        opens(&f, 0, -EKEYREJECTED);
        relist(&f, 0);
        opens(&f, 0, -EKEYREJECTED);
        memcpy(c1, c2, len); /* the last one too early */
        relist(&f, 1);
        opens(&f, 1, -EKEYREJECTED);
        memcpy(c2, spare, len);
        relist(&f, 2);
        opens(&f, 2, -EKEYREJECTED);
        memcpy(c0, spare, len);
        relist(&f, 0);
        opens(&f, 0, 0);
        free(spare);
        free(f.p);
}

/* The same key, prefix and number: size and last flag differ. */
static void a_last_chunk_is_no_middle_chunk(void **state)
{
        uint8_t two[SEAL_HEADER_LEN], one[SEAL_HEADER_LEN], *buf = calloc(1, SEAL_CHUNK_SEALED), list[2 * DIGEST_LEN];
        struct seal *a, *b;

        (void)state;
        assert_int_equal(seal_header_make(2 * SEAL_CHUNK, two), 0);
        memcpy(one, two, sizeof(one));
        one[21] = 0x04; /* plain size: 0x80000 becomes 0x40000 */
        assert_int_equal(seal_new(key, two, true, &a), 0);
        assert_int_equal(seal_new(key, one, false, &b), 0);
        assert_int_equal(seal_chunk(a, list, 0, buf, SEAL_CHUNK_SEALED), 0);
        assert_int_equal(seal_open_chunk(b, list, 0, buf, SEAL_CHUNK_SEALED), -EKEYREJECTED);
        seal_free(a);
        seal_free(b);
        free(buf);
}

/* By the list, and where that was made to agree by the cipher. */
static void every_flipped_byte_is_refused_and_leaves_no_plaintext(void **state)
{
        struct file f = sealed(200);
        uint8_t *out = malloc(SEAL_CHUNK_SEALED);

        (void)state;
        for (size_t i = 0; i < f.len; i++) {
                bool shape = i < 24 || (i >= 47 && i < 64);
                int want = i >= 8 && i < 12 ? -EPROTO : shape ? -EBADMSG : -EKEYREJECTED;
                uint8_t was[DIGEST_LEN];

                memcpy(was, list_of(&f), sizeof(was));
                f.p[i] ^= 0x40;
                assert_int_equal(open_one(&f, 0, out), want);
                if (i < SEAL_HEADER_LEN || i >= SEAL_HEADER_LEN + DIGEST_LEN) {
                        relist(&f, 0);
                        assert_int_equal(open_one(&f, 0, out), want);
                }
                f.p[i] ^= 0x40;
                memcpy(list_of(&f), was, sizeof(was));
        }
        assert_int_equal(open_one(&f, 0, out), 0);
        free(out);
        free(f.p);
}

static void another_image_id_in_the_header_is_refused_by_the_first_chunk(void **state)
{
        struct file f = sealed(100);

        (void)state;
        opens(&f, 0, 0);
        f.p[24] ^= 1; /* image id: in the associated data only */
        opens(&f, 0, -EKEYREJECTED);
        free(f.p);
}

static void another_key_is_refused(void **state)
{
        uint8_t other[SEAL_KEY_LEN], buf[116];
        struct file f = sealed(100);
        struct seal *s;
        size_t len;

        (void)state;
        memcpy(other, key, sizeof(other));
        other[31] ^= 1;
        memcpy(buf, chunk_of(&f, 0, &len), sizeof(buf));
        assert_int_equal(seal_new(other, f.p, false, &s), 0);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 0, buf, sizeof(buf)), -EKEYREJECTED);
        seal_free(s);
        free(f.p);
}

static void a_context_goes_on_after_a_refused_chunk(void **state)
{
        uint8_t buf[116], bad[116], list[DIGEST_LEN];
        struct file f = sealed(100);
        struct seal *s;
        size_t len;

        (void)state;
        memcpy(buf, chunk_of(&f, 0, &len), sizeof(buf));
        memcpy(bad, buf, sizeof(bad));
        bad[115] ^= 1;
        assert_int_equal(digest_sha256(bad, sizeof(bad), list), 0);
        assert_int_equal(seal_new(key, f.p, false, &s), 0);
        assert_int_equal(seal_open_chunk(s, list, 0, bad, sizeof(bad)), -EKEYREJECTED);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 0, buf, sizeof(buf) - 1), -EBADMSG);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 1, buf, sizeof(buf)), -ERANGE);
        assert_int_equal(seal_chunk(s, list, 0, buf, sizeof(buf)), -EINVAL);
        assert_int_equal(seal_open_chunk(s, list_of(&f), 0, buf, sizeof(buf)), 0);
        assert_int_equal(buf[1], 7);
        seal_free(s);
        free(f.p);
}

/* AES-256-GCM by other hands (python3-cryptography), from PROTOCOL.md:
 * key 00..1f, id 10..1f, prefix a0..a6, squashfs, plaintext "muster"; its digest as sha256sum has it. */
static void a_sealed_chunk_is_what_another_implementation_makes(void **state)
{
        static const uint8_t want[6 + SEAL_TAG_LEN] = {
                0x1A, 0x14, 0x3A, 0x6A, 0xDD, 0x74, 0xEF, 0x4F, 0x58, 0xCC, 0xE0,
                0xCC, 0x21, 0xD8, 0x45, 0xD8, 0x56, 0x43, 0xBE, 0x29, 0xD5, 0xE7,
        };
        static const uint8_t digest[DIGEST_LEN] = {
                0xF3, 0x9A, 0xC5, 0x3F, 0x88, 0x7C, 0x93, 0x74, 0xA3, 0x1B, 0xAE,
                0x7B, 0xF3, 0xC5, 0x00, 0x58, 0x36, 0x3D, 0x71, 0x33, 0x72, 0x26,
                0xDB, 0x66, 0xC7, 0x51, 0x92, 0xF5, 0x8C, 0x83, 0x36, 0x41,
        };
        uint8_t k[32], header[SEAL_HEADER_LEN] = "MUSTERIM", buf[22] = "muster", list[DIGEST_LEN];
        struct seal *s;

        (void)state;
        for (unsigned i = 0; i < 32; i++)
                k[i] = (uint8_t)i;
        header[11] = 2;
        header[15] = 18;
        header[23] = 6;
        for (unsigned i = 0; i < 16; i++)
                header[24 + i] = (uint8_t)(0x10 + i);
        for (unsigned i = 0; i < 7; i++)
                header[40 + i] = (uint8_t)(0xA0 + i);
        header[47] = 1;
        assert_int_equal(seal_new(k, header, true, &s), 0);
        assert_int_equal(seal_chunk(s, list, 0, buf, sizeof(buf)), 0);
        assert_memory_equal(buf, want, sizeof(want));
        assert_memory_equal(list, digest, sizeof(digest));
        seal_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sealed_images_open_to_what_was_sealed),
                cmocka_unit_test(a_chunk_resealed_with_the_right_key_is_refused),
                cmocka_unit_test(a_list_that_is_not_the_manifest_s_is_refused),
                cmocka_unit_test(a_chunk_of_another_length_is_refused),
                cmocka_unit_test(reordered_and_repeated_chunks_are_refused),
                cmocka_unit_test(a_last_chunk_is_no_middle_chunk),
                cmocka_unit_test(every_flipped_byte_is_refused_and_leaves_no_plaintext),
                cmocka_unit_test(another_image_id_in_the_header_is_refused_by_the_first_chunk),
                cmocka_unit_test(another_key_is_refused),
                cmocka_unit_test(a_context_goes_on_after_a_refused_chunk),
                cmocka_unit_test(a_sealed_chunk_is_what_another_implementation_makes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
