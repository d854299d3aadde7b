/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "corpus.h"
#include "fixture_decide.h"
#include "hex.h"

static int learn(struct profile *ret, char why[JTAB_ERR])
{
        fixture_build(&fx);
        return profile_learn(fx.evidence, fx.boots, 2, &fx.ipxe, ret, why);
}

static void a_boot_is_learnt_with_tokens(void **state)
{
        static const enum chain_token want[] = {CHAIN_DIGEST, CHAIN_SEPARATOR, CHAIN_IPXE, CHAIN_UKI, CHAIN_KERNEL};
        struct profile p;
        char why[JTAB_ERR];

        (void)state;
        assert_int_equal(learn(&p, why), 0);
        assert_string_equal(p.firmware, "1.0");
        assert_false(p.secure_boot);
        assert_int_equal(p.n_steps, ELEMENTSOF(want));
        for (size_t i = 0; i < ELEMENTSOF(want); i++)
                assert_int_equal(p.steps[i].token, want[i]);
        assert_memory_equal(p.pcr[0], fx.pcr[0], DIGEST_LEN);
        assert_memory_equal(p.pcr[5], fx.pcr[14], DIGEST_LEN);
        assert_memory_equal(p.recorded[1], fx.pcr[5], DIGEST_LEN);
}

/* ---- settings of real machines ---------------------------------------------- */

static size_t settings_of(const char *name, struct profile_setting ret[PROFILE_SETTINGS_MAX])
{
        _cleanup_(buf_wipe) struct buf b = corpus_get(corpus_top(), "eventlogs", name, "");
        struct evidence *ev = calloc(1, sizeof(*ev));
        const char *why = NULL;
        size_t offset = 0;
        size_t n = 0;

        assert_non_null(ev);
        assert_int_equal(evlog_parse(b.p, b.len, &ev->log, &why, &offset), 0);
        ev->bank = evlog_bank(&ev->log, TPM_SHA256);
        assert_true(ev->bank >= 0);
        assert_int_equal(profile_settings(ev, ret, &n), 0);
        evidence_free(ev);
        return n;
}

static bool same_settings(const char *a, const char *b)
{
        static struct profile_setting one[PROFILE_SETTINGS_MAX], two[PROFILE_SETTINGS_MAX];
        size_t n = settings_of(a, one);
        bool same = settings_of(b, two) == n;

        assert_true(n > 1);
        for (size_t i = 0; i < n && same; i++)
                same = profile_setting_same(&one[i], &two[i]);
        return same;
}

static void real_machines_of_a_model_differ_in_their_boot_order_only(void **state)
{
        (void)state;
        corpus_or_skip();
        /* of each pair PCR 1 differs */
        assert_true(same_settings("guard_Haruhi.bin", "guard_failed-1.bin"));
        assert_true(same_settings("guard_DESKTOP-MIMU51J-EPP-ESET.bin", "guard_dell-notebook-5eventlogs-WBCL_4.bin"));
        assert_true(same_settings("guard_elitebook.bin", "guard_test-HP-EliteBook-830-G6-baseline.bin"));
        /* other settings of the same maker, of the same names */
        assert_false(same_settings("guard_Haruhi.bin", "guard_ludmilla.bin"));
        assert_false(same_settings("guard_Haruhi.bin", "guard_t480s.values.bin"));
}

static void real_settings_have_their_variables_names(void **state)
{
        static struct profile_setting s[PROFILE_SETTINGS_MAX];
        size_t n;

        (void)state;
        corpus_or_skip();
        n = settings_of("guard_Haruhi.bin", s);
        assert_int_equal(n, 5); /* of 18 events */
        assert_string_equal(s[0].name, "LenovoConfig");
        assert_string_equal(s[2].name, "LenovoSecurityConfig");
        assert_true(s[4].tables);
}

