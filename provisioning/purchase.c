/* SPDX-License-Identifier: Apache-2.0 */
#include "purchase.h"

#include "hex.h"
#include "profile.h"
#include "wire_verdict.h"

#include <stdarg.h>

#define SHOWN 81 /* of a field, in a message */

static const char *const names[PC_COUNT] = {
        [PC_NAME] = "name",
        [PC_ID] = "ek_sha256",
        [PC_FILE] = "ek_cert",
        [PC_BASE64] = "ek_cert_base64",
        [PC_PEM] = "ek_cert_pem",
        [PC_PROFILE] = "profile",
        [PC_WITHOUT] = "without_ek_certificate",
};

static const char *show(const char *text, char out[SHOWN])
{
        return log_escape(text, strlen(text), out, SHOWN);
}

static int refuse_header(const struct purchase *p, size_t column, struct fail *f, const char *next, const char *why)
{
        char shown[SHOWN];

        return fail_set(f, -EBADMSG, "", next, "read the manifest %s: line %zu, column %zu ('%s'): %s", p->file,
                        csv_line(&p->csv, 0, column), column + 1, show(csv_get(&p->csv, 0, column), shown), why);
}

int purchase_fail(const struct purchase *p, size_t i, enum purchase_column c, struct fail *f, const char *next,
                  const char *fmt, ...)
{
        size_t column = p->at[c] < CSV_COLUMNS_MAX ? p->at[c] : p->at[PC_NAME];
        char why[256];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        return fail_set(f, -EBADMSG, "", next, "read the manifest %s: line %zu, column %zu (%s): %s", p->file,
                        csv_line(&p->csv, i + 1, column), column + 1, names[c], why);
}

const char *purchase_get(const struct purchase *p, size_t i, enum purchase_column c)
{
        return p->at[c] < CSV_COLUMNS_MAX ? csv_get(&p->csv, i + 1, p->at[c]) : "";
}

size_t purchase_line(const struct purchase *p, size_t i)
{
        return csv_line(&p->csv, i + 1, 0);
}

enum purchase_column purchase_source(const struct purchase *p, size_t i)
{
        for (enum purchase_column c = PC_FILE; c <= PC_PEM; c++)
                if (*purchase_get(p, i, c))
                        return c;
        return PC_COUNT;
}

static bool has(const struct purchase *p, enum purchase_column c)
{
        return p->at[c] < CSV_COLUMNS_MAX;
}

static bool same_letters(const char *have, const char *name)
{
        size_t n = strlen(name);

        have += strspn(have, " ");
        return strncasecmp(have, name, n) == 0 && have[n + strspn(have + n, " ")] == '\0';
}

/* Why a column is not known, and what to do: the first line is often no header. */
static int refuse_column(const struct purchase *p, size_t column, struct fail *f)
{
        const char *have = csv_get(&p->csv, 0, column);
        char next[64];
        bool header = false;

        for (size_t c = 0; c < PC_COUNT; c++) {
                for (size_t i = 0; i < p->csv.columns; i++)
                        header = header || same_letters(csv_get(&p->csv, 0, i), names[c]);
                if (!same_letters(have, names[c]))
                        continue;
                (void)snprintf(next, sizeof(next), "write it as %s", names[c]);
                return refuse_header(p, column, f, next, "column names are in lower case and without blanks");
        }
        if (!header)
                return refuse_header(p, column, f, "begin the file with a line that names the columns, such as name,ek_cert",
                                     "there is no header: the first line names no column that is known");
        return refuse_header(p, column, f, "remove it, or give its name the prefix x-, and it is passed over",
                             "there is no such column (name, ek_sha256, ek_cert, ek_cert_base64, "
                             "ek_cert_pem, profile, without_ek_certificate)");
}

