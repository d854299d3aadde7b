/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "explain.h"
#include "fixture_decide.h"

static struct jstrs lines;

static int setup_lines(void **state)
{
        lines = (struct jstrs){0};
        return setup(state);
}

static int teardown_lines(void **state)
{
        jstrs_free(&lines);
        return teardown(state);
}

/* Every explanation is plain, short, names its code first and says last
 * what to do. */
static void explain(void)
{
        jstrs_free(&lines);
        assert_int_equal(explain_decision(&d, fx.evidence, &fx.refs, &lines), 0);
        assert_in_range(lines.n, 2, EXPLAIN_LINES);
        for (size_t i = 0; i < lines.n; i++) {
                assert_in_range(strlen(lines.v[i]), 1, EXPLAIN_LINE);
                for (const char *p = lines.v[i]; *p; p++)
                        assert_in_range(*p, 0x20, 0x7e);
                if (getenv("EXPLAIN_SHOW"))
                        print_message("    %s\n", lines.v[i]);
        }
        assert_non_null(strstr(lines.v[0], d.code));
        assert_memory_equal(lines.v[lines.n - 1], "Next: ", 6);
}

static bool says(const char *text)
{
        for (size_t i = 0; i < lines.n; i++)
                if (strstr(lines.v[i], text))
                        return true;
        return false;
}

static void added_words_of_a_command_line_are_named(void **state)
{
        (void)state;
        boot_with(FX_FILE " root=muster rd.break rd.shell=0 rd.emergency=reboot");
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("Added word: rd.break"));
        assert_true(says("Missing word: console=ttyS0"));
        assert_true(says("expected: " FX_FILE " " FX_CMDLINE));
        assert_true(says("used:     " FX_FILE " root=muster rd.break"));
        assert_false(says("Added word: root=muster"));
}

static void so_many_words_that_comparing_takes_long_are_not_all_compared(void **state)
{
        char line[254] = FX_FILE;
        size_t n = strlen(line);

        (void)state;
        for (; n + 3 < sizeof(line); n += 2)
                memcpy(line + n, " x", 3);
        boot_with(line);
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("Added word: only the first 100 words were compared"));
        assert_true(says("Missing word: console=ttyS0"));
}

static void a_word_given_twice_is_an_added_word(void **state)
{
        (void)state;
        boot_with(FX_FILE " " FX_CMDLINE " rd.shell=0");
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("Added word: rd.shell=0"));
        boot_with(FX_FILE "  " FX_CMDLINE);
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("spaces"));
}

static void a_forged_command_line_text_is_not_shown(void **state)
{
        (void)state;
        boot_with(FX_FILE " init=/bin/sh");
        fixture_find(&fx, 12, 0)->data[2] = 'X';
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("does not hold its text"));
        assert_false(says("init=/bin/sh"));
}

static void no_options_at_all_are_told(void **state)
{
        (void)state;
        boot_with(NULL);
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("passed none"));
}

static void control_characters_cannot_forge_lines(void **state)
{
        struct fx_event *e;

        (void)state;
        boot_with(FX_FILE " a");
        e = fixture_find(&fx, 12, 0);
        e->data[14] = '\n';
        fx_hash(e->data, e->size, e->digest);
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("\\u000a"));
}

static void a_changed_initramfs_is_told_from_a_changed_kernel(void **state)
{
        struct buf file = fixture_uki("kernel 6.1", "initrd of evil", "root=muster embedded");

        (void)state;
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &file, FX_FILE " " FX_CMDLINE, false);
        decide_refused("M-CHAIN");
        explain();
        assert_true(says("its kernel is the right one"));
        assert_true(says("Expected UKI: r9.efi, sha256"));
        assert_true(says("EV_EFI_BOOT_SERVICES_APPLICATION"));
        buf_wipe(&file);

        file = fixture_uki("kernel of evil", "initrd of r9", "root=muster embedded");
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &file, FX_FILE " " FX_CMDLINE, false);
        decide_refused("M-CHAIN");
        explain();
        assert_true(says("none of this node's boot entries"));
        buf_wipe(&file);
}

static void another_ipxe_is_named(void **state)
{
        const struct fx_section other = {".text", "evil", 4};
        struct buf file = fixture_pe(&other, 1);

        (void)state;
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
        decide_refused("M-CHAIN");
        explain();
        assert_true(says("iPXE differs"));
        assert_true(says("Expected iPXE: snponly.efi, sha256"));
        assert_false(says("The UKI differs"));
        buf_wipe(&file);
}

static void another_initrd_is_named(void **state)
{
        (void)state;
        fx_hash("other", 5, fixture_find(&fx, 9, 1)->digest);
        decide_refused("M-INITRD");
        explain();
        assert_true(says("the initrd is not the one in r9.efi"));
}

static void unexpected_firmware_events_are_named(void **state)
{
        (void)state;
        fixture_event(&fx, 2, EV_EFI_ACTION, NULL, "option rom of a new card", 24);
        fixture_remove(&fx, fixture_find(&fx, 7, 4)); /* dbx */
        decide_refused("M-FIRMWARE");
        explain();
        assert_true(says("option rom of a new card"));
        assert_true(says("PCR 2 is "));
        assert_true(says("PCR 7, an event of the profile is missing"));
        assert_false(says("PCR 0"));
}

