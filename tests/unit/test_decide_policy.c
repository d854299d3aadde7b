/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_decide.h"

/* ---- references -------------------------------------------------------- */

static void references_not_loaded_refuse(void **state)
{
        (void)state;
        fx.refs.loaded = false;
        decide_refused("M-BUSY");
        fx.refs = (struct decide_refs){0};
        decide_refused("M-BUSY");
}

static void no_current_profile_refuses(void **state)
{
        struct profile empty = {0};

        (void)state;
        fx.refs.current = NULL;
        fx.refs.previous = &fx.profile;
        decide_refused("M-PROFILE");
        fx.refs.current = &empty;
        decide_refused("M-PROFILE");
}

static void no_boot_entry_or_image_refuses(void **state)
{
        struct boot_ref half = {0};
        const struct boot_ref *halves[] = {&half};

        (void)state;
        fx.refs.has_image = false;
        decide_refused("M-BOOT");
        fx.refs.has_image = true;
        fx.refs.n_boots = 0;
        decide_refused("M-BOOT");
        fx.refs.n_boots = 1;
        fx.refs.boots = NULL;
        decide_refused("M-BOOT");
        fx.refs.boots = halves;
        decide_refused("M-BOOT");
}

static void no_ipxe_binaries_refuse(void **state)
{
        struct ipxe_set none = {0};

        (void)state;
        fx.refs.ipxe = &none;
        decide_refused("M-CHAIN");
        fx.refs.ipxe = NULL;
        decide_refused("M-CHAIN");
}

/* ---- firmware ---------------------------------------------------------- */

static void a_judged_firmware_pcr_that_differs_refuses(void **state)
{
        static const uint32_t judged[] = {0, 2, 3, 6, 7, 14};

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(judged); i++) {
                boot_with(FX_FILE " " FX_CMDLINE);
                fixture_event(&fx, judged[i], EV_IPL, NULL, "implant", 7);
                decide_refused("M-FIRMWARE");
                assert_int_equal(d.diffs[0].what, DIFF_PCR);
                assert_int_equal(d.diffs[0].pcr, judged[i]);
                assert_int_equal(d.diffs[1].what, DIFF_EVENT);
                assert_int_equal(d.diffs[1].event, fx.n); /* the SpecID event is index 0 */
        }
}

static void recorded_pcrs_are_not_judged(void **state)
{
        (void)state;
        fixture_event(&fx, 1, EV_IPL, NULL, "boot order", 10);
        fixture_event(&fx, 5, EV_IPL, NULL, "partition table", 15);
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

static void an_image_started_before_the_separator_refuses(void **state)
{
        struct fx_event *action = fixture_find(&fx, 4, 0);

        (void)state;
        fx_hash("option rom application", 22, action->digest);
        decide_refused("M-FIRMWARE");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_remove(&fx, fixture_find(&fx, 4, 0));
        decide_refused("M-FIRMWARE");
}

static void the_previous_profile_matches_too(void **state)
{
        struct profile other = fx.profile;

        (void)state;
        other.pcr[0][0] ^= 1;
        fx.refs.current = &other;
        decide_refused("M-FIRMWARE");
        fx.refs.previous = &fx.profile;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_ptr_equal(d.profile, &fx.profile);
}

static void profiles_are_not_mixed(void **state)
{
        struct profile a = fx.profile;
        struct profile b = fx.profile;

        (void)state;
        a.pcr[0][0] ^= 1;
        b.pcr[4][0] ^= 1;
        fx.refs.current = &a;
        fx.refs.previous = &b;
        decide_refused("M-FIRMWARE");
}

/* ---- boot chain -------------------------------------------------------- */

static void another_ipxe_refuses(void **state)
{
        const struct fx_section other = {".text", "evil", 4};
        struct buf file = fixture_pe(&other, 1);

        (void)state;
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
        decide_refused("M-CHAIN");
        buf_wipe(&file);
}

static void a_uki_with_another_initrd_refuses(void **state)
{
        struct buf file = fixture_uki("kernel 6.1", "initrd of evil", "root=muster embedded");

        (void)state;
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &file, FX_FILE " " FX_CMDLINE, false);
        decide_refused("M-CHAIN");
        assert_int_equal(d.diffs[0].what, DIFF_EVENT);
        buf_wipe(&file);
}

