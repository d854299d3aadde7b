/* SPDX-License-Identifier: Apache-2.0 */
/* node add: enrols nodes before they first boot. */
#include "commands.h"
#include "ek_input.h"
#include "ekcert.h"
#include "files.h"
#include "hex.h"
#include "node_add.h"
#include "profile.h"

#include <getopt.h>

#define RECORD_MAX ((size_t)256 * 1024)
#define SOURCES_MAX 4096

enum { OPT_CERT = CLI_LONG, OPT_ID, OPT_RECORD, OPT_WITHOUT, OPT_PROFILE, OPT_MANIFEST, OPT_DRY_RUN };

static const struct cli_option add_options[] = {
        { "ek-cert", OPT_CERT, "FILE", "its endorsement key certificate (DER or PEM)" },
        { "id", OPT_ID, "HEX", "its node id: SHA-256 of the EK's SubjectPublicKeyInfo" },
        { "record", OPT_RECORD, "FILE", "what muster-node enroll printed on it" },
        { "manifest", OPT_MANIFEST, "FILE.csv", "instead of NAMES: the nodes of a purchase manifest, see muster(8)" },
        { "dry-run", OPT_DRY_RUN, NULL, "with --manifest: check it, say what would be done, ask no server" },
        { "without-ek-certificate", OPT_WITHOUT, NULL, "accept it without a certificate of a known TPM maker" },
        { "profile", OPT_PROFILE, "NAME", "the firmware profile it must match" },
        { 0 },
};

static const struct cli_command add_command = {
        "node add", "NAMES | --manifest FILE.csv",
        "Enrols nodes before they first boot; a range takes one --ek-cert, --id or --record for each name, in order",
        add_options,
};

struct source {
        int kind; /* an OPT_ */
        const char *arg;
};

int node_add_der(struct json_object *body, const struct buf *der)
{
        _cleanup_(freep) char *text = malloc(B64_LEN(der->len));

        if (!text)
                return -ENOMEM;
        b64_encode(der->p, der->len, text);
        node_add_text(body, "ek_certificate", text);
        return 0;
}

static int add_certificate(struct json_object *body, const char *path, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf file = { 0 };
        struct ekcert c = { 0 };
        const char *why = NULL;
        int r = file_read(path, EKCERT_MAX, &file);

        if (r < 0)
                return fail_set(f, r == -EFBIG ? MUSTER_USAGE : MUSTER_IO, "", "", "read the EK certificate %s: %s", path,
                                strerror(-r));
        r = ek_input_decode(&file, &why);
        if (r == 0)
                r = ekcert_parse(file.p, file.len, &c, &why);
        if (r < 0)
                return fail_set(f, MUSTER_USAGE, "", "muster ek FILE shows what it is", "read the EK certificate %s: %s", path,
                                why ? why : strerror(-r));
        r = node_add_der(body, &c.der);
        ekcert_free(&c);
        return r < 0 ? fail_set(f, MUSTER_IO, "", "", "encode the EK certificate %s: out of memory", path) : 0;
}

void node_add_text(struct json_object *body, const char *key, const char *text)
{
        if (text)
                json_object_object_add(body, key, json_object_new_string(text));
}