static int read_header(struct purchase *p, struct fail *f)
{
        for (size_t c = 0; c < PC_COUNT; c++)
                p->at[c] = CSV_COLUMNS_MAX;
        for (size_t i = 0; i < p->csv.columns; i++) {
                const char *name = csv_get(&p->csv, 0, i);
                size_t c = 0;

                if (p->csv.columns == 1 && strpbrk(name, ";|"))
                        return refuse_header(p, i, f, "export it again with commas", "the columns are not separated by commas");
                if (strncmp(name, "x-", 2) == 0)
                        continue;
                while (c < PC_COUNT && strcmp(names[c], name) != 0)
                        c++;
                if (c == PC_COUNT)
                        return refuse_column(p, i, f);
                if (has(p, (enum purchase_column)c))
                        return refuse_header(p, i, f, "remove one of them", "this column comes twice");
                p->at[c] = i;
        }
        if (!has(p, PC_NAME))
                return refuse_header(p, 0, f, "begin the file with a line such as name,ek_cert", "there is no column name");
        if (!has(p, PC_ID) && !has(p, PC_FILE) && !has(p, PC_BASE64) && !has(p, PC_PEM))
                return refuse_header(p, 0, f, "add one of them",
                                     "there is no column ek_sha256, ek_cert, ek_cert_base64 or ek_cert_pem");
        return 0;
}

/* A manifest comes from a seller: it names no file but those beside it. */
static bool stays_below(const char *path)
{
        if (*path == '/')
                return false;
        for (const char *s = path; *s; s += strcspn(s, "/"), s += *s == '/')
                if (strncmp(s, "..", 2) == 0 && (s[2] == '/' || s[2] == '\0'))
                        return false;
        return true;
}

static int read_id(struct purchase *p, size_t i, struct fail *f)
{
        const char *text = purchase_get(p, i, PC_ID);
        uint8_t id[DIGEST_LEN];
        char shown[SHOWN];

        if (!*text)
                return 0;
        if (hex_decode_exact(text, id, sizeof(id)) < 0)
                return purchase_fail(p, i, PC_ID, f, "muster ek FILE shows the node id of a certificate or key",
                                     "'%s' is no node id (64 hex digits)", show(text, shown));
        hex_encode(id, sizeof(id), p->row[i].id);
        return 0;
}

static int read_sources(struct purchase *p, size_t i, struct fail *f)
{
        enum purchase_column source = purchase_source(p, i);
        char shown[SHOWN];

        if (source == PC_COUNT && !p->row[i].id[0])
                return purchase_fail(p, i, PC_NAME, f, "fill in its ek_sha256, ek_cert, ek_cert_base64 or ek_cert_pem",
                                     "%s has neither an EK's digest nor its certificate", purchase_get(p, i, PC_NAME));
        for (enum purchase_column c = PC_FILE; c <= PC_PEM; c++)
                if (c != source && *purchase_get(p, i, c))
                        return purchase_fail(p, i, c, f, "leave one of them", "it has %s already", names[source]);
        if (source == PC_FILE && !stays_below(purchase_get(p, i, PC_FILE)))
                return purchase_fail(p, i, PC_FILE, f, "put the certificates beside the manifest, and name them from there",
                                     "'%s' leads out of the manifest's directory", show(purchase_get(p, i, PC_FILE), shown));
        return 0;
}

static int read_row(struct purchase *p, size_t i, struct fail *f)
{
        const char *without = purchase_get(p, i, PC_WITHOUT);
        char shown[SHOWN];
        int r;

        if (!wire_name_ok(purchase_get(p, i, PC_NAME)))
                return purchase_fail(p, i, PC_NAME, f, "use a-z, 0-9 and -, at most 63, no - at either end",
                                     "'%s' is no name for a node", show(purchase_get(p, i, PC_NAME), shown));
        if (wire_name_like_id(purchase_get(p, i, PC_NAME)))
                return purchase_fail(p, i, PC_NAME, f, "choose another name",
                                     "'%s' is no name for a node: it could be the beginning of a node's id",
                                     show(purchase_get(p, i, PC_NAME), shown));
        if (strlen(purchase_get(p, i, PC_PROFILE)) > PROFILE_NAME_MAX)
                return purchase_fail(p, i, PC_PROFILE, f, "muster policy show lists the profiles",
                                     "it is longer than a profile's name may be");
        if (*without && strcmp(without, "yes") != 0 && strcmp(without, "no") != 0)
                return purchase_fail(p, i, PC_WITHOUT, f, "write yes or no, or leave it empty", "'%s' is neither yes nor no",
                                     show(without, shown));
        p->row[i].without = strcmp(without, "yes") == 0;
        r = read_id(p, i, f);
        return r < 0 ? r : read_sources(p, i, f);
}

