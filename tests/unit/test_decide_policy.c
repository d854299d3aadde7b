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

static void named(const uint8_t key[DIGEST_LEN])
{
        fixture_build(&fx);
        memcpy(fx.req.policy, key, DIGEST_LEN);
        decide_chain(EK_CHAIN_OK, NULL);
}

static void a_policy_key_that_the_parent_has_not_refuses(void **state)
{
        static const uint8_t zero[DIGEST_LEN];

        (void)state;
        memset(fx.policy_keys[0], 0xa1, DIGEST_LEN);
        memset(fx.policy_keys[1], 0xa2, DIGEST_LEN);
        for (size_t i = 0; i < 2; i++) {
                named(fx.policy_keys[i]);
                assert_int_equal(d.verdict, DECIDE_OK);
                assert_int_equal(d.policy_key, i);
        }
        named(zero); /* it says nothing: the current one */
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_int_equal(d.policy_key, 0);
        fx.refs.n_policy_keys = 1; /* as when the replacement is finished */
        named(fx.policy_keys[1]);
        refused("M-POLICYKEY");
        fx.refs.n_policy_keys = 0;
        named(zero);
        refused("M-POLICYKEY");
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

/* ---- firmware settings -------------------------------------------------- */

/* UEFI_VARIABLE_DATA of a global variable; its digest is of all of it, or of the value. */
static void variable(uint32_t type, const char *name, const void *value, size_t n, bool value_only)
{
        static const uint8_t guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                         0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
        uint8_t data[FX_DATA] = {0};
        uint8_t digest[DIGEST_LEN];
        size_t len = strlen(name);

        memcpy(data, guid, sizeof(guid));
        data[16] = (uint8_t)len;
        data[24] = (uint8_t)n;
        for (size_t i = 0; i < len; i++)
                data[32 + 2 * i] = (uint8_t)name[i];
        memcpy(data + 32 + 2 * len, value, n);
        fx_hash(value, n, digest);
        fixture_event(&fx, 1, type, value_only ? digest : NULL, data, 32 + 2 * len + n);
}

/* A load option with a path of one node and its end. */
static size_t load_option(const char *title, uint8_t ret[128])
{
        static const uint8_t path[] = {4, 4, 6, 0, 'a', 0, 0x7f, 0xff, 4, 0};
        size_t n = 6;

        memset(ret, 0, 128);
        ret[0] = 1;
        ret[4] = sizeof(path);
        for (size_t i = 0; title[i]; i++, n += 2)
                ret[n] = (uint8_t)title[i];
        n += 2;
        memcpy(ret + n, path, sizeof(path));
        return n + sizeof(path);
}

struct machine {
        const char *setup;
        const char *boots[3]; /* titles of Boot0000 … */
        size_t n_boots;
        const char *serial; /* in the handoff tables */
        bool whole;         /* digests of boot variables are over name and value */
        uint32_t setup_type;
        const char *setup_name;
};

static const struct machine one = {"quiet", {"disk", "pxe"}, 2, "S1", false, 0, NULL};

/* A boot of this machine from its firmware on. */
static void machine_boots(const struct machine *m)
{
        uint16_t order[3];
        uint8_t option[128];

        fixture_firmware(&fx, false);
        for (size_t i = 0; i < m->n_boots; i++)
                order[i] = (uint16_t)(m->n_boots - 1 - i);
        variable(EV_EFI_VARIABLE_BOOT, "BootOrder", order, 2 * m->n_boots, !m->whole);
        for (size_t i = 0; i < m->n_boots; i++) {
                char name[] = "Boot0000";

                name[7] = (char)('0' + i);
                variable(EV_EFI_VARIABLE_BOOT, name, option, load_option(m->boots[i], option), !m->whole);
        }
        variable(m->setup_type ? m->setup_type : EV_EFI_VARIABLE_DRIVER_CONFIG, m->setup_name ? m->setup_name : "Setup",
                 m->setup, strlen(m->setup), false);
        {
                uint8_t digest[DIGEST_LEN];

                fx_hash(m->serial, strlen(m->serial), digest);
                fixture_event(&fx, 1, EV_EFI_HANDOFF_TABLES, digest, "pointers", 8);
        }
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
}

/* The model's profile is learnt from this machine, and settings are judged. */
static void learn_settings(const struct machine *m)
{
        char why[JTAB_ERR];

        machine_boots(m);
        fixture_build(&fx);
        assert_int_equal(profile_learn(fx.evidence, fx.boots, 2, &fx.ipxe, &fx.profile, why), 0);
        fx.refs.judge_settings = true;
}

static void accepted(void)
{
        decide();
        if (d.verdict != DECIDE_OK)
                fail_msg("refused: %s", d.code ? d.code : "?");
}

static void another_machine_of_the_model_has_the_same_settings(void **state)
{
        static const struct machine two = {"quiet", {"pxe", "disk", "usb"}, 3, "S2", false, 0, NULL};
        struct machine whole = two;

        (void)state;
        learn_settings(&one);
        accepted();
        machine_boots(&two);
        accepted();
        whole.whole = true;
        machine_boots(&whole);
        accepted();
}

static void a_firmware_setting_that_differs_is_named(void **state)
{
        struct machine other = one;

        (void)state;
        learn_settings(&one);
        other.setup = "debug";
        machine_boots(&other);
        decide_refused("M-FIRMWARE");
        assert_int_equal(d.n_diffs, 1);
        assert_int_equal(d.diffs[0].what, DIFF_SETTING);
        assert_string_equal(d.diffs[0].text, "Setup");
        fx.refs.judge_settings = false;
        accepted();
}

static void a_setting_that_is_called_a_boot_entry_or_a_table_is_missed(void **state)
{
        struct machine liar = one;

        (void)state;
        learn_settings(&one);
        liar.setup = "debug";
        liar.setup_type = EV_EFI_VARIABLE_BOOT2;
        liar.setup_name = "Boot0009";
        machine_boots(&liar);
        decide_refused("M-FIRMWARE");
        assert_int_equal(d.diffs[0].what, DIFF_SETTING);
        assert_int_equal(d.diffs[0].event, SIZE_MAX);
        assert_string_equal(d.diffs[0].text, "Setup");
        liar.setup_type = EV_EFI_HANDOFF_TABLES;
        machine_boots(&liar);
        decide_refused("M-FIRMWARE");
}

/* `name` with this value and digest besides what the machine has. */
static void one_more(const char *name, const void *value, size_t n)
{
        machine_boots(&one);
        variable(EV_EFI_VARIABLE_BOOT, name, value, n, true);
}

static void one_more_setting_is_no_boot_variable_by_its_name_alone(void **state)
{
        static const uint16_t known[] = {1}, unknown[] = {7}, twice[] = {1, 1};
        uint8_t option[128];
        size_t n = load_option("usb", option);

        (void)state;
        learn_settings(&one);
        one_more("Boot0002", option, n); /* the control: it is one */
        accepted();
        one_more("Boot0002", "iommu=off", 9);
        decide_refused("M-FIRMWARE");
        assert_int_equal(d.diffs[0].what, DIFF_EVENT);
        option[n - 4] = 1; /* the path has no end */
        one_more("Boot0002", option, n);
        decide_refused("M-FIRMWARE");
        option[n - 4] = 0x7f;
        one_more("Boot0002", option, n); /* the control: it has one again */
        accepted();
        option[4]++; /* the path goes on behind its end */
        option[n] = 0;
        one_more("Boot0002", option, n + 1);
        decide_refused("M-FIRMWARE");
        one_more("BootNext", known, sizeof(known)); /* the control */
        accepted();
        one_more("BootNext", unknown, sizeof(unknown));
        decide_refused("M-FIRMWARE");
        one_more("BootNext", twice, sizeof(twice));
        decide_refused("M-FIRMWARE");
        one_more("BootNext", known, 1);
        decide_refused("M-FIRMWARE");
        one_more("Timeout", known, sizeof(known));
        decide_refused("M-FIRMWARE");
}

static void a_boot_variable_whose_digest_is_of_something_else_counts_as_a_setting(void **state)
{
        static const size_t lengths[] = { sizeof("Boot0000") - 1, sizeof("BootOrder") - 1 };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(lengths); k++) {
                struct fx_event *e = NULL;
                uint8_t was[DIGEST_LEN];

                learn_settings(&one);
                machine_boots(&one);
                for (size_t i = 0; i < fx.n; i++)
                        if (fx.ev[i].pcr == 1 && fx.ev[i].type == EV_EFI_VARIABLE_BOOT && fx.ev[i].data[16] == lengths[k])
                                e = &fx.ev[i];
                assert_non_null(e);
                accepted();
                memcpy(was, e->digest, sizeof(was));
                fx_hash("something else", 14, e->digest);
                decide_refused("M-FIRMWARE");
                memcpy(e->digest, was, sizeof(was));
                accepted();
        }
}