static void a_log_that_does_not_replay_names_the_pcr(void **state)
{
        (void)state;
        fixture_event(&fx, 11, EV_IPL, NULL, "enter-initrd", 12);
        fx.knobs.drop_event = fx.n;
        decide_refused("M-EVENTLOG");
        explain();
        assert_true(says("PCR 11: the event log gives "));
}

static void reset_counts_are_shown(void **state)
{
        (void)state;
        fx.reset_count = 6;
        decide_refused("M-RESETCOUNT");
        explain();
        assert_true(says("reset counter is 6, the last one seen was 7"));
}

static void many_differences_are_cut(void **state)
{
        char text[16];

        (void)state;
        for (int i = 0; i < 40; i++)
                fixture_event(&fx, 2, EV_IPL, NULL, text, (size_t)snprintf(text, sizeof(text), "driver %d", i));
        decide_refused("M-FIRMWARE");
        explain();
        assert_true(says("more differences"));
}

static void long_lines_are_cut(void **state)
{
        char options[250];

        (void)state;
        memset(options, 'x', sizeof(options) - 1);
        options[sizeof(options) - 1] = '\0';
        boot_with(options);
        for (size_t i = 0; i < 249; i++)
                fixture_find(&fx, 12, 0)->data[2 * i + 1] = 0x20; /* not ASCII: six bytes each */
        fx_hash(fixture_find(&fx, 12, 0)->data, 500, fixture_find(&fx, 12, 0)->digest);
        decide_refused("M-CMDLINE");
        explain();
        assert_true(says("\\u2078"));
        assert_int_equal(strlen(lines.v[3]), EXPLAIN_LINE);
        assert_string_equal(lines.v[3] + EXPLAIN_LINE - 3, "...");
}

static void every_code_of_the_protocol_has_words(void **state)
{
        static const char *const codes[] = {"M-MALFORMED", "M-BUSY",     "M-UNKNOWN",   "M-REVOKED",   "M-QUARANTINED",
                                            "M-EK",        "M-EKCERT",   "M-AK",        "M-ACTIVATE",  "M-QUOTE",
                                            "M-SIGNATURE", "M-BINDING",  "M-SELECTION", "M-PCRDIGEST", "M-RESETCOUNT",
                                            "M-CAPPED",    "M-EVENTLOG", "M-PROFILE",   "M-FIRMWARE",  "M-BOOT",
                                            "M-CHAIN",     "M-UKI",      "M-CMDLINE",   "M-INITRD",    "M-PCRS",
                                            "M-POLICYKEY"};

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
                assert_string_not_equal(explain_meaning(codes[i]), explain_meaning("M-NOSUCH"));
                d = (struct decision){.verdict = DECIDE_REFUSED, .code = codes[i]};
                jstrs_free(&lines);
                assert_int_equal(explain_decision(&d, NULL, NULL, &lines), 0);
                assert_int_equal(lines.n, 2);
                assert_in_range(strlen(explain_next(codes[i])), 10, EXPLAIN_LINE - 8);
        }
        assert_non_null(explain_next("M-NOSUCH"));
        assert_non_null(explain_meaning(NULL));
}

static void what_is_no_refusal_is_not_explained(void **state)
{
        (void)state;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_int_equal(explain_decision(&d, fx.evidence, &fx.refs, &lines), 0);
        assert_int_equal(lines.n, 0);
}

static void a_failure_is_told_with_its_code_and_what_to_do(void **state)
{
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(explain_failure("E-MOUNT", &b), 0);
        assert_non_null(strstr((char *)b.p, "failed with E-MOUNT: the image could not be mounted"));
        assert_non_null(strstr((char *)b.p, "Next: read the line on its console"));
        buf_wipe(&b);
        assert_int_equal(explain_failure("E-NEWER", &b), 0); /* of a later client */
        assert_non_null(strstr((char *)b.p, "failed with E-NEWER: this code is not known"));
        buf_wipe(&b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_lines, teardown_lines)
        const struct CMUnitTest tests[] = {
                T(added_words_of_a_command_line_are_named),
                T(so_many_words_that_comparing_takes_long_are_not_all_compared),
                T(a_word_given_twice_is_an_added_word),
                T(a_forged_command_line_text_is_not_shown),
                T(no_options_at_all_are_told),
                T(control_characters_cannot_forge_lines),
                T(a_changed_initramfs_is_told_from_a_changed_kernel),
                T(another_ipxe_is_named),
                T(another_initrd_is_named),
                T(unexpected_firmware_events_are_named),
                T(a_log_that_does_not_replay_names_the_pcr),
                T(reset_counts_are_shown),
                T(many_differences_are_cut),
                T(long_lines_are_cut),
                T(every_code_of_the_protocol_has_words),
                T(what_is_no_refusal_is_not_explained),
                T(a_failure_is_told_with_its_code_and_what_to_do),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