static void a_boot_of_what_is_not_served_is_not_learnt(void **state)
{
        struct profile p;
        char why[JTAB_ERR];

        (void)state;
        fixture_event(&fx, 4, EV_EFI_BOOT_SERVICES_APPLICATION, NULL, "shell", 5);
        assert_int_equal(learn(&p, why), -EBADMSG);
        assert_non_null(strstr(why, "does not serve"));
        fixture_firmware(&fx, false);
        assert_int_equal(learn(&p, why), -EBADMSG);
        assert_non_null(strstr(why, "UKI and a kernel"));
        fx.knobs.cut_log = true;
        assert_int_equal(learn(&p, why), -EBADMSG);
        assert_non_null(strstr(why, "event log"));
}

static void secure_boot_is_believed_only_when_its_digest_says_so(void **state)
{
        struct profile p;
        char why[JTAB_ERR];

        (void)state;
        fixture_firmware(&fx, true);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, "x", true);
        assert_int_equal(learn(&p, why), 0);
        assert_true(p.secure_boot);
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, "x", false);
        fx.ev[2].data[fx.ev[2].size - 1] = 1; /* the data alone claims it */
        assert_int_equal(learn(&p, why), 0);
        assert_false(p.secure_boot);
        fixture_firmware(&fx, true); /* the event itself, where the firmware's part of PCR 7 is over */
        fixture_event(&fx, 7, fx.ev[2].type, NULL, fx.ev[2].data, fx.ev[2].size);
        fixture_remove(&fx, &fx.ev[2]);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, "x", true);
        assert_int_equal(learn(&p, why), 0);
        assert_false(p.secure_boot);
}

/* ---- applications of the firmware's own -------------------------------------------- */

/* An application's event behind PCR 4's separator, from this device path. */
static void application(const char *code, const void *path, size_t n)
{
        uint8_t data[32 + 64] = {0};
        uint8_t digest[DIGEST_LEN];

        assert_true(n <= 64);
        data[24] = (uint8_t)n;
        memcpy(data + 32, path, n);
        fx_hash(code, strlen(code), digest);
        fixture_event(&fx, 4, EV_EFI_BOOT_SERVICES_APPLICATION, digest, data, 32 + n);
}

#define GUID_BYTES "0123456789abcdef"
#define VOLUME "\4\7\x14\0" GUID_BYTES
#define FILE_IN_IT "\4\6\x14\0" GUID_BYTES
#define END "\x7f\xff\4\0"
#define FROM(path) path, sizeof(path) - 1

static void boot_behind(void)
{
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
}

static void a_firmwares_own_application_is_learnt_by_its_digest(void **state)
{
        char why[JTAB_ERR];
        struct profile plain = fx.profile;
        struct buf text = {0};
        struct profile p;

        (void)state;
        fixture_firmware(&fx, false);
        application("agent 1", FROM(VOLUME FILE_IN_IT END));
        application("agent 2", FROM(VOLUME FILE_IN_IT END));
        boot_behind();
        assert_int_equal(learn(&fx.profile, why), 0);
        assert_int_equal(profile_own(&fx.profile), 2);
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_int_equal(profile_json_build(&fx.profile, &text), 0);
        assert_int_equal(profile_json_parse(text.p, text.len, &p, why), 0);
        assert_memory_equal(&p, &fx.profile, sizeof(p));
        buf_wipe(&text);
        fx.refs.current = &plain; /* the profile of a machine without */
        decide_refused("M-CHAIN");
        fx.refs.current = &fx.profile;

        fixture_firmware(&fx, false); /* another one */
        application("agent 1", FROM(VOLUME FILE_IN_IT END));
        application("evil", FROM(VOLUME FILE_IN_IT END));
        boot_behind();
        decide_refused("M-CHAIN");
        fixture_firmware(&fx, false); /* in another order */
        application("agent 2", FROM(VOLUME FILE_IN_IT END));
        application("agent 1", FROM(VOLUME FILE_IN_IT END));
        boot_behind();
        decide_refused("M-CHAIN");
        fixture_firmware(&fx, false); /* one more of them */
        for (int i = 0; i < 3; i++)
                application(i == 0 ? "agent 1" : "agent 2", FROM(VOLUME FILE_IN_IT END));
        boot_behind();
        decide_refused("M-CHAIN");
        fixture_firmware(&fx, false); /* one less, or none */
        application("agent 1", FROM(VOLUME FILE_IN_IT END));
        boot_behind();
        decide_refused("M-CHAIN");
        boot_with(FX_FILE " " FX_CMDLINE);
        decide_refused("M-CHAIN");
        fixture_firmware(&fx, false); /* behind iPXE */
        boot_behind();
        application("agent 1", FROM(VOLUME FILE_IN_IT END));
        application("agent 2", FROM(VOLUME FILE_IN_IT END));
        decide_refused("M-CHAIN");
}