static void settings_in_another_order_refuse(void **state)
{
        struct fx_event *e = NULL;
        struct fx_event swap;

        (void)state;
        learn_settings(&one);
        machine_boots(&one);
        for (size_t i = 0; i + 1 < fx.n; i++)
                if (fx.ev[i].pcr == 1 && fx.ev[i + 1].pcr == 1 && fx.ev[i].type == EV_EFI_VARIABLE_DRIVER_CONFIG)
                        e = &fx.ev[i];
        assert_non_null(e);
        swap = e[0];
        e[0] = e[1];
        e[1] = swap;
        decide_refused("M-FIRMWARE");
}

static void a_profile_without_settings_is_to_be_learnt_again(void **state)
{
        (void)state;
        learn_settings(&one);
        fx.profile.n_settings = 0;
        decide_refused("M-FIRMWARE");
        assert_int_equal(d.diffs[0].what, DIFF_TEXT);
        assert_non_null(strstr(d.diffs[0].text, "learn it again"));
        fx.refs.judge_settings = false;
        accepted();
}

/* ---- the TPM's firmware ------------------------------------------------------ */

/* One advisory about the fixture's TPM, from this version to that. */
static void advise(const char *maker, uint64_t from, uint64_t fixed)
{
        static struct tpm_advices table;

        table = (struct tpm_advices){ .n = 1 };
        (void)snprintf(table.v[0].maker, sizeof(table.v[0].maker), "%s", maker);
        (void)snprintf(table.v[0].id, sizeof(table.v[0].id), "EX-1");
        table.v[0].from = from;
        table.v[0].fixed = fixed;
        fx.refs.advices = &table;
        fx.refs.tpm_maker = "IFX";
        fx.refs.judge_tpm = true;
}

