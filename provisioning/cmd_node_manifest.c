/* SPDX-License-Identifier: Apache-2.0 */
/* node add --manifest: enrols what a seller's list names. */
#include "ek_input.h"
#include "ekcert.h"
#include "files.h"
#include "hex.h"
#include "node_add.h"
#include "purchase.h"

#include <limits.h>

#define SERVER_CERT_MAX 4096 /* bytes of DER that musterd takes */
#define LOT_ROWS 500         /* that POST /v1/enrol takes */
#define LOT_BYTES ((size_t)1 << 20)
#define FAULTS_SAID 100
#define ROW_BYTES 16384 /* its newline and NUL included; names and certificates are bounded below that before */

/* What ekcert_parse() is to read: a file, or the field itself. */
static int certificate_bytes(const struct purchase *p, size_t i, struct buf *ret, struct fail *f)
{
        enum purchase_column c = purchase_source(p, i);
        const char *text = purchase_get(p, i, c);
        const char *slash = strrchr(p->file, '/');
        char path[PATH_MAX];
        int r;

        if (c == PC_FILE) {
                if (snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - p->file) + 1 : 0, p->file, text) >=
                    (int)sizeof(path))
                        return purchase_fail(p, i, c, f, "use shorter names", "the path is too long");
                r = file_read(path, EKCERT_MAX, ret);
                if (r == 0)
                        return 0;
                (void)purchase_fail(p, i, c, f, "paths are relative to the manifest's directory", "read %.120s: %s", path,
                                    r == -EFBIG ? "it is too large for a certificate" : strerror(-r));
                return r == -EFBIG ? -EBADMSG : r;
        }
        if (c == PC_BASE64) {
                r = ek_base64_decode(text, strlen(text), ret);
                return r == -EBADMSG ? purchase_fail(p, i, c, f, "base64 -w0 FILE makes it of a certificate in DER",
                                                     "it is neither base64 nor base64url, or broken into lines")
                                     : r;
        }
        ret->len = strlen(text);
        ret->p = malloc(ret->len + 1);
        if (!ret->p)
                return fail_set(f, -ENOMEM, "", "", "read the manifest %s: out of memory", p->file);
        memcpy(ret->p, text, ret->len + 1);
        return 0;
}

static int certificate(const struct purchase *p, size_t i, struct ekcert *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf bytes = { 0 };
        enum purchase_column c = purchase_source(p, i);
        const char *why = NULL;
        char id[HEX_LEN(DIGEST_LEN)];
        int r = certificate_bytes(p, i, &bytes, f);

        if (r < 0)
                return r;
        r = ek_input_decode(&bytes, &why);
        if (r == 0)
                r = ekcert_parse(bytes.p, bytes.len, ret, &why);
        if (r < 0)
                return purchase_fail(p, i, c, f, "muster ek FILE shows what a file is", "the EK certificate of %s: %s",
                                     purchase_get(p, i, PC_NAME), why ? why : strerror(-r));
        if (ret->not_ek)
                return purchase_fail(p, i, c, f, "ask the seller for the EK certificate", "the EK certificate of %s: %s",
                                     purchase_get(p, i, PC_NAME), ret->not_ek);
        if (ret->der.len > SERVER_CERT_MAX)
                return purchase_fail(p, i, c, f, "give its ek_sha256 instead", "the certificate is larger than musterd takes (4096 bytes)");
        hex_encode(ret->id, DIGEST_LEN, id);
        if (p->row[i].id[0] && strcmp(p->row[i].id, id) != 0)
                return purchase_fail(p, i, c, f, "ask the seller which is right", "the EK certificate's id is %s, not %s", id,
                                     p->row[i].id);
        memcpy(p->row[i].id, id, sizeof(id));
        return 0;
}

static int exit_code(int r)
{
        return r == 0 ? MUSTER_OK : r == -EBADMSG ? MUSTER_USAGE : MUSTER_IO;
}

struct faults {
        struct fail first;
        unsigned said;
};

static void say(const struct fail *f)
{
        (void)fprintf(stderr, "muster: %s%s%s\n", f->what, f->next[0] ? ". Next: " : "", f->next);
}

/* One line for each fault: a list of many nodes is corrected at once. One alone
 * is the command's error. */
static void say_fault(void *ctx, const struct fail *f)
{
        struct faults *all = ctx;

        if (++all->said == 1)
                all->first = *f;
        if (all->said == 2)
                say(&all->first);
        if (all->said > 1 && all->said <= FAULTS_SAID)
                say(f);
}