static void a_kernel_of_another_entry_refuses(void **state)
{
        (void)state;
        /* PCR 4: separator, iPXE, UKI, UKI, kernel after one action */
        memcpy(fixture_find(&fx, 4, 5)->digest, fx.previous.kernel, DIGEST_LEN);
        decide_refused("M-CHAIN");
}

static void ukis_of_two_entries_refuse(void **state)
{
        (void)state;
        memcpy(fixture_find(&fx, 4, 3)->digest, fx.previous.uki, DIGEST_LEN);
        decide_refused("M-CHAIN");
}

static void a_chain_in_another_order_or_with_more_refuses(void **state)
{
        (void)state;
        fixture_event(&fx, 4, EV_EFI_BOOT_SERVICES_APPLICATION, fx.boot.kernel, "x", 1);
        decide_refused("M-CHAIN");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_remove(&fx, fixture_find(&fx, 4, 2)); /* iPXE */
        decide_refused("M-CHAIN");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_remove(&fx, fixture_find(&fx, 4, 5)); /* kernel */
        decide_refused("M-CHAIN");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_event(&fx, 4, EV_EFI_BOOT_SERVICES_APPLICATION, NULL, "a shell", 7);
        decide_refused("M-CHAIN");
}

static void probing_a_uki_once_or_thrice_is_the_same_boot(void **state)
{
        (void)state;
        fixture_remove(&fx, fixture_find(&fx, 4, 4));
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

static void a_failed_first_boot_option_is_the_same_boot(void **state)
{
        static const char called[] = "Calling EFI Application from Boot Option";
        static const char returned[] = "Returning from EFI Application from Boot Option";
        const char *opts = FX_FILE " " FX_CMDLINE;

        (void)state;
        fixture_firmware(&fx, false);
        fixture_event(&fx, 4, EV_EFI_ACTION, NULL, returned, sizeof(returned) - 1);
        fixture_event(&fx, 4, EV_EFI_ACTION, NULL, called, sizeof(called) - 1);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, opts, false);
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

static void the_previous_entry_is_accepted(void **state)
{
        (void)state;
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &fx.old_uki, "r8.efi " FX_CMDLINE, false);
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_ptr_equal(d.boot, &fx.previous);
        fx.refs.n_boots = 1;
        decide_refused("M-CHAIN");
}

static void a_half_made_entry_matches_nothing(void **state)
{
        (void)state;
        fx.previous.complete = false;
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &fx.old_uki, "r8.efi " FX_CMDLINE, false);
        decide_refused("M-CHAIN");
}

static void entries_that_share_a_uki_differ_by_command_line(void **state)
{
        struct boot_ref quiet = {0};

        (void)state;
        assert_int_equal(boot_ref_make("quiet", FX_FILE, "root=muster quiet", fx.uki.p, fx.uki.len, &quiet), 0);
        fx.boots[1] = &quiet;
        boot_with(FX_FILE " root=muster quiet");
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_ptr_equal(d.boot, &quiet);
        boot_with(FX_FILE " root=muster loud");
        decide_refused("M-CMDLINE");
        assert_ptr_equal(d.boot, &fx.boot);
        boot_ref_free(&quiet);
}

static void other_uki_sections_refuse(void **state)
{
        (void)state;
        fixture_event(&fx, 11, EV_IPL, NULL, "section", 7);
        decide_refused("M-UKI");
}