static int add_record(struct json_object *body, const char *path, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf file = { 0 };
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct json_tokener *t;
        int r = file_read(path, RECORD_MAX, &file);

        if (r < 0)
                return fail_set(f, r == -EFBIG ? MUSTER_USAGE : MUSTER_IO, "", "", "read the record %s: %s", path,
                                strerror(-r));
        t = json_tokener_new_ex(8);
        if (!t)
                return fail_set(f, MUSTER_IO, "", "", "read the record %s: out of memory", path);
        json_tokener_set_flags(t, JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(t, (const char *)file.p, (int)file.len);
        json_tokener_free(t);
        if (!admin_str(o, "id"))
                return fail_set(f, MUSTER_USAGE, "", "run muster-node enroll on the node and give its output",
                                "read the record %s: it is not what muster-node enroll prints", path);
        node_add_text(body, "id", admin_str(o, "id"));
        node_add_text(body, "ek_public", admin_str(o, "ek_public"));
        node_add_text(body, "ek_certificate", admin_str(o, "ek_certificate"));
        if (!admin_str(o, "ek_certificate"))
                fprintf(stderr,
                        "muster: warning: the record %s has no EK certificate: nothing shows that its key is in a TPM. Next: give "
                        "--without-ek-certificate if you know this machine, or its certificate with --ek-cert\n", path);
        return 0;
}

static int make_body(const char *name, const struct source *s, bool without, const char *profile,
                     struct json_object **ret, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        int rc = 0;

        if (!o)
                return fail_set(f, MUSTER_IO, "", "", "add node %s: out of memory", name);
        json_object_object_add(o, "name", json_object_new_string(name));
        if (s->kind == OPT_CERT)
                rc = add_certificate(o, s->arg, f);
        else if (s->kind == OPT_RECORD)
                rc = add_record(o, s->arg, f);
        else
                node_add_text(o, "id", s->arg);
        if (rc)
                return rc;
        if (without)
                json_object_object_add(o, "without_ek_certificate", json_object_new_boolean(1));
        node_add_text(o, "profile", profile);
        *ret = take_ptr(o);
        return 0;
}

static bool is_id(const char *s)
{
        uint8_t id[DIGEST_LEN];

        return s && hex_decode_exact(s, id, sizeof(id)) == 0;
}

void node_add_said(const char *name, struct json_object *o)
{
        if (!cli_json())
                cli_say("%s: %s, id %s%s", name, admin_text(o, "state"), admin_text(o, "id"),
                        admin_bool(o, "known") ? " (there already)" : "");
        if (admin_str(o, "profile") && !admin_bool(o, "profile_known"))
                fprintf(stderr,
                        "muster: warning: node %s: there is no firmware profile '%s', so its boots will be refused (M-FIRMWARE) "
                        "until one is learnt. Next: check the name (muster policy show lists them), or boot it and run muster "
                        "policy learn %s\n",
                        name, admin_text(o, "profile"), name);
        if (strcmp(admin_text(o, "ek_chain"), "unmatched") == 0 && strcmp(admin_text(o, "ek_mode"), "certificate") == 0)
                fprintf(stderr,
                        "muster: warning: node %s: its EK certificate chains to no CA of this parent, so it will be refused "
                        "(M-EKCERT). Next: put its maker's CA into ek-ca and reload musterd, or muster node approve %s "
                        "--without-ek-certificate\n",
                        name, name);
}

static int add_all(struct batch *b, const struct source *sources, bool without, const char *profile)
{
        for (size_t i = 0; i < b->nodes.n; i++) {
                _cleanup_(json_putp) struct json_object *body = NULL;
                struct json_object *o = NULL;
                struct fail f = { 0 };
                int rc = make_body(b->nodes.name[i], &sources[i], without, profile, &body, &f);

                if (rc == 0)
                        rc = admin_call(b->admin, "POST", "/v1/nodes", json_object_to_json_string(body), &o, &f);
                if (rc == 0)
                        node_add_said(b->nodes.name[i], o);
                if (!batch_note(b, b->nodes.name[i], rc, o, &f))
                        break;
        }
        return batch_close(b);
}

/* 0; an exit code, told; or -1: the program is done, with *ret_rc. */
static int read_options(int argc, char **argv, struct node_add *a, const char **ret_manifest, struct source *sources,
                        size_t *ret_n, int *ret_rc)
{
        int v;

        while ((v = cli_next(&add_command, argc, argv, ret_rc)) > 0) {
                if (v == OPT_WITHOUT) {
                        a->without = true;
                } else if (v == OPT_DRY_RUN) {
                        a->dry_run = true;
                } else if (v == OPT_PROFILE) {
                        a->profile = optarg;
                } else if (v == OPT_MANIFEST && *ret_manifest) {
                        return cli_usage(&add_command, "one --manifest at a time");
                } else if (v == OPT_MANIFEST) {
                        *ret_manifest = optarg;
                } else if (*ret_n == SOURCES_MAX) {
                        return cli_usage(&add_command, "more than %d nodes at a time: use --manifest", SOURCES_MAX);
                } else if (v == OPT_ID && !is_id(optarg)) {
                        return cli_usage(&add_command, "'%.80s' is no node id (64 lower-case hex digits)", optarg);
                } else {
                        sources[(*ret_n)++] = (struct source){ v, optarg };
                }
        }
        return v;
}

static int add_named(const struct node_add *a, const char *range, const struct source *sources, size_t n)
{
        _cleanup_(batch_wipe) struct batch b = { 0 };
        _cleanup_(noderange_wipe) struct noderange names = { 0 };
        int rc = batch_parse(&add_command, range, &names);

        if (rc)
                return rc;
        if (n != names.n)
                return cli_usage(&add_command, "%zu names, but %zu of --ek-cert, --id and --record", names.n, n);
        rc = batch_open(&b, &add_command, range);
        return rc ? rc : add_all(&b, sources, a->without, a->profile);
}

int cmd_node_add(int argc, char **argv)
{
        _cleanup_(freep) struct source *sources = calloc(SOURCES_MAX, sizeof(*sources));
        struct node_add a = { .command = &add_command };
        const char *manifest = NULL;
        size_t n = 0;
        int rc = 0;
        int v;

        if (!sources)
                return MUSTER_IO;
        v = read_options(argc, argv, &a, &manifest, sources, &n, &rc);
        if (v)
                return v < 0 ? rc : v;
        if (manifest && (n > 0 || argc > optind))
                return cli_usage(&add_command, "--manifest names the nodes and their keys: no NAMES, --ek-cert, --id or --record with it");
        if (a.dry_run && !manifest)
                return cli_usage(&add_command, "--dry-run goes with --manifest only");
        if (a.profile && strlen(a.profile) > PROFILE_NAME_MAX)
                return cli_usage(&add_command, "--profile: the name of a firmware profile has at most %d bytes", PROFILE_NAME_MAX);
        if (manifest)
                return node_add_manifest(&a, manifest);
        rc = cli_count(&add_command, argc, argv, 1, 1);
        return rc ? rc : add_named(&a, argv[optind], sources, n);
}