int purchase_faults(int r, struct fail *f, purchase_fault_fn each, void *ctx, size_t *n)
{
        if (r != -EBADMSG || !each)
                return r;
        each(ctx, f);
        ++*n;
        return 0;
}

int purchase_parse(const char *file, const void *bytes, size_t len, purchase_fault_fn each, void *ctx, size_t *ret_faults,
                   struct purchase *ret, struct fail *f)
{
        _cleanup_(purchase_wipe) struct purchase p = { .file = file };
        struct csv_error e = { 0 };
        int r = csv_parse(bytes, len, &p.csv, &e);

        if (r < 0)
                return fail_set(f, r, "", e.next, "read the manifest %s: line %zu, column %zu: %s", file, e.line, e.column,
                                e.why);
        r = read_header(&p, f);
        if (r < 0)
                return r;
        p.n = p.csv.rows - 1;
        if (p.n == 0)
                return refuse_header(&p, 0, f, "add a row for each node", "there are no rows below the header");
        p.row = calloc(p.n, sizeof(*p.row));
        if (!p.row)
                return fail_set(f, -ENOMEM, "", "", "read the manifest %s: out of memory", file);
        for (size_t i = 0; i < p.n; i++) {
                r = read_row(&p, i, f);
                p.row[i].faulty = r < 0;
                r = purchase_faults(r, f, each, ctx, ret_faults);
                if (r < 0)
                        return r;
        }
        *ret = p;
        p = (struct purchase){ 0 };
        return 0;
}

void purchase_wipe(struct purchase *p)
{
        csv_wipe(&p->csv);
        free(p->row);
        *p = (struct purchase){ 0 };
}

static const char *key(const struct purchase *p, uint32_t i, bool by_id)
{
        return by_id ? p->row[i].id : purchase_get(p, i, PC_NAME);
}

struct order {
        const struct purchase *p;
        bool by_id;
};

static int compare(const void *a, const void *b, void *ctx)
{
        const struct order *o = ctx;
        uint32_t x = *(const uint32_t *)a;
        uint32_t y = *(const uint32_t *)b;
        int r = strcmp(key(o->p, x, o->by_id), key(o->p, y, o->by_id));

        return r ? r : x < y ? -1 : 1;
}

static int refuse_second(const struct order *o, size_t first, size_t second, struct fail *f)
{
        const struct purchase *p = o->p;
        enum purchase_column c = PC_NAME;

        if (!o->by_id)
                return purchase_fail(p, second, c, f, "each node needs a name of its own", "%s is the name in line %zu too",
                                     purchase_get(p, second, PC_NAME), purchase_line(p, first));
        c = purchase_source(p, second) < PC_COUNT ? purchase_source(p, second) : PC_ID;
        return purchase_fail(p, second, c, f, "each node has a TPM of its own: ask the seller which is right",
                             "%s has the EK of %s in line %zu, id %s", purchase_get(p, second, PC_NAME),
                             purchase_get(p, first, PC_NAME), purchase_line(p, first), p->row[second].id);
}

int purchase_unique(const struct purchase *p, struct fail *f)
{
        _cleanup_(freep) uint32_t *by = calloc(p->n, sizeof(*by));

        if (!by)
                return fail_set(f, -ENOMEM, "", "", "read the manifest %s: out of memory", p->file);
        for (int by_id = 0; by_id < 2; by_id++) {
                struct order o = { p, by_id == 1 };

                for (size_t i = 0; i < p->n; i++)
                        by[i] = (uint32_t)i;
                qsort_r(by, p->n, sizeof(*by), compare, &o);
                for (size_t i = 1; i < p->n; i++)
                        if (*key(p, by[i], o.by_id) && strcmp(key(p, by[i], o.by_id), key(p, by[i - 1], o.by_id)) == 0)
                                return refuse_second(&o, by[i - 1], by[i], f);
        }
        return 0;
}