static void what_comes_from_elsewhere_is_no_application_of_the_firmware(void **state)
{
        static const struct {
                const char *path;
                size_t n;
        } paths[] = {
                { FROM("\2\1\x0c\0AAAAAAAA" END) },           /* a disk's */
                { FROM("\4\4\x06\0x\0" END) },                 /* a file's */
                { FROM(FILE_IN_IT END) },
                { FROM(VOLUME END) },
                { FROM(VOLUME FILE_IN_IT) },
                { FROM(VOLUME FILE_IN_IT "\4\4\x06\0x\0" END) },
                { FROM(VOLUME FILE_IN_IT END END) },
                { FROM("") },
        };
        char why[JTAB_ERR];
        struct profile p;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                fixture_firmware(&fx, false);
                application("loader", paths[i].path, paths[i].n);
                boot_behind();
                assert_int_equal(learn(&p, why), -EBADMSG);
                assert_non_null(strstr(why, "does not serve"));
        }
        fixture_firmware(&fx, false); /* nor what runs behind iPXE */
        boot_behind();
        application("loader", FROM(VOLUME FILE_IN_IT END));
        assert_int_equal(learn(&p, why), -EBADMSG);
        fixture_firmware(&fx, false);
        application("loader", FROM(VOLUME FILE_IN_IT END));
        fx.ev[fx.n - 1].type = EV_EFI_BOOT_SERVICES_DRIVER;
        boot_behind();
        assert_int_equal(learn(&p, why), -EBADMSG);
        fx.ev[fx.n - 1].type = EV_EFI_BOOT_SERVICES_APPLICATION;
}

static void a_profile_reads_back_from_its_json(void **state)
{
        struct profile p = {0};
        struct buf text = {0};
        char err[JTAB_ERR];

        (void)state;
        static const uint8_t setup[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 5, 0, 0, 0, 0, 0, 0, 0,
                                        1, 0, 0, 0, 0,  0,  0,  0,  'S', 0, 'e', 0, 't', 0, 'u', 0, 'p', 0, 7};

        fixture_event(&fx, 1, EV_EFI_VARIABLE_DRIVER_CONFIG, NULL, setup, sizeof(setup));
        fixture_event(&fx, 1, EV_EFI_HANDOFF_TABLES, NULL, "tables", 6);
        assert_int_equal(learn(&fx.profile, err), 0);
        assert_string_equal(fx.profile.settings[fx.profile.n_settings - 2].name, "Setup");
        assert_true(fx.profile.settings[fx.profile.n_settings - 1].tables);
        assert_int_equal(profile_json_build(&fx.profile, &text), 0);
        assert_int_equal(profile_json_parse(text.p, text.len, &p, err), 0);
        assert_memory_equal(&p, &fx.profile, sizeof(p));
        buf_wipe(&text);
}

