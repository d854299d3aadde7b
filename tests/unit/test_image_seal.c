/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PLAIN (2 * SEAL_CHUNK + 12345)

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
        struct image_job j = { .name = "base", .format = SEAL_EROFS };
        struct fail f = { 0 };

        (void)snprintf(j.dir, sizeof(j.dir), "%s", dir);
        assert_int_equal(image_job_begin(&j, &f), 0);
        return j;
}

static void what_is_sealed_opens_again_under_its_key_only(void **state)
{
        struct image_job j = begin();
        struct image_sealed s = { 0 };
        struct fail f = { 0 };
        struct seal_header h;
        char path[512];
        FILE *in;
        FILE *want;

        (void)state;
        assert_int_equal(image_seal(&j, plain, &s, &f), 0);
        image_job_end(&j);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, s.base);
        in = fopen(path, "r");
        want = fopen(plain, "r");
        assert_non_null(in);
        assert_non_null(want);
        assert_int_equal(s.plain_size, PLAIN);
        assert_int_equal(seal_header_check(s.header, sizeof(s.header), s.header, s.size, PLAIN), 0);
        assert_int_equal(seal_header_parse(s.header, sizeof(s.header), &h), 0);
        assert_int_equal(h.format, SEAL_EROFS);
        assert_int_equal(fseek(in, SEAL_HEADER_LEN, SEEK_SET), 0);
        for (uint64_t i = 0; i < h.chunks; i++) {
                uint8_t *sealed = malloc(SEAL_CHUNK_SEALED);
                uint8_t *other = malloc(SEAL_CHUNK_SEALED);
                uint8_t wrong[SEAL_KEY_LEN] = { 1 };
                struct seal *opener = NULL;
                struct seal *thief = NULL;
                uint64_t at;
                size_t n;

                assert_int_equal(seal_chunk_at(&h, i, &at, &n), 0);
                assert_int_equal(fread(sealed, 1, n + SEAL_TAG_LEN, in), n + SEAL_TAG_LEN);
                memcpy(other, sealed, n + SEAL_TAG_LEN);
                assert_int_equal(seal_new(s.key, s.header, false, &opener), 0);
                assert_int_equal(seal_new(wrong, s.header, false, &thief), 0);
                assert_int_equal(seal_open_chunk(thief, i, other, n + SEAL_TAG_LEN), -EKEYREJECTED);
                assert_int_equal(seal_open_chunk(opener, i, sealed, n + SEAL_TAG_LEN), 0);
                assert_int_equal(fread(other, 1, n, want), n);
                assert_memory_equal(sealed, other, n);
                seal_free(opener);
                seal_free(thief);
                free(sealed);
                free(other);
        }
        assert_int_equal(fgetc(in), EOF);
        (void)fclose(in);
        (void)fclose(want);
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
                cmocka_unit_test_setup_teardown(what_is_sealed_opens_again_under_its_key_only, setup, teardown),
                cmocka_unit_test_setup_teardown(two_sealings_share_neither_key_nor_header, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failed_sealing_leaves_nothing_and_no_key, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