static void a_changed_command_line_refuses(void **state)
{
        static const char *const bad[] = {
                (FX_FILE " " FX_CMDLINE " rd.break"),
                (FX_FILE " " FX_CMDLINE " "),
                (FX_FILE " root=muster"),
                FX_FILE,
                ("r8.efi " FX_CMDLINE),
                FX_CMDLINE,
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                boot_with(bad[i]);
                decide_refused("M-CMDLINE");
                assert_ptr_equal(d.boot, &fx.boot);
        }
        boot_with(NULL); /* the embedded line is not the entry's */
        decide_refused("M-CMDLINE");
}

static void a_kernel_that_got_another_line_than_the_stub_refuses(void **state)
{
        struct fx_event *e = fixture_find(&fx, 9, 0);

        (void)state;
        fx_hash("other", 5, e->digest);
        decide_refused("M-CMDLINE");
        assert_int_equal(d.diffs[0].pcr, 9);
}

static void something_more_in_pcr_12_refuses(void **state)
{
        (void)state;
        fixture_event(&fx, 12, EV_IPL, NULL, "credential", 10);
        decide_refused("M-CMDLINE");
}

static void another_initrd_refuses(void **state)
{
        (void)state;
        fx_hash("other", 5, fixture_find(&fx, 9, 1)->digest);
        decide_refused("M-INITRD");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_event(&fx, 9, EV_EVENT_TAG, NULL, "second initrd", 13);
        decide_refused("M-INITRD");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_remove(&fx, fixture_find(&fx, 9, 1));
        decide_refused("M-INITRD");
}

static void pcrs_8_and_13_have_to_be_zero(void **state)
{
        (void)state;
        fixture_event(&fx, 8, EV_IPL, NULL, "grub", 4);
        decide_refused("M-PCRS");
        boot_with(FX_FILE " " FX_CMDLINE);
        fixture_event(&fx, 13, EV_IPL, NULL, "sysext", 6);
        decide_refused("M-PCRS");
}

/* ---- Secure Boot ------------------------------------------------------- */

static void with_secure_boot_the_embedded_line_is_expected(void **state)
{
        struct profile secure;
        char why[JTAB_ERR];

        (void)state;
        fixture_firmware(&fx, true);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, FX_FILE " rd.break", true);
        fixture_build(&fx);
        assert_int_equal(profile_learn(fx.evidence, fx.boots, 2, &fx.ipxe, &secure, why), 0);
        assert_true(secure.secure_boot);
        decide_refused("M-FIRMWARE");
        fx.refs.current = &secure;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        /* replaced, although the stub would not: not this parent's boot */
        fixture_firmware(&fx, true);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
        decide_refused("M-CMDLINE");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(references_not_loaded_refuse),
                T(no_current_profile_refuses),
                T(no_boot_entry_or_image_refuses),
                T(no_ipxe_binaries_refuse),
                T(a_judged_firmware_pcr_that_differs_refuses),
                T(recorded_pcrs_are_not_judged),
                T(an_image_started_before_the_separator_refuses),
                T(the_previous_profile_matches_too),
                T(profiles_are_not_mixed),
                T(another_ipxe_refuses),
                T(a_uki_with_another_initrd_refuses),
                T(a_kernel_of_another_entry_refuses),
                T(ukis_of_two_entries_refuse),
                T(a_chain_in_another_order_or_with_more_refuses),
                T(probing_a_uki_once_or_thrice_is_the_same_boot),
                T(a_failed_first_boot_option_is_the_same_boot),
                T(the_previous_entry_is_accepted),
                T(a_half_made_entry_matches_nothing),
                T(entries_that_share_a_uki_differ_by_command_line),
                T(other_uki_sections_refuse),
                T(a_changed_command_line_refuses),
                T(a_kernel_that_got_another_line_than_the_stub_refuses),
                T(something_more_in_pcr_12_refuses),
                T(another_initrd_refuses),
                T(pcrs_8_and_13_have_to_be_zero),
                T(with_secure_boot_the_embedded_line_is_expected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
