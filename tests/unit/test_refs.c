/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_evidence.c"

static const uint8_t zero[DIGEST_LEN];

/* From zero, by hand: H(value ‖ digest). */
static void extend(uint8_t value[DIGEST_LEN], const uint8_t digest[DIGEST_LEN])
{
        uint8_t in[2 * DIGEST_LEN];

        memcpy(in, value, DIGEST_LEN);
        memcpy(in + DIGEST_LEN, digest, DIGEST_LEN);
        fx_hash(in, sizeof(in), value);
}

static void utf16_hash(const char *s, uint8_t ret[DIGEST_LEN])
{
        uint8_t wide[1024] = {0};

        for (size_t i = 0; s[i]; i++)
                wide[2 * i] = (uint8_t)s[i];
        fx_hash(wide, 2 * strlen(s) + 2, ret);
}

static void a_reference_is_computed_from_file_and_command_line(void **state)
{
        struct buf uki = fixture_uki("kernel", "initrd bytes", "embedded line");
        struct boot_ref r = {0};
        uint8_t options[DIGEST_LEN];
        uint8_t initrd[DIGEST_LEN];
        uint8_t pcr[DIGEST_LEN] = {0};

        (void)state;
        assert_int_equal(boot_ref_make("r9", "r9.efi", "a b=c", uki.p, uki.len, &r), 0);
        assert_true(r.complete);
        assert_string_equal(r.cmdline, "a b=c");
        assert_string_equal(r.embedded, "embedded line");
        utf16_hash("r9.efi a b=c", options);
        assert_memory_equal(r.plain.options, options, DIGEST_LEN);
        extend(pcr, options);
        assert_memory_equal(r.plain.pcr12, pcr, DIGEST_LEN);
        fx_hash("initrd bytes", 12, initrd);
        assert_memory_equal(r.initrd, initrd, DIGEST_LEN);
        extend(pcr, initrd);
        assert_memory_equal(r.plain.pcr9, pcr, DIGEST_LEN);
        assert_false(r.plain.embedded);

        /* Secure Boot: the embedded line, nothing in PCR 12 */
        assert_true(r.secure.embedded);
        assert_memory_equal(r.secure.pcr12, zero, DIGEST_LEN);
        memset(pcr, 0, sizeof(pcr));
        utf16_hash("embedded line", options);
        extend(pcr, options);
        extend(pcr, initrd);
        assert_memory_equal(r.secure.pcr9, pcr, DIGEST_LEN);
        boot_ref_free(&r);
        buf_wipe(&uki);
}

static void without_an_embedded_line_both_cases_are_the_same(void **state)
{
        struct buf uki = fixture_uki("kernel", "initrd", NULL);
        struct boot_ref r = {0};

        (void)state;
        assert_int_equal(boot_ref_make("r9", "r9.efi", "a", uki.p, uki.len, &r), 0);
        assert_null(r.embedded);
        assert_memory_equal(r.secure.pcr12, r.plain.pcr12, DIGEST_LEN);
        assert_memory_equal(r.secure.pcr9, r.plain.pcr9, DIGEST_LEN);
        boot_ref_free(&r);
        buf_wipe(&uki);
}

static void every_part_of_a_uki_changes_its_reference(void **state)
{
        struct buf a = fixture_uki("kernel", "initrd", "line");
        struct buf b = fixture_uki("kernel", "initrD", "line");
        struct buf c = fixture_uki("kerneL", "initrd", "line");
        struct boot_ref ra = {0};
        struct boot_ref rb = {0};
        struct boot_ref rc = {0};

        (void)state;
        assert_int_equal(boot_ref_make("a", "x.efi", "l", a.p, a.len, &ra), 0);
        assert_int_equal(boot_ref_make("b", "x.efi", "l", b.p, b.len, &rb), 0);
        assert_int_equal(boot_ref_make("c", "x.efi", "l", c.p, c.len, &rc), 0);
        assert_memory_equal(ra.kernel, rb.kernel, DIGEST_LEN);
        assert_memory_not_equal(ra.kernel, rc.kernel, DIGEST_LEN);
        assert_memory_not_equal(ra.uki, rb.uki, DIGEST_LEN);
        assert_memory_not_equal(ra.uki, rc.uki, DIGEST_LEN);
        assert_memory_not_equal(ra.pcr11, rb.pcr11, DIGEST_LEN);
        assert_memory_not_equal(ra.plain.pcr9, rb.plain.pcr9, DIGEST_LEN);
        boot_ref_free(&ra);
        boot_ref_free(&rb);
        boot_ref_free(&rc);
        buf_wipe(&a);
        buf_wipe(&b);
        buf_wipe(&c);
}

static void what_is_no_uki_gives_no_reference(void **state)
{
        const struct fx_section text = {".text", "x", 1};
        struct buf pe = fixture_pe(&text, 1);
        struct buf uki = fixture_uki("kernel", "initrd", NULL);
        struct boot_ref r = {0};
        char *big = malloc(REFS_CMDLINE_MAX + 2);

        (void)state;
        assert_non_null(big);
        memset(big, 'x', REFS_CMDLINE_MAX + 1);
        big[REFS_CMDLINE_MAX + 1] = '\0';
        assert_int_equal(boot_ref_make("a", "x.efi", "l", pe.p, pe.len, &r), -EBADMSG);
        assert_int_equal(boot_ref_make("a", "x.efi", "l", (const uint8_t *)"text", 4, &r), -EBADMSG);
        assert_int_equal(boot_ref_make("a", "x.efi", "", uki.p, uki.len, &r), -EINVAL);
        assert_int_equal(boot_ref_make("a", "", "l", uki.p, uki.len, &r), -EINVAL);
        assert_int_equal(boot_ref_make("", "x.efi", "l", uki.p, uki.len, &r), -EINVAL);
        assert_int_equal(boot_ref_make("a", "x.efi", big, uki.p, uki.len, &r), -E2BIG);
        assert_int_equal(boot_ref_make(big, "x.efi", "l", uki.p, uki.len, &r), -E2BIG);
        assert_false(r.complete);
        assert_null(r.cmdline);
        free(big);
        buf_wipe(&pe);
        buf_wipe(&uki);
}

static void ipxe_binaries_are_found_by_digest(void **state)
{
        const struct fx_section text = {".text", "ipxe", 4};
        struct buf pe = fixture_pe(&text, 1);
        struct ipxe_set set = {0};

        (void)state;
        assert_null(ipxe_set_find(&set, zero));
        assert_int_equal(ipxe_set_add(&set, "snponly.efi", pe.p, pe.len), 0);
        assert_string_equal(ipxe_set_find(&set, set.v[0].digest), "snponly.efi");
        assert_null(ipxe_set_find(&set, zero));
        assert_int_equal(ipxe_set_add(&set, "x", (const uint8_t *)"no PE", 5), -EBADMSG);
        assert_int_equal(set.n, 1);
        set.n = REFS_IPXE_MAX;
        assert_int_equal(ipxe_set_add(&set, "x", pe.p, pe.len), -E2BIG);
        buf_wipe(&pe);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_reference_is_computed_from_file_and_command_line),
                cmocka_unit_test(without_an_embedded_line_both_cases_are_the_same),
                cmocka_unit_test(every_part_of_a_uki_changes_its_reference),
                cmocka_unit_test(what_is_no_uki_gives_no_reference),
                cmocka_unit_test(ipxe_binaries_are_found_by_digest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