static int read_manifest(const char *path, struct purchase *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf file = { 0 };
        struct faults all = { 0 };
        size_t faults = 0;
        int r = file_read(path, CSV_FILE_MAX, &file);

        if (r < 0)
                return fail_set(f, r == -EFBIG ? -EBADMSG : r, "", r == -EFBIG ? "split the file" : "",
                                "read the manifest %s: %s", path, r == -EFBIG ? "it is larger than 256 MiB" : strerror(-r));
        r = purchase_parse(path, file.p, file.len, say_fault, &all, &faults, ret, f);
        for (size_t i = 0; r == 0 && i < ret->n; i++) {
                struct ekcert c = { 0 };

                if (purchase_source(ret, i) < PC_COUNT && !ret->row[i].faulty)
                        r = purchase_faults(certificate(ret, i, &c, f), f, say_fault, &all, &faults);
                ekcert_free(&c);
        }
        if (r == 0)
                r = purchase_faults(purchase_unique(ret, f), f, say_fault, &all, &faults);
        if (r < 0 || faults == 0)
                return r;
        if (faults == 1) {
                *f = all.first;
                return -EBADMSG;
        }
        return fail_set(f, -EBADMSG, "", "correct these lines and give the file again",
                        "read the manifest %s: %zu faults%s; nothing was added", path, faults,
                        faults > FAULTS_SAID ? ", of which the first 100 are above" : "");
}

static const char *profile_of(const struct node_add *a, const struct purchase *p, size_t i)
{
        const char *own = purchase_get(p, i, PC_PROFILE);

        return *own ? own : a->profile;
}

/* The certificate is read again, and must still be of the EK that was checked. */
static int make_body(const struct node_add *a, const struct purchase *p, size_t i, struct json_object **ret, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct ekcert c = { 0 };
        int r = o ? 0 : -ENOMEM;

        if (r == 0 && purchase_source(p, i) < PC_COUNT) {
                r = certificate(p, i, &c, f);
                if (r == 0)
                        r = node_add_der(o, &c.der);
                ekcert_free(&c);
        }
        if (r == -ENOMEM)
                return fail_set(f, r, "", "", "add node %s: out of memory", purchase_get(p, i, PC_NAME));
        if (r < 0)
                return r;
        node_add_text(o, "name", purchase_get(p, i, PC_NAME));
        node_add_text(o, "id", p->row[i].id);
        node_add_text(o, "profile", profile_of(a, p, i));
        if (a->without || p->row[i].without)
                json_object_object_add(o, "without_ek_certificate", json_object_new_boolean(1));
        *ret = take_ptr(o);
        return 0;
}

/* Rows that go to the server together: one request, one transaction. */
struct lot {
        size_t row[LOT_ROWS];
        size_t n;
        char *text; /* LOT_BYTES; a line of JSON for each */
        size_t len;
};

static int row_refused(struct batch *b, const struct purchase *p, size_t i, int rc, const struct fail *said)
{
        struct fail f = { 0 };

        (void)fail_set(&f, rc, said->code, said->next, "%.120s line %zu: %s", p->file, purchase_line(p, i), said->what);
        return batch_note(b, purchase_get(p, i, PC_NAME), rc, NULL, &f) ? 0 : rc;
}

static int row_answered(struct batch *b, const struct purchase *p, size_t i, struct json_object *answer)
{
        struct fail said = { 0 };

        if (admin_str(answer, "error")) {
                (void)fail_set(&said, MUSTER_NO, "", admin_text(answer, "next"), "%s", admin_text(answer, "error"));
                return row_refused(b, p, i, MUSTER_NO, &said);
        }
        node_add_said(purchase_get(p, i, PC_NAME), answer);
        (void)batch_note(b, purchase_get(p, i, PC_NAME), 0, json_object_get(answer), NULL);
        return 0;
}