static void json_with(const char *from, const char *to)
{
        struct profile p = {0};
        struct buf text = {0};
        char err[JTAB_ERR];
        char out[16384];
        char *at;

        assert_int_equal(profile_json_build(&fx.profile, &text), 0);
        at = strstr((char *)text.p, from);
        assert_non_null(at);
        (void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - (char *)text.p), (char *)text.p, to, at + strlen(from));
        if (profile_json_parse(out, strlen(out), &p, err) != -EBADMSG)
                fail_msg("%s -> %s was not refused", from, to);
        buf_wipe(&text);
}

#define HEX_OF_ONE "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"

static void a_profile_that_could_match_too_much_is_refused(void **state)
{
        (void)state;
        json_with("\"separator\",", "");
        json_with("\"separator\"", "\"separator\",\"separator\"");
        json_with("\"@kernel\"", "\"@any\"");
        json_with(",\"@kernel\"", "");
        json_with("\"@uki\",", "");
        json_with("\"pcr4\":[", "\"pcr4\":[\"@uki\",");
        json_with("\"@ipxe\"", "\"@ipxe\",\"" HEX_OF_ONE "\"");
        json_with("\"@kernel\"", "\"@kernel\",\"" HEX_OF_ONE "\"");
        json_with("\"14\":", "\"13\":");
        json_with("\"secure_boot\":false,", "");
        json_with("\"events\":[\"0:", "\"events\":[\"1:");
        json_with("\"settings\":[\"", "\"settings\":[\"0");
        json_with("\"settings\":[", "\"settings\":[\"@any\",");
        json_with("\"firmware\":", "\"accept_all\":true,\"firmware\":");
}

static void models_get_plain_names(void **state)
{
        struct attest_facts f = {0};
        char name[PROFILE_NAME_MAX + 1];

        (void)state;
        profile_name(&f, name);
        assert_string_equal(name, "unknown-unknown");
        (void)snprintf(f.vendor, sizeof(f.vendor), "  Dell Inc. ");
        (void)snprintf(f.product, sizeof(f.product), "../Power\nEdge_R650\xff");
        profile_name(&f, name);
        assert_string_equal(name, "dell-inc.-..-power-edge-r650");
        memset(f.vendor, 'v', WIRE_FACT_MAX);
        memset(f.product, 'p', WIRE_FACT_MAX);
        profile_name(&f, name);
        assert_int_equal(strlen(name), PROFILE_NAME_MAX);
        assert_non_null(strchr(name, '-'));
}

/* ---- a recorded boot of OVMF ------------------------------------------- */

static size_t read_file(const char *path, void *p, size_t max)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        size_t n;

        if (!f)
                fail_msg("%s cannot be read; run from the top of the tree", path);
        n = fread(p, 1, max, f);
        assert_in_range(n, 1, max - 1);
        return n;
}

static void recorded_pcr(const char *json, unsigned pcr, uint8_t ret[DIGEST_LEN])
{
        char key[8];
        const char *p;
        char hex[2 * DIGEST_LEN + 1];

        (void)snprintf(key, sizeof(key), "\"%u\":", pcr);
        p = strstr(json, key);
        assert_non_null(p);
        p += strcspn(p + strlen(key), "0123456789abcdef") + strlen(key);
        (void)snprintf(hex, sizeof(hex), "%s", p);
        assert_int_equal(hex_decode_exact(hex, ret, DIGEST_LEN), 0);
}

