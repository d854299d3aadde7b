/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"
#include "image.h"
#include "files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PLAIN (9 * SEAL_CHUNK + 12345)

static char dir[64];
static char plain[128];

static int setup(void **state)
{
        FILE *f;

        (void)state;
        strcpy(dir, "/tmp/muster-image.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        (void)snprintf(plain, sizeof(plain), "%s/plain", dir);
        f = fopen(plain, "w");
        for (size_t i = 0; f && i < PLAIN; i++)
                (void)fputc((int)(i * 31 + i / 4096), f);
        return f ? fclose(f) : -1;
}

static int teardown(void **state)
{
        (void)state;
        (void)unlink(plain);
        return rmdir(dir); /* fails when a test left a file */
}

static struct image_job begin(void)
{
        struct image_job j = { .name = "base" };
        struct fail f = { 0 };

        (void)snprintf(j.dir, sizeof(j.dir), "%s", dir);
        assert_int_equal(image_job_begin(&j, &f), 0);
        return j;
}

static uint8_t *read_whole(const char *path, size_t *ret_len)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        uint8_t *p;

        assert_int_equal(file_read(path, 1 << 24, &b), 0);
        *ret_len = b.len;
        p = b.p;
        b = (struct buf){ 0 };
        return p;
}

/* What one thread after the other makes of these bytes, with this key and header. */
static uint8_t *seal_in_order(const struct image_sealed *s, const uint8_t *from, const struct seal_header *h)
{
        uint8_t *p = malloc(h->sealed_size);
        struct seal *seal;

        assert_non_null(p);
        memcpy(p, s->header, SEAL_HEADER_LEN);
        assert_int_equal(seal_new(s->key, s->header, true, &seal), 0);
        for (uint64_t i = 0; i < h->chunks; i++) {
                uint64_t at;
                size_t n;

                assert_int_equal(seal_chunk_at(h, i, &at, &n), 0);
                memcpy(p + at, from + (i << SEAL_CHUNK_LOG2), n);
                assert_int_equal(seal_chunk(seal, p + SEAL_HEADER_LEN, i, p + at, n + SEAL_TAG_LEN), 0);
        }
        seal_free(seal);
        return p;
}

static void the_sealed_file_is_the_same_for_any_number_of_threads(void **state)
{
        static const unsigned threads[] = { 1, 2, 7, 64, 1000, 0 };
        size_t plain_len;
        uint8_t *from = read_whole(plain, &plain_len);

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(threads); k++) {
                struct image_job j = begin();
                struct image_sealed s = { 0 };
                struct fail f = { 0 };
                struct seal_header h;
                uint8_t *got;
                uint8_t *want;
                char path[512];
                size_t len;

                j.threads = threads[k];
                assert_int_equal(image_seal(&j, plain, &s, &f), 0);
                image_job_end(&j);
                (void)snprintf(path, sizeof(path), "%s/%s", dir, s.base);
                assert_int_equal(seal_header_parse(s.header, sizeof(s.header), &h), 0);
                got = read_whole(path, &len);
                want = seal_in_order(&s, from, &h);
                assert_int_equal(len, h.sealed_size);
                assert_memory_equal(got, want, len);
                assert_int_equal(seal_list_check(&h, got + SEAL_HEADER_LEN, h.list_len, s.list), 0);
                free(got);
                free(want);
                assert_int_equal(unlink(path), 0);
        }
        free(from);
}

static void what_is_sealed_opens_again_under_its_key_only(void **state)
{
        struct image_job j = begin();
        struct image_sealed s = { 0 };
        struct fail f = { 0 };
        struct seal_header h;
        char path[512];
        size_t plain_len;
        size_t len;
        uint8_t *file;
        uint8_t *from = read_whole(plain, &plain_len);

        (void)state;
        assert_int_equal(image_seal(&j, plain, &s, &f), 0);
        image_job_end(&j);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, s.base);
        file = read_whole(path, &len);
        assert_int_equal(s.plain_size, PLAIN);
        assert_int_equal(s.size, len);
        assert_int_equal(seal_header_check(file, SEAL_HEADER_LEN, s.header, len, PLAIN), 0);
        assert_int_equal(seal_header_parse(s.header, sizeof(s.header), &h), 0);
        for (uint64_t i = 0; i < h.chunks; i++) {
                const uint8_t *list = file + SEAL_HEADER_LEN;
                uint8_t *other = malloc(SEAL_CHUNK_SEALED);
                uint8_t wrong[SEAL_KEY_LEN] = { 1 };
                struct seal *opener = NULL;
                struct seal *thief = NULL;
                uint64_t at;
                size_t n;

                assert_int_equal(seal_chunk_at(&h, i, &at, &n), 0);
                memcpy(other, file + at, n + SEAL_TAG_LEN);
                assert_int_equal(seal_new(s.key, s.header, false, &opener), 0);
                assert_int_equal(seal_new(wrong, s.header, false, &thief), 0);
                assert_int_equal(seal_open_chunk(thief, list, i, other, n + SEAL_TAG_LEN), -EKEYREJECTED);
                assert_int_equal(seal_open_chunk(opener, list, i, file + at, n + SEAL_TAG_LEN), 0);
                assert_memory_equal(file + at, from + (i << SEAL_CHUNK_LOG2), n);
                seal_free(opener);
                seal_free(thief);
                free(other);
        }
        free(file);
        free(from);
        assert_int_equal(unlink(path), 0);
}

static void two_sealings_share_neither_key_nor_header(void **state)
{
        struct image_job j = begin();
        struct image_sealed a = { 0 };
        struct image_sealed b = { 0 };
        struct fail f = { 0 };
        char path[512];

        (void)state;
        assert_int_equal(image_seal(&j, plain, &a, &f), 0);
        assert_int_equal(image_seal(&j, plain, &b, &f), 0);
        image_job_end(&j);
        assert_memory_not_equal(a.key, b.key, sizeof(a.key));
        assert_memory_not_equal(a.header, b.header, sizeof(a.header));
        assert_string_not_equal(a.base, b.base);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, a.base);
        assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, b.base);
        assert_int_equal(unlink(path), 0);
}

static void a_failed_sealing_leaves_nothing_and_no_key(void **state)
{
        struct image_sealed s = { 0 };
        struct image_sealed zero = { 0 };
        struct fail f = { 0 };
        struct image_job j = begin();

        (void)state;
        assert_int_equal(image_seal(&j, "/nonexistent", &s, &f), MUSTER_IO);
        assert_non_null(strstr(f.what, "/nonexistent"));
        assert_int_equal(image_seal(&j, "/dev/null", &s, &f), MUSTER_USAGE);
        image_job_end(&j);
        assert_memory_equal(&s, &zero, sizeof(s));
        assert_int_equal(rmdir(j.work), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_sealed_file_is_the_same_for_any_number_of_threads, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_sealed_opens_again_under_its_key_only, setup, teardown),
                cmocka_unit_test_setup_teardown(two_sealings_share_neither_key_nor_header, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failed_sealing_leaves_nothing_and_no_key, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