/* 0, or the exit code that ends it all. */
static int send_lot(struct batch *b, const struct purchase *p, struct lot *l)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct json_object *nodes;
        struct fail said = { 0 };
        int r = 0;
        int rc = l->n > 0 ? admin_call(b->admin, "POST", "/v1/enrol", l->text, &o, &said) : 0;

        nodes = admin_get(o, "nodes");
        if (rc == 0 && l->n > 0 && (!json_object_is_type(nodes, json_type_array) || json_object_array_length(nodes) != l->n))
                rc = fail_set(&said, MUSTER_UNREACHABLE, "", "is the socket that of a musterd of this version?",
                              "musterd's answer does not have the %zu nodes that were sent", l->n);
        for (size_t i = 0; i < l->n && r == 0; i++)
                r = rc ? row_refused(b, p, l->row[i], rc, &said)
                       : row_answered(b, p, l->row[i], json_object_array_get_idx(nodes, i));
        if (r)
                fprintf(stderr, "muster: the rows from line %zu on were not added, as far as is known. Next: add the manifest "
                        "again, what is there already stays as it is\n", purchase_line(p, l->row[0]));
        l->n = l->len = 0;
        return r;
}

static int add_row(struct batch *b, const struct node_add *a, const struct purchase *p, size_t i, struct lot *l)
{
        _cleanup_(json_putp) struct json_object *body = NULL;
        struct fail f = { 0 };
        const char *text;
        size_t n = 0;
        int rc = exit_code(make_body(a, p, i, &body, &f));

        if (rc)
                return batch_note(b, purchase_get(p, i, PC_NAME), rc, NULL, &f) ? 0 : rc;
        text = json_object_to_json_string_length(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
        if (n > ROW_BYTES - 2) {
                (void)fail_set(&f, MUSTER_USAGE, "", "give ek_sha256 instead of a certificate", "its row is too long");
                return row_refused(b, p, i, MUSTER_USAGE, &f);
        }
        if (l->n == LOT_ROWS || l->len > LOT_BYTES - ROW_BYTES)
                rc = send_lot(b, p, l);
        if (rc)
                return rc;
        memcpy(l->text + l->len, text, n);
        l->len += n;
        l->text[l->len++] = '\n';
        l->text[l->len] = '\0';
        l->row[l->n++] = i;
        return 0;
}

static int add_all(const struct node_add *a, const struct purchase *p)
{
        _cleanup_(batch_wipe) struct batch b = { 0 };
        _cleanup_(freep) char *text = malloc(LOT_BYTES);
        struct lot l = { .text = text };
        int rc = text ? batch_begin(&b, a->command) : MUSTER_IO;

        if (rc)
                return rc;
        for (size_t i = 0; i < p->n && rc == 0; i++)
                rc = add_row(&b, a, p, i, &l);
        if (rc == 0)
                (void)send_lot(&b, p, &l);
        return batch_close(&b);
}

static int show_row(const struct node_add *a, const struct purchase *p, size_t i, struct json_object *to)
{
        const char *profile = profile_of(a, p, i);
        bool without = a->without || p->row[i].without;
        bool with = purchase_source(p, i) < PC_COUNT;
        struct json_object *o;

        if (!cli_json()) {
                cli_say("%s: would be enrolled, id %s%s%s%s%s", purchase_get(p, i, PC_NAME), p->row[i].id,
                        with ? ", with its EK certificate" : "", without ? ", without a certificate of a known maker" : "",
                        profile ? ", profile " : "", profile ? profile : "");
                return 0;
        }
        o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        json_object_object_add(o, "line", json_object_new_int64((int64_t)purchase_line(p, i)));
        node_add_text(o, "name", purchase_get(p, i, PC_NAME));
        node_add_text(o, "id", p->row[i].id);
        json_object_object_add(o, "ek_certificate", json_object_new_boolean(with));
        json_object_object_add(o, "without_ek_certificate", json_object_new_boolean(without));
        json_object_object_add(o, "profile", profile ? json_object_new_string(profile) : NULL);
        return json_object_array_add(to, o);
}

static int show_all(const struct node_add *a, const struct purchase *p)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct json_object *nodes = json_object_new_array();

        if (!o || !nodes || json_object_object_add(o, "nodes", nodes) < 0)
                return MUSTER_IO;
        json_object_object_add(o, "dry_run", json_object_new_boolean(1));
        for (size_t i = 0; i < p->n; i++)
                if (show_row(a, p, i, nodes) < 0)
                        return MUSTER_IO;
        return cli_json() ? cli_print_json(o) : MUSTER_OK;
}

int node_add_manifest(const struct node_add *a, const char *path)
{
        _cleanup_(purchase_wipe) struct purchase p = { 0 };
        struct fail f = { 0 };
        int r = read_manifest(path, &p, &f);

        if (r < 0)
                return cli_fail(exit_code(r), &f);
        return a->dry_run ? show_all(a, &p) : add_all(a, &p);
}
