/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "cursor.h"
#include "eventlog.h"
#include "hex.h"

static size_t check_bank(const char *file, const struct evlog *log, const char *bank, struct json_object *want)
{
        struct evlog_pcrs v;
        char hex[HEX_LEN(EVLOG_MAX_DIGEST)], key[12];
        size_t n = 0;

        if (evlog_replay(log, evlog_alg_from_name(bank), &v) < 0)
                fail_msg("%s: bank %s does not replay", file, bank);
        for (unsigned i = 0; i < EVLOG_PCRS; i++) {
                const char *text;

                (void)snprintf(key, sizeof(key), "%u", i);
                text = member_text(want, key);
                assert_int_equal(!!text, !!(v.extended & 1u << i));
                if (!text)
                        continue;
                hex_encode(v.value[i], v.size, hex);
                if (strcmp(hex, text) != 0)
                        fail_msg("%s %s PCR %u: %s, expected %s", file, bank, i, hex, text);
                n++;
        }
        return n;
}

static void check_types(const char *file, const struct evlog *log, struct json_object *want)
{
        json_object_object_foreach(want, name, count)
        {
                int n = 0;

                for (size_t i = 0; i < log->n_events; i++) {
                        char buf[11];
                        const char *type = evlog_type_name(log->events[i].type, buf);

                        n += strcmp(strncmp(type, "EV_", 3) == 0 ? type + 3 : type, name) == 0;
                }
                if (n != json_object_get_int(count))
                        fail_msg("%s: %d events of type %s", file, n, name);
        }
}

static void check_log(const char *file, const struct evlog *log, struct json_object *want)
{
        struct json_object *algs = member(want, "algorithms"), *loc = member(want, "startup_locality");

        assert_int_equal(log->agile, strcmp(member_text(want, "format"), "agile") == 0);
        if ((int)log->n_events != json_object_get_int(member(want, "events")))
                fail_msg("%s: %zu events", file, log->n_events);
        assert_int_equal(log->startup_locality, loc ? json_object_get_int(loc) : -1);
        for (size_t i = 0; algs && i < json_object_array_length(algs); i++) {
                struct json_object *a = json_object_array_get_idx(algs, i);

                assert_int_equal(log->banks[i].alg, json_object_get_int(json_object_array_get_idx(a, 0)));
                assert_int_equal(log->banks[i].size, json_object_get_int(json_object_array_get_idx(a, 1)));
        }
        if (algs)
                assert_int_equal(log->n_banks, json_object_array_length(algs));
        if (member(want, "event_types"))
                check_types(file, log, member(want, "event_types"));
        json_object_object_foreach(member(want, "pcrs"), bank, values)
                (void)check_bank(file, log, bank, values);
}

static void check_logs(const char *top, size_t *parsed, size_t *refused)
{
        struct json_object *all = corpus_json(top, "eventlogs", "EXPECTED.json");

        json_object_object_foreach(all, file, want)
        {
                struct buf b = corpus_get(top, "eventlogs", file, "");
                struct evlog log;
                const char *why = NULL;
                size_t offset = SIZE_MAX;
                int r = evlog_parse(b.p, b.len, &log, &why, &offset);

                if (json_object_get_boolean(member(want, "reject"))) {
                        if (r != -EBADMSG || !why || offset > b.len)
                                fail_msg("%s must be refused: %s", file, member_text(want, "why"));
                        *refused += 1;
                } else {
                        if (r < 0)
                                fail_msg("%s: %s at %zu", file, why, offset);
                        check_log(file, &log, want);
                        evlog_free(&log);
                        *parsed += 1;
                }
                buf_wipe(&b);
        }
        json_object_put(all);
}

static void every_log_of_the_corpus_parses_and_replays_as_expected(void **state)
{
        size_t parsed = 0, refused = 0;

        (void)state;
        corpus_or_skip();
        check_logs(corpus_top(), &parsed, &refused);
        assert_true(parsed >= 50 && refused >= 18);
}