/* The entry as the parent of that boot had it, digests from the log. */
static void recorded_entry(struct boot_ref *r, const char *options, const struct evidence *ev)
{
        const struct evlog_event *e = ev->log.events;

        r->complete = true;
        (void)snprintf(r->name, sizeof(r->name), "r1");
        (void)snprintf(r->file, sizeof(r->file), "r1.efi");
        r->cmdline = strdup(strchr(options, ' ') + 1);
        memcpy(r->uki, e[evidence_nth(ev, 4, 3)].digest[ev->bank], DIGEST_LEN);
        memcpy(r->kernel, e[evidence_nth(ev, 4, 5)].digest[ev->bank], DIGEST_LEN);
        memcpy(r->pcr11, evidence_pcr(ev, 11), DIGEST_LEN);
        memcpy(r->plain.pcr9, evidence_pcr(ev, 9), DIGEST_LEN);
        assert_int_equal(uki_options_digest(options, strlen(options), r->plain.options), 0);
        memset(r->plain.pcr12, 0, DIGEST_LEN);
        {
                uint8_t in[2 * DIGEST_LEN] = {0};

                memcpy(in + DIGEST_LEN, r->plain.options, DIGEST_LEN);
                fx_hash(in, sizeof(in), r->plain.pcr12);
        }
}

static void a_recorded_boot_of_ovmf_is_learnt_and_then_ok(void **state)
{
        static char json[8192];
        char options[512] = {0};
        struct attest_request req = {0};
        struct evidence *ev = NULL;
        struct boot_ref entry = {0};
        const struct boot_ref *entries[] = {&entry};
        struct ipxe_set ipxe = {.n = 1};
        struct profile p;
        static const uint8_t key[1][DIGEST_LEN];
        struct decide_refs refs = {.loaded = true,
                                   .has_image = true,
                                   .boots = entries,
                                   .n_boots = 1,
                                   .ipxe = &ipxe,
                                   .current = &p,
                                   .policy_keys = key,
                                   .n_policy_keys = 1};
        char why[JTAB_ERR];

        (void)state;
        req.eventlog.p = malloc(65536);
        assert_non_null(req.eventlog.p);
        req.eventlog.len = read_file("tests/data/qemu-ovmf/eventlog.bin", req.eventlog.p, 65536);
        json[read_file("tests/data/qemu-ovmf/pcrs.json", json, sizeof(json))] = '\0';
        (void)read_file("tests/data/qemu-ovmf/loadoptions.txt", options, sizeof(options));
        options[strcspn(options, "\n")] = '\0';
        for (size_t i = 0; i < POLICY_PCRS; i++)
                recorded_pcr(json, policy_pcrs[i], req.pcrs[i]);
        assert_int_equal(evidence_parse(&req, &ev), 0);
        assert_int_equal(evidence_read_log(ev), 0);
        assert_true(ev->has_log);
        for (size_t i = 0; i < POLICY_PCRS; i++)
                assert_memory_equal(ev->replay.value[policy_pcrs[i]], req.pcrs[i], DIGEST_LEN);
        recorded_entry(&entry, options, ev);
        memcpy(ipxe.v[0].digest, ev->log.events[evidence_nth(ev, 4, 2)].digest[ev->bank], DIGEST_LEN);
        assert_int_equal(profile_learn(ev, entries, 1, &ipxe, &p, why), 0);
        assert_int_equal(p.n_steps, 5);
        decide_policy(ev, &refs, &d);
        if (d.verdict != DECIDE_OK)
                fail_msg("code %s", d.code);
        entry.plain.pcr12[0] ^= 1;
        decide_policy(ev, &refs, &d);
        refused("M-CMDLINE");
        boot_ref_free(&entry);
        evidence_free(ev);
        attest_request_wipe(&req);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(a_boot_is_learnt_with_tokens),
                T(real_machines_of_a_model_differ_in_their_boot_order_only),
                T(real_settings_have_their_variables_names),
                T(a_boot_of_what_is_not_served_is_not_learnt),
                T(secure_boot_is_believed_only_when_its_digest_says_so),
                T(a_firmwares_own_application_is_learnt_by_its_digest),
                T(what_comes_from_elsewhere_is_no_application_of_the_firmware),
                T(a_profile_reads_back_from_its_json),
                T(a_profile_that_could_match_too_much_is_refused),
                T(models_get_plain_names),
                T(a_recorded_boot_of_ovmf_is_learnt_and_then_ok),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
