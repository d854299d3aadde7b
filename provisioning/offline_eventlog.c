/* SPDX-License-Identifier: Apache-2.0 */
/* muster eventlog: a TCG event log, replayed. */
#include "eventlog.h"
#include "hex.h"
#include "offline_util.h"
#include "table.h"

static const struct cli_option eventlog_options[] = { { 0 } };
static const struct cli_command eventlog_command = {
        "eventlog", "FILE", "Shows a TCG event log and the PCR values it replays to", eventlog_options,
};

static struct json_object *event_json(const struct evlog *log, const struct evlog_event *e)
{
        struct json_object *o = json_object_new_object();
        struct json_object *digests = json_object_new_object();
        char name[11], alg[7], text[512];
        int r = evlog_describe(e, text, sizeof(text));

        json_add(o, "pcr", json_object_new_int64(e->pcr));
        json_add_text(o, "type", evlog_type_name(e->type, name));
        for (size_t i = 0; i < log->n_banks; i++)
                if (e->digest[i])
                        json_add_hex(digests, evlog_alg_name(log->banks[i].alg, alg), e->digest[i],
                                     log->banks[i].size);
        json_add(o, "digests", digests);
        json_add_text(o, "description", text);
        if (r < 0)
                json_add(o, "malformed", json_object_new_boolean(true));
        return o;
}

static struct json_object *pcrs_json(const struct evlog_pcrs *p)
{
        struct json_object *o = json_object_new_object();
        char key[12];

        for (unsigned i = 0; i < EVLOG_PCRS; i++) {
                if (!(p->extended & 1u << i))
                        continue;
                (void)snprintf(key, sizeof(key), "%u", i);
                json_add_hex(o, key, p->value[i], p->size);
        }
        return o;
}

/* Things a reader should know that no field shows by itself. */
static size_t notes_of(const struct evlog *log, char out[4][96])
{
        size_t n = 0;

        if (log->partial)
                (void)snprintf(out[n++], 96, "%zu events lack a digest of some bank", log->partial);
        if (log->padding)
                (void)snprintf(out[n++], 96, "%zu bytes of padding after the last event", log->padding);
        if (log->stray_locality)
                (void)snprintf(out[n++], 96, "a StartupLocality event outside PCR 0 has no effect");
        if (log->hcrtm)
                (void)snprintf(out[n++], 96, "PCR 0 starts with an H-CRTM event");
        return n;
}

static int print_json(const struct evlog *log, const char *path)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct json_object *banks = json_object_new_array();
        struct json_object *pcrs = json_object_new_object();
        struct json_object *events = json_object_new_array();
        struct json_object *notes = json_object_new_array();
        struct evlog_pcrs values;
        char alg[7], note[4][96];
        size_t n = notes_of(log, note);

        json_add_text(o, "file", path);
        json_add_text(o, "format", log->agile ? "crypto-agile" : "sha1");
        for (size_t i = 0; i < log->n_banks; i++) {
                const char *name = evlog_alg_name(log->banks[i].alg, alg);

                (void)json_object_array_add(banks, json_object_new_string(name));
                if (evlog_replay(log, log->banks[i].alg, &values) == 0)
                        json_add(pcrs, name, pcrs_json(&values));
        }
        json_add(o, "banks", banks);
        json_add(o, "startup_locality",
                 log->startup_locality >= 0 ? json_object_new_int(log->startup_locality) : NULL);
        json_add(o, "pcrs", pcrs);
        for (size_t i = 0; i < log->n_events; i++)
                (void)json_object_array_add(events, event_json(log, &log->events[i]));
        json_add(o, "events", events);
        for (size_t i = 0; i < n; i++)
                (void)json_object_array_add(notes, json_object_new_string(note[i]));
        json_add(o, "notes", notes);
        return cli_print_json(o);
}

/* The bank to show when only one fits the line: SHA-256 if there is one. */
static size_t shown_bank(const struct evlog *log)
{
        int bank = evlog_bank(log, TPM_SHA256);

        return bank < 0 ? 0 : (size_t)bank;
}

static void print_events(const struct evlog *log)
{
        size_t bank = shown_bank(log);
        struct table t;
        char alg[7];
        const char *const head[] = { "#", "PCR", "TYPE", evlog_alg_name(log->banks[bank].alg, alg), "WHAT", NULL };

        table_begin(&t, head);
        for (size_t i = 0; i < log->n_events; i++) {
                const struct evlog_event *e = &log->events[i];
                char number[24], pcr[16], name[11], digest[HEX_LEN(8)] = "", text[160];
                const char *cells[] = { number, pcr, NULL, digest, text };

                (void)snprintf(number, sizeof(number), "%zu", i);
                (void)snprintf(pcr, sizeof(pcr), e->pcr == UINT32_MAX ? "-" : "%u", e->pcr);
                cells[2] = evlog_type_name(e->type, name);
                if (e->digest[bank])
                        hex_encode(e->digest[bank], log->banks[bank].size < 8 ? log->banks[bank].size : 8, digest);
                (void)evlog_describe(e, text, sizeof(text));
                table_row(&t, cells);
        }
        table_print(&t, stdout);
        table_wipe(&t);
}

static void print_pcrs(const struct evlog *log)
{
        struct evlog_pcrs v;
        char alg[7], value[HEX_LEN(EVLOG_MAX_DIGEST)];

        for (size_t b = 0; b < log->n_banks; b++) {
                printf("\nPCRs, %s:\n", evlog_alg_name(log->banks[b].alg, alg));
                if (evlog_replay(log, log->banks[b].alg, &v) < 0) {
                        printf("  cannot be replayed: unknown algorithm\n");
                        continue;
                }
                for (unsigned i = 0; i < EVLOG_PCRS; i++)
                        if (v.extended & 1u << i) {
                                hex_encode(v.value[i], v.size, value);
                                printf("  %2u  %s\n", i, value);
                        }
        }
}

static void print_text(const struct evlog *log)
{
        char note[4][96];
        size_t n = notes_of(log, note);

        print_events(log);
        print_pcrs(log);
        if (log->startup_locality >= 0)
                printf("\nPCR 0 starts at locality %d.\n", log->startup_locality);
        for (size_t i = 0; i < n; i++)
                printf("%sNote: %s.\n", i == 0 ? "\n" : "", note[i]);
}

int cmd_eventlog(int argc, char **argv)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        struct evlog log;
        const char *why = NULL;
        char text[192];
        size_t offset = 0;
        int rc = 0;

        if (cli_next(&eventlog_command, argc, argv, &rc) < 0 ||
            (rc = cli_count(&eventlog_command, argc, argv, 1, 1)) != 0)
                return rc;
        rc = offline_read("read the event log", argv[optind], EVLOG_MAX_SIZE, &b);
        if (rc != 0)
                return rc;
        if (evlog_parse(b.p, b.len, &log, &why, &offset) < 0) {
                (void)snprintf(text, sizeof(text), "at byte %zu: %s", offset, why);
                return offline_bad("read the event log", argv[optind], text,
                                   "take it whole from /sys/kernel/security/tpm0/binary_bios_measurements");
        }
        if (cli_json())
                rc = print_json(&log, argv[optind]);
        else
                print_text(&log);
        evlog_free(&log);
        return rc;
}