static void every_log_made_here_parses_and_replays_as_expected(void **state)
{
        size_t parsed = 0, refused = 0;

        (void)state;
        check_logs(MADE, &parsed, &refused);
        assert_int_equal(parsed, 12);
        assert_int_equal(refused, 17);
}

static void every_log_cut_anywhere_or_with_any_byte_changed_is_read_within_bounds(void **state)
{
        struct buf b = corpus_get(MADE, "eventlogs", "four_banks.bin", "");
        char text[64];

        (void)state;
        for (size_t n = 0; n < b.len; n++) {
                uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees each byte too many */
                struct evlog log;

                assert_non_null(exact);
                memcpy(exact, b.p, n);
                if (evlog_parse(exact, n, &log, NULL, NULL) == 0)
                        evlog_free(&log);
                free(exact);
        }
        for (size_t i = 0; i < b.len; i++) {
                struct evlog log;

                b.p[i] ^= 0xff;
                if (evlog_parse(b.p, b.len, &log, NULL, NULL) == 0) {
                        for (size_t k = 0; k < log.n_events; k++)
                                (void)evlog_describe(&log.events[k], text, sizeof(text));
                        evlog_free(&log);
                }
                b.p[i] ^= 0xff;
        }
        buf_wipe(&b);
}

static void a_recorded_boot_replays_to_the_pcrs_that_linux_read(void **state)
{
        struct buf b = corpus_read("tests/data/qemu-ovmf/eventlog.bin");
        struct json_object *pcrs = json_object_from_file("tests/data/qemu-ovmf/pcrs.json");
        struct evlog_pcrs v;
        struct evlog log;
        char hex[HEX_LEN(32)], key[12];

        (void)state;
        assert_non_null(pcrs);
        assert_int_equal(evlog_parse(b.p, b.len, &log, NULL, NULL), 0);
        assert_int_equal(evlog_replay(&log, TPM_SHA256, &v), 0);
        for (unsigned i = 0; i < 16; i++) {
                if (i == 10) /* IMA's, in no firmware log */
                        continue;
                (void)snprintf(key, sizeof(key), "%u", i);
                hex_encode(v.value[i], 32, hex);
                assert_string_equal(hex, member_text(member(pcrs, "sha256"), key));
        }
        evlog_free(&log);
        buf_wipe(&b);
        json_object_put(pcrs);
}

static void digests_of_data_are_told_from_those_that_only_describe(void **state)
{
        struct buf b = corpus_read("tests/data/qemu-ovmf/eventlog.bin");
        size_t matches = 0, differs = 0, undefined = 0;
        struct evlog_event forged;
        struct evlog log;

        (void)state;
        assert_int_equal(evlog_parse(b.p, b.len, &log, NULL, NULL), 0);
        for (size_t i = 0; i < log.n_events; i++) {
                int r = evlog_data_matches(&log, &log.events[i], TPM_SHA256);

                matches += r == 1;
                differs += r == 0;
                undefined += r == -ENOTSUP;
                if (log.events[i].type != EV_SEPARATOR)
                        continue;
                assert_int_equal(r, 1);
                forged = log.events[i];
                forged.data = (const uint8_t *)"\1\0\0\0";
                assert_int_equal(evlog_data_matches(&log, &forged, TPM_SHA256), 0);
                assert_int_equal(evlog_data_matches(&log, &forged, TPM_SHA1), -ENODATA);
        }
        assert_true(matches >= 15);
        assert_int_equal(differs, 0);
        assert_true(undefined > 5); /* images, blobs, IPL */
        evlog_free(&log);
        buf_wipe(&b);
}

