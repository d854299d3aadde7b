/* SPDX-License-Identifier: Apache-2.0 */
/* muster uki: what a unified kernel image makes a TPM measure. */
#include "hex.h"
#include "offline_util.h"
#include "table.h"
#include "uki.h"

#define UKI_FILE_MAX ((size_t)2048 * 1024 * 1024)

enum { OPT_CMDLINE = CLI_LONG };

static const struct cli_option uki_options[] = {
        { "cmdline", OPT_CMDLINE, "S", "the whole load options string that the loader passes; iPXE puts the file's name in front" },
        { 0 },
};
static const struct cli_command uki_command = {
        "uki", "FILE", "Shows what PCR 4, 9, 11 and 12 are given when this UKI boots", uki_options,
};

static struct json_object *events_json(const struct uki_events *e, bool value)
{
        struct json_object *o = json_object_new_object();
        struct json_object *a = json_object_new_array();

        for (size_t i = 0; i < e->n; i++)
                json_push_hex(a, e->digest[i], DIGEST_LEN);
        json_add(o, "events", a);
        if (value)
                json_add_hex(o, "value", e->value, DIGEST_LEN);
        return o;
}

static struct json_object *pred_json(const struct uki_pred *p)
{
        struct json_object *o = json_object_new_object();

        json_add(o, "4", events_json(&p->pcr4, false));
        json_add(o, "9", events_json(&p->pcr9, true));
        json_add(o, "11", events_json(&p->pcr11, true));
        json_add(o, "12", events_json(&p->pcr12, true));
        return o;
}

static struct json_object *sections_json(const struct uki *u)
{
        struct json_object *a = json_object_new_array();

        for (size_t i = 0; i < u->n_sections; i++) {
                struct json_object *o = json_object_new_object();

                json_add_text(o, "name", u->sections[i].name);
                json_add(o, "size", json_object_new_int64((int64_t)u->sections[i].size));
                json_add_hex(o, "sha256", u->sections[i].sha256, DIGEST_LEN);
                (void)json_object_array_add(a, o);
        }
        return a;
}

/* The line that the kernel is given; NULL: none. */
static char *line_of(const struct uki *u, const struct uki_pred *p, const char *options)
{
        char *line = NULL;

        if (p->embedded_cmdline)
                (void)uki_cmdline(u, &line);
        else if (p->pcr12.n > 0 && options)
                (void)stub_cmdline(&u->stub, options, strlen(options), &line);
        return line;
}

static struct json_object *line_json(const struct uki *u, const struct uki_pred *p, const char *options)
{
        _cleanup_(freep) char *text = line_of(u, p, options);

        return text ? json_object_new_string(text) : NULL;
}

static int print_json(const char *path, const uint8_t file[DIGEST_LEN], const struct uki *u, const char *options,
                      const struct uki_pred *plain, const struct uki_pred *secure)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct json_object *s = json_object_new_object();

        json_add_text(o, "file", path);
        json_add_hex(o, "sha256", file, DIGEST_LEN);
        json_add_hex(o, "authenticode", u->authenticode, DIGEST_LEN);
        json_add_hex(o, "kernel_authenticode", u->kernel_authenticode, DIGEST_LEN);
        json_add(o, "sections", sections_json(u));
        json_add(o, "cmdline", line_json(u, plain, options));
        json_add(o, "pcrs", pred_json(plain));
        json_add(s, "cmdline", line_json(u, secure, options));
        json_add(s, "pcrs", pred_json(secure));
        json_add(o, "secure_boot", s);
        return cli_print_json(o);
}

static void print_pcr(int pcr, const struct uki_events *e, bool value)
{
        char h[HEX_LEN(DIGEST_LEN)];

        for (size_t i = 0; i < e->n; i++) {
                hex_encode(e->digest[i], DIGEST_LEN, h);
                printf("  PCR %2d  extend  %s\n", pcr, h);
        }
        if (value) {
                hex_encode(e->value, DIGEST_LEN, h);
                printf("  PCR %2d  =       %s\n", pcr, h);
        }
}

