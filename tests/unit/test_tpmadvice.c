/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "tpmadvice.h"

static struct tpm_advices a;
static unsigned line;
static const char *why;

static int parse(const char *text)
{
        return tpmadvice_parse(text, strlen(text), &a, &line, &why);
}

#define V(one, two) ((uint64_t)(one) << 32 | (two))

static bool named(const char *maker, uint64_t version)
{
        return tpmadvice_find(&a, 0, maker, version) < a.n;
}

static void versions_from_the_first_to_the_fixed_one_are_named(void **state)
{
        (void)state;
        assert_int_equal(parse("# a comment\n\n  IFX 0x00070000.0x00000000\t0x0007003e.0x00000005 CVE-1 keys https://x.example/1\n"), 0);
        assert_int_equal(a.n, 1);
        assert_true(named("IFX", V(0x70000, 0)));
        assert_true(named("IFX", V(0x7003e, 4)));
        assert_false(named("IFX", V(0x7003e, 5)));
        assert_false(named("IFX", V(0x6ffff, 0xffffffff)));
        assert_false(named("STM", V(0x70000, 0)));
        assert_false(named("", V(0x70000, 0)));
        assert_string_equal(a.v[0].id, "CVE-1");
        assert_string_equal(a.v[0].falls, "keys");
        assert_string_equal(a.v[0].source, "https://x.example/1");
}

static void an_unknown_fix_names_every_version(void **state)
{
        (void)state;
        assert_int_equal(parse("AMD any unknown CVE-1 attest,keys s\nAMD any unknown CVE-2 keys s"), 0);
        assert_true(named("AMD", 0));
        assert_true(named("AMD", UINT64_MAX));
        assert_int_equal(tpmadvice_find(&a, 1, "AMD", 7), 1);
        assert_int_equal(tpmadvice_find(&a, 2, "AMD", 7), a.n);
}

static void bad(const char *text, unsigned at)
{
        a.n = 77;
        if (parse(text) != -EBADMSG || line != at || !why || a.n != 77)
                fail_msg("'%s': line %u, %s", text, line, why ? why : "");
}

static void a_line_that_is_not_as_it_has_to_be_refuses_the_file(void **state)
{
        (void)state;
        assert_int_equal(parse("AMD any unknown CVE-1 keys s"), 0); /* the control */
        bad("AMD any unknown CVE-1 keys", 1);
        bad("\n\nAMD any unknown CVE-1 keys s more", 3);
        bad("#\nNINELETTER any unknown CVE-1 keys s", 2);
        bad("AMD 7.85 unknown CVE-1 keys s", 1);
        bad("AMD any 0x00070055 CVE-1 keys s", 1);
        bad("AMD any 0x0007005g.0x00000000 CVE-1 keys s", 1);
        bad("AMD any 0x00070055.0x0000000 CVE-1 keys s", 1);
        bad("AMD any 0x00070055:0x00000000 CVE-1 keys s", 1);
        bad("AMD 0x00070055.0x00000000 0x00070055.0x00000000 CVE-1 keys s", 1);
        bad("AMD any 0x00000000.0x00000000 CVE-1 keys s", 1);
        bad("AMD any unknown CVE-1 all s", 1);
        bad("AMD any unknown CVE-1 keys \xc3\xa4", 1);
        bad("AMD any unknown 123456789012345678901234567890123 keys s", 1);
        assert_int_equal(tpmadvice_parse("AMD any unknown CVE-1 keys s\0", 29, &a, &line, &why), -EBADMSG);
}

static void a_line_over_400_bytes_is_refused(void **state)
{
        char text[402] = "";

        (void)state;
        memset(text, '#', 400); /* a comment, which is read as any other line */
        assert_int_equal(parse(text), 0);
        text[400] = '#';
        bad(text, 1);
        assert_string_equal(why, "it is longer than 400 bytes, or holds a zero byte");
}

static void more_than_fits_is_refused(void **state)
{
        static char text[TPMADVICE_FILE_MAX + 2];
        size_t n = 0;

        (void)state;
        for (size_t i = 0; i < TPMADVICE_MAX; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "AMD any unknown CVE-1 keys s\n");
        assert_int_equal(parse(text), 0);
        assert_int_equal(a.n, TPMADVICE_MAX);
        (void)snprintf(text + n, sizeof(text) - n, "AMD any unknown CVE-1 keys s\n");
        bad(text, TPMADVICE_MAX + 1);
        memset(text, '\n', sizeof(text) - 1);
        bad(text, 0);
}

static void a_version_is_shown_as_its_halves(void **state)
{
        char text[TPM_VERSION_TEXT];

        (void)state;
        tpm_version_text(V(0x70055, 0x11cb02), text);
        assert_string_equal(text, "0x00070055.0x0011cb02");
        tpm_version_text(UINT64_MAX, text);
        assert_string_equal(text, "0xffffffff.0xffffffff");
}

/* The file that is installed. */
static void the_shipped_table_is_in_order(void **state)
{
        static char text[TPMADVICE_FILE_MAX];
        FILE *f = fopen("bootserver/tpm-advisories", "re");
        size_t n;

        (void)state;
        assert_non_null(f);
        n = fread(text, 1, sizeof(text), f);
        (void)fclose(f);
        assert_int_equal(tpmadvice_parse(text, n, &a, &line, &why), 0);
        assert_true(named("AMD", V(6, 0x20002)));
        assert_true(named("INTC", V(0x20000, 0)));
        assert_true(named("IFX", V(0x7003d, 0)));
        assert_false(named("IFX", V(0x70055, 0x11cb02)));
        assert_false(named("IBM", V(0x20191023, 0x163636)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_from_the_first_to_the_fixed_one_are_named),
                cmocka_unit_test(an_unknown_fix_names_every_version),
                cmocka_unit_test(a_line_that_is_not_as_it_has_to_be_refuses_the_file),
                cmocka_unit_test(a_line_over_400_bytes_is_refused),
                cmocka_unit_test(more_than_fits_is_refused),
                cmocka_unit_test(a_version_is_shown_as_its_halves),
                cmocka_unit_test(the_shipped_table_is_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
