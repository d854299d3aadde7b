/* SPDX-License-Identifier: Apache-2.0 */
/* node add: enrols nodes before they first boot. */
#include "batch.h"
#include "commands.h"
#include "ekcert.h"
#include "files.h"
#include "hex.h"

#include <getopt.h>

#define RECORD_MAX ((size_t)256 * 1024)
#define SOURCES_MAX 4096

enum { OPT_CERT = CLI_LONG, OPT_ID, OPT_RECORD, OPT_WITHOUT, OPT_PROFILE };

static const struct cli_option add_options[] = {
        { "ek-cert", OPT_CERT, "FILE", "its endorsement key certificate (DER or PEM)" },
        { "id", OPT_ID, "HEX", "its node id: SHA-256 of the EK's SubjectPublicKeyInfo" },
        { "record", OPT_RECORD, "FILE", "what muster-node enroll printed on it" },
        { "without-ek-certificate", OPT_WITHOUT, NULL, "accept it without a certificate of a known TPM maker" },
        { "profile", OPT_PROFILE, "NAME", "the firmware profile it must match" },
        { 0 },
};

static const struct cli_command add_command = {
        "node add", "NAMES",
        "Enrols nodes before they first boot; a range takes one --ek-cert, --id or --record for each name, in order",
        add_options,
};

struct source {
        int kind; /* an OPT_ */
        const char *arg;
};

static int add_certificate(struct json_object *body, const char *path, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf file = { 0 };
        _cleanup_(freep) unsigned char *der = NULL;
        _cleanup_(freep) char *text = NULL;
        struct ekcert c = { 0 };
        const char *why = NULL;
        int r = file_read(path, EKCERT_MAX, &file);
        int len;

        if (r < 0)
                return fail_set(f, r == -EFBIG ? MUSTER_USAGE : MUSTER_IO, "", "", "read the EK certificate %s: %s", path,
                                strerror(-r));
        r = ekcert_parse(file.p, file.len, &c, &why);
        if (r < 0)
                return fail_set(f, MUSTER_USAGE, "", "muster ek FILE shows what it is", "read the EK certificate %s: %s", path,
                                why ? why : strerror(-r));
        len = i2d_X509(c.cert, &der);
        ekcert_free(&c);
        text = len > 0 ? malloc(B64_LEN((size_t)len)) : NULL;
        if (!text) {
                OPENSSL_free(take_ptr(der));
                return fail_set(f, MUSTER_IO, "", "", "encode the EK certificate %s: out of memory", path);
        }
        b64_encode(der, (size_t)len, text);
        OPENSSL_free(take_ptr(der));
        json_object_object_add(body, "ek_certificate", json_object_new_string(text));
        return 0;
}

static void move_text(struct json_object *to, const char *key, const char *text)
{
        if (text)
                json_object_object_add(to, key, json_object_new_string(text));
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
        move_text(body, "id", admin_str(o, "id"));
        move_text(body, "ek_public", admin_str(o, "ek_public"));
        move_text(body, "ek_certificate", admin_str(o, "ek_certificate"));
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
                move_text(o, "id", s->arg);
        if (rc)
                return rc;
        if (without)
                json_object_object_add(o, "without_ek_certificate", json_object_new_boolean(1));
        move_text(o, "profile", profile);
        *ret = take_ptr(o);
        return 0;
}

static bool is_id(const char *s)
{
        uint8_t id[DIGEST_LEN];

        return strlen(s) == 2 * DIGEST_LEN && hex_decode_exact(s, id, sizeof(id)) == 0;
}

static void said_added(const char *name, struct json_object *o)
{
        if (!cli_json())
                cli_say("%s: %s, id %s", name, admin_text(o, "state"), admin_text(o, "id"));
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
                        said_added(b->nodes.name[i], o);
                if (!batch_note(b, b->nodes.name[i], rc, o, &f))
                        break;
        }
        return batch_close(b);
}

int cmd_node_add(int argc, char **argv)
{
        _cleanup_(batch_wipe) struct batch b = { 0 };
        _cleanup_(noderange_wipe) struct noderange names = { 0 };
        _cleanup_(freep) struct source *sources = calloc(SOURCES_MAX, sizeof(*sources));
        const char *profile = NULL;
        bool without = false;
        size_t n = 0;
        int rc = 0;
        int v;

        if (!sources)
                return MUSTER_IO;
        while ((v = cli_next(&add_command, argc, argv, &rc)) > 0) {
                if (v == OPT_WITHOUT) {
                        without = true;
                } else if (v == OPT_PROFILE) {
                        profile = optarg;
                } else if (n == SOURCES_MAX) {
                        return cli_usage(&add_command, "more than %d nodes at a time", SOURCES_MAX);
                } else if (v == OPT_ID && !is_id(optarg)) {
                        return cli_usage(&add_command, "'%.80s' is no node id (64 lower-case hex digits)", optarg);
                } else {
                        sources[n++] = (struct source){ v, optarg };
                }
        }
        if (v < 0)
                return rc;
        rc = cli_count(&add_command, argc, argv, 1, 1);
        if (rc == 0)
                rc = batch_parse(&add_command, argv[optind], &names);
        if (rc)
                return rc;
        if (n != names.n)
                return cli_usage(&add_command, "%zu names, but %zu of --ek-cert, --id and --record", names.n, n);
        rc = batch_open(&b, &add_command, argv[optind]);
        return rc ? rc : add_all(&b, sources, without, profile);
}