static void a_tpm_that_an_advisory_names_is_refused(void **state)
{
        uint64_t version;

        (void)state;
        decide();
        version = evidence_tpm_firmware(fx.evidence);
        assert_true(version > 0);
        advise("IFX", version, version + 1);
        decide_refused("M-TPMFW");
        assert_int_equal(d.diffs[0].what, DIFF_TPM);
        assert_string_equal(d.diffs[0].advice->id, "EX-1");
        advise("IFX", 0, 0);
        decide_refused("M-TPMFW");
        advise("IFX", 0, version);
        accepted();
        advise("IFX", version + 1, 0);
        accepted();
        advise("STM", 0, 0);
        accepted();
        advise("IFX", 0, 0);
        fx.refs.judge_tpm = false;
        accepted();
}

static void a_tpm_that_cannot_be_judged_is_refused(void **state)
{
        (void)state;
        advise("STM", 0, 0);
        accepted();
        fx.refs.tpm_maker = "";
        decide_refused("M-TPMFW");
        advise("STM", 0, 0);
        fx.refs.advices = NULL;
        decide_refused("M-TPMFW");
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
                (FX_FILE "  " FX_CMDLINE), /* blanks at its end alone the stub takes away */
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
                T(a_policy_key_that_the_parent_has_not_refuses),
                T(no_boot_entry_or_image_refuses),
                T(no_ipxe_binaries_refuse),
                T(a_judged_firmware_pcr_that_differs_refuses),
                T(recorded_pcrs_are_not_judged),
                T(a_tpm_that_an_advisory_names_is_refused),
                T(a_tpm_that_cannot_be_judged_is_refused),
                T(another_machine_of_the_model_has_the_same_settings),
                T(a_firmware_setting_that_differs_is_named),
                T(a_setting_that_is_called_a_boot_entry_or_a_table_is_missed),
                T(one_more_setting_is_no_boot_variable_by_its_name_alone),
                T(a_boot_variable_whose_digest_is_of_something_else_counts_as_a_setting),
                T(settings_in_another_order_refuse),
                T(a_profile_without_settings_is_to_be_learnt_again),
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