static size_t describe_all(const char *top)
{
        struct json_object *all = corpus_json(top, "eventlogs", "EXPECTED.json");
        size_t lines = 0;

        json_object_object_foreach(all, file, want)
        {
                struct buf b = corpus_get(top, "eventlogs", file, "");
                struct evlog log;

                (void)want;
                if (evlog_parse(b.p, b.len, &log, NULL, NULL) == 0) {
                        for (size_t i = 0; i < log.n_events; i++) {
                                char text[80];

                                memset(text, 'x', sizeof(text));
                                (void)evlog_describe(&log.events[i], text, sizeof(text));
                                assert_true(strnlen(text, sizeof(text)) < sizeof(text));
                                for (const char *s = text; *s; s++)
                                        assert_true(*s >= 0x20 && *s < 0x7f);
                                lines++;
                        }
                        evlog_free(&log);
                }
                buf_wipe(&b);
        }
        json_object_put(all);
        return lines;
}

static void events_are_described_in_one_printable_line(void **state)
{
        (void)state;
        assert_true(describe_all(MADE) > 100);
}

static void events_of_real_firmware_are_described_in_one_printable_line(void **state)
{
        (void)state;
        corpus_or_skip();
        assert_true(describe_all(corpus_top()) > 1000);
}

static void describe(uint32_t type, const void *data, size_t n, int want, const char *text)
{
        const struct evlog_event e = { .type = type, .data = data, .size = n };
        char line[128];

        assert_int_equal(evlog_describe(&e, line, sizeof(line)), want);
        assert_string_equal(line, text);
}

static void known_events_say_what_they_hold(void **state)
{
        static const uint8_t var[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98,
                                       0x03, 0x2b, 0x8c, 2,    0,    0,    0,    0,    0,    0,    0,    1,    0,
                                       0,    0,    0,    0,    0,    0,    'P',  0,    'K',  0,    1 };
        static const uint8_t image[] = { 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0,    0,    0,    0,  0,   0, 0,   0, 0, 0, 0,
                                         0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,    4,    4,    8,  0,   'k', 0, 0, 0 };

        (void)state;
        describe(EV_SEPARATOR, "\0\0\0\0", 4, 0, "separator");
        describe(EV_SEPARATOR, "\1\0\0\0", 4, 0, "separator: firmware reports an error");
        describe(EV_SEPARATOR, "WBCL", 4, 0, "separator \"WBCL\"");
        describe(EV_IPL, "a\0b\0\0\0", 6, 0, "\"ab\"");
        describe(EV_IPL, "quit\"\x1b", 6, 0, "71756974221b");
        describe(EV_IPL, "", 0, 0, "");
        describe(EV_EFI_VARIABLE_DRIVER_CONFIG, var, sizeof(var), 0,
                 "variable PK-8be4df61-93ca-11d2-aa0d-00e098032b8c = 01");
        describe(EV_EFI_VARIABLE_DRIVER_CONFIG, var, sizeof(var) - 1, -EBADMSG, "malformed data, 36 bytes");
        describe(EV_EFI_BOOT_SERVICES_APPLICATION, image, sizeof(image), 0, "image of 9 bytes from /file k");
        describe(EV_EFI_BOOT_SERVICES_APPLICATION, image, sizeof(image) - 1, -EBADMSG, "malformed data, 39 bytes");
}

/* 1,000 legacy events of zeroes, then one that is none: each of them is
 * told from padding at once, not by looking at all that follows it. */
static void zeroes_are_events_until_the_rest_is_nothing_else(void **state)
{
        enum { EVENTS = 1000, EACH = 32 };
        _cleanup_(freep) uint8_t *p = calloc(EVENTS + 2, EACH);
        struct evlog log = { 0 };

        (void)state;
        assert_non_null(p);
        p[(EVENTS - 1) * EACH] = 7; /* the last one is of PCR 7 */
        assert_int_equal(evlog_parse(p, (size_t)EVENTS * EACH, &log, NULL, NULL), 0);
        assert_int_equal(log.n_events, EVENTS);
        assert_int_equal(log.padding, 0);
        evlog_free(&log);
        assert_int_equal(evlog_parse(p, (size_t)(EVENTS + 2) * EACH, &log, NULL, NULL), 0);
        assert_int_equal(log.n_events, EVENTS);
        assert_int_equal(log.padding, 2 * EACH);
        evlog_free(&log);
}