static void print_pred(const struct uki *u, const struct uki_pred *p, const char *options)
{
        _cleanup_(freep) char *text = line_of(u, p, options);
        char line[1024];

        if (text)
                printf("  command line (%s): %s\n", p->embedded_cmdline ? "embedded" : "passed",
                       log_escape(text, strlen(text), line, sizeof(line)));
        else
                printf("  no command line\n");
        print_pcr(4, &p->pcr4, false);
        print_pcr(9, &p->pcr9, true);
        print_pcr(11, &p->pcr11, true);
        print_pcr(12, &p->pcr12, true);
}

static void print_text(const uint8_t file[DIGEST_LEN], const struct uki *u, const char *options,
                       const struct uki_pred *plain, const struct uki_pred *secure)
{
        static const char *const head[] = { "SECTION", "SIZE", "SHA-256", NULL };
        char h[HEX_LEN(DIGEST_LEN)], size[24];
        struct table t;

        hex_encode(file, DIGEST_LEN, h);
        show_line("SHA-256", "%s", h);
        hex_encode(u->authenticode, DIGEST_LEN, h);
        show_line("Authenticode", "%s", h);
        hex_encode(u->kernel_authenticode, DIGEST_LEN, h);
        show_line("Kernel's Authenticode", "%s", h);
        printf("\n");
        table_begin(&t, head);
        for (size_t i = 0; i < u->n_sections; i++) {
                const char *const cells[] = { u->sections[i].name, size, h };

                (void)snprintf(size, sizeof(size), "%zu", u->sections[i].size);
                hex_encode(u->sections[i].sha256, DIGEST_LEN, h);
                table_row(&t, cells);
        }
        table_print(&t, stdout);
        table_wipe(&t);
        printf("\nSecure Boot off:\n");
        print_pred(u, plain, options);
        printf("\nSecure Boot on:\n");
        print_pred(u, secure, options);
        printf("\niPXE loads an image twice, so firmware extends PCR 4 with the UKI's digest twice.\n");
}

static int predict(const struct uki *u, const char *path, const char *options, struct uki_pred *plain,
                   struct uki_pred *secure)
{
        int r = uki_predict(u, options, false, plain);

        if (r == 0)
                r = uki_predict(u, options, true, secure);
        if (r == -EILSEQ)
                return offline_bad("predict the command line of", path, "it holds a character that is not ASCII",
                                   "write it in ASCII: loaders differ in how they pass anything else");
        if (r == -ENOTUNIQ)
                return offline_bad("predict the command line of", path, "it begins or ends with a blank or a line break, which stubs of its "
                                   "version read in different ways", "embed or pass it without, or take a newer stub");
        if (r < 0)
                return offline_bad("predict the measurements of", path, strerror(-r), "check the command line's length");
        return OFFLINE_OK;
}

int cmd_uki(int argc, char **argv)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        struct uki_pred plain = { 0 }, secure = { 0 };
        uint8_t sha[DIGEST_LEN];
        const char *options = NULL, *path, *why = NULL;
        struct uki u;
        int v, rc = 0;

        while ((v = cli_next(&uki_command, argc, argv, &rc)) != 0) {
                if (v < 0)
                        return rc;
                options = optarg;
        }
        rc = cli_count(&uki_command, argc, argv, 1, 1);
        if (rc != 0)
                return rc;
        path = argv[optind];
        rc = offline_read("read the UKI", path, UKI_FILE_MAX, &b);
        if (rc != 0)
                return rc;
        if (uki_parse(b.p, b.len, &u, &why) < 0)
                return offline_bad("read the UKI", path, why, "make one with muster boot build, or ukify");
        if (EVP_Digest(b.p, b.len, sha, NULL, EVP_sha256(), NULL) != 1)
                return offline_bad("hash the UKI", path, "internal error", "");
        rc = predict(&u, path, options, &plain, &secure);
        if (rc != 0)
                return rc;
        if (cli_json())
                return print_json(path, sha, &u, options, &plain, &secure);
        print_text(sha, &u, options, &plain, &secure);
        return OFFLINE_OK;
}