/* An event of a log of SHA-1 alone, without data. */
static void event_put(uint8_t *p, uint8_t pcr, uint8_t type)
{
        memset(p, 0, 32);
        p[0] = pcr;
        p[4] = type;
}

static void events_are_of_pcrs_that_a_tpm_has(void **state)
{
        uint8_t p[3 * 32];
        struct evlog log = { 0 };
        const char *why = NULL;

        (void)state;
        event_put(p, 0, EV_ACTION);
        event_put(p + 32, 10, EV_ACTION);
        event_put(p + 64, 23, EV_ACTION);
        assert_int_equal(evlog_parse(p, sizeof(p), &log, &why, NULL), 0);
        assert_int_equal(log.n_events, 3);
        evlog_free(&log);
        event_put(p + 64, 24, EV_ACTION);
        assert_int_equal(evlog_parse(p, sizeof(p), &log, &why, NULL), -EBADMSG);
        assert_non_null(why);
        event_put(p + 64, 24, EV_NO_ACTION); /* extends nothing */
        assert_int_equal(evlog_parse(p, sizeof(p), &log, &why, NULL), 0);
        evlog_free(&log);
}

static void padding_is_all_zero_or_all_ones(void **state)
{
        uint8_t p[32 + 40];
        struct evlog log = { 0 };

        (void)state;
        event_put(p, 7, EV_ACTION);
        p[27] = 1; /* of its digest: so that the padding does not begin before it */
        for (int c = 0; c < 256; c++) {
                memset(p + 32, c, 40);
                if (c != 0x00 && c != 0xff) {
                        assert_int_equal(evlog_parse(p, sizeof(p), &log, NULL, NULL), -EBADMSG);
                        continue;
                }
                assert_int_equal(evlog_parse(p, sizeof(p), &log, NULL, NULL), 0);
                assert_int_equal(log.n_events, 1);
                assert_int_equal(log.padding, 40);
                evlog_free(&log);
                p[71] ^= 0xff;
                assert_int_equal(evlog_parse(p, sizeof(p), &log, NULL, NULL), -EBADMSG);
                assert_int_equal(evlog_parse(p + 32, 39, &log, NULL, NULL), -EBADMSG); /* nothing else */
        }
}

static void logs_beyond_the_limits_are_refused(void **state)
{
        uint8_t *big = calloc(1, EVLOG_MAX_SIZE + 1);
        struct evlog log;
        const char *why = NULL;

        (void)state;
        assert_non_null(big);
        assert_int_equal(evlog_parse(big, EVLOG_MAX_SIZE + 1, &log, &why, NULL), -E2BIG);
        assert_non_null(why);
        /* as many events of 32 bytes as fit: more than any firmware logs */
        for (size_t i = 0; i + 32 <= EVLOG_MAX_SIZE; i += 32)
                big[i + 4] = EV_ACTION;
        assert_int_equal(evlog_parse(big, EVLOG_MAX_SIZE, &log, &why, NULL), -EBADMSG);
        assert_int_equal(evlog_parse("", 0, &log, &why, NULL), -EBADMSG);
        free(big);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_log_of_the_corpus_parses_and_replays_as_expected),
                cmocka_unit_test(every_log_made_here_parses_and_replays_as_expected),
                cmocka_unit_test(every_log_cut_anywhere_or_with_any_byte_changed_is_read_within_bounds),
                cmocka_unit_test(a_recorded_boot_replays_to_the_pcrs_that_linux_read),
                cmocka_unit_test(digests_of_data_are_told_from_those_that_only_describe),
                cmocka_unit_test(events_are_described_in_one_printable_line),
                cmocka_unit_test(events_of_real_firmware_are_described_in_one_printable_line),
                cmocka_unit_test(known_events_say_what_they_hold),
                cmocka_unit_test(zeroes_are_events_until_the_rest_is_nothing_else),
                cmocka_unit_test(events_are_of_pcrs_that_a_tpm_has),
                cmocka_unit_test(padding_is_all_zero_or_all_ones),
                cmocka_unit_test(logs_beyond_the_limits_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
