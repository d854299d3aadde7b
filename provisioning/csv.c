/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include "cursor.h"
#include "jscan.h"

struct reader {
        struct cursor in;
        struct csv *out;
        struct csv_error *e;
        size_t len;  /* of out->text */
        size_t n;    /* cells */
        size_t room; /* for cells */
        size_t line;
        size_t column; /* of the field that is read, from 1 */
};

#define SAVE_AGAIN "save the file as CSV in UTF-8, lines ending in LF or CRLF"
#define NO_COMMENTS "remove the line that begins with #: CSV has no comments; the first line names the columns"
#define QUOTING "put the whole field in quotes, and write each quote inside it twice"

static int refuse(struct reader *r, const char *why, const char *next)
{
        *r->e = (struct csv_error){ r->line, r->column, why, next };
        return -EBADMSG;
}

static int no_memory(struct csv_error *e)
{
        *e = (struct csv_error){ 1, 1, "out of memory", "" };
        return -ENOMEM;
}

static size_t eol(const struct cursor *c)
{
        if (c->left > 0 && c->p[0] == '\n')
                return 1;
        return c->left > 1 && c->p[0] == '\r' && c->p[1] == '\n' ? 2 : 0;
}

/* out->text has room for all of the input and a NUL: each field is followed
 * by a byte that is not kept, but for the last. */
static int keep(struct reader *r, size_t n)
{
        const uint8_t *p;
        int k;

        if (r->len + n - r->out->cell[r->n - 1].at > CSV_FIELD_MAX)
                return refuse(r, "a field of more than 16 KiB", "look for a quote that is not closed, or shorten the field");
        k = cur_take(&r->in, n, &p);
        if (k < 0)
                return k;
        memcpy(r->out->text + r->len, p, n);
        r->len += n;
        return 0;
}

static int keep_character(struct reader *r)
{
        const uint8_t *p = r->in.p;
        size_t n = utf8_step(p, r->in.left);

        if (p[0] == '\t')
                return refuse(r, "a tab, which is a control character", "export it again with commas between the columns, not tabs");
        if (p[0] < 0x20 || p[0] == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0))
                return refuse(r, p[0] == '\0' ? "a NUL byte" : "a control character", SAVE_AGAIN);
        if (n == 0)
                return refuse(r, "bytes that are no UTF-8", SAVE_AGAIN);
        return keep(r, n);
}

static int read_quoted(struct reader *r)
{
        const size_t first = r->line;
        int k = cur_skip(&r->in, 1);

        while (k == 0) {
                size_t n = eol(&r->in);

                if (r->in.left == 0) {
                        r->line = first;
                        return refuse(r, "a quoted field that does not end", "close it with a quote");
                }
                if (n > 0) {
                        k = keep(r, n);
                        r->line++;
                } else if (r->in.p[0] != '"') {
                        k = keep_character(r);
                } else {
                        k = cur_skip(&r->in, 1);
                        if (r->in.left == 0 || r->in.p[0] != '"')
                                break;
                        k = keep(r, 1);
                }
        }
        if (k == 0 && r->in.left > 0 && r->in.p[0] != ',' && !eol(&r->in))
                return refuse(r, "something behind the closing quote", QUOTING);
        return k;
}

static int read_plain(struct reader *r)
{
        int k = 0;

        while (k == 0 && r->in.left > 0 && r->in.p[0] != ',' && !eol(&r->in)) {
                if (r->in.p[0] == '"')
                        return refuse(r, "a quote inside a field that does not begin with one", QUOTING);
                k = keep_character(r);
        }
        return k;
}

static int new_cell(struct reader *r)
{
        struct csv *o = r->out;

        r->column++;
        if (r->column > CSV_COLUMNS_MAX)
                return refuse(r, "more than 64 columns", "leave out the columns that are not needed");
        if (o->rows > 0 && r->column > o->columns)
                return refuse(r, "more fields than the header has columns",
                              o->text[o->cell[0].at] == '#' ? NO_COMMENTS : "put a field that holds a comma in quotes");
        if (r->n == r->room) {
                size_t room = r->room ? 2 * r->room : 256;
                void *p = reallocarray(o->cell, room, sizeof(*o->cell));

                if (!p)
                        return no_memory(r->e);
                o->cell = p;
                r->room = room;
        }
        o->cell[r->n++] = (struct csv_cell){ (uint32_t)r->len, (uint32_t)r->line };
        return 0;
}

static int read_row(struct reader *r)
{
        int k;

        r->column = 1;
        if (r->out->rows > CSV_ROWS_MAX)
                return refuse(r, "more than 1,000,000 rows", "split the file");
        r->column = 0;
        for (;;) {
                k = new_cell(r);
                if (k == 0)
                        k = r->in.left > 0 && r->in.p[0] == '"' ? read_quoted(r) : read_plain(r);
                if (k < 0)
                        return k;
                r->out->text[r->len++] = '\0';
                if (r->in.left == 0 || r->in.p[0] != ',')
                        break;
                k = cur_skip(&r->in, 1);
                if (k < 0)
                        return k;
        }
        if (r->out->rows == 0)
                r->out->columns = r->column;
        else if (r->column < r->out->columns)
                return refuse(r, "fewer fields than the header has columns",
                              r->out->text[r->out->cell[r->out->rows * r->out->columns].at] == '#'
                                      ? NO_COMMENTS : "end the row with a comma for each empty field");
        r->out->rows++;
        return 0;
}

static int read_all(struct reader *r)
{
        while (r->in.left > 0) {
                size_t n = eol(&r->in);
                int k = 0;

                if (n == 0)
                        k = read_row(r);
                if (k == 0 && r->in.left > 0) {
                        k = cur_skip(&r->in, n ? n : eol(&r->in));
                        r->line++;
                }
                if (k < 0)
                        return k;
        }
        return 0;
}

int csv_parse(const void *p, size_t len, struct csv *ret, struct csv_error *ret_error)
{
        _cleanup_(csv_wipe) struct csv o = { 0 };
        struct reader r = { .in = cur_of(p, len), .out = &o, .e = ret_error, .line = 1, .column = 1 };
        int k;

        if (len > CSV_FILE_MAX)
                return refuse(&r, "it is larger than 256 MiB", "split the file");
        if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
                (void)cur_skip(&r.in, 3);
        o.text = malloc(len + 1);
        if (!o.text)
                return no_memory(ret_error);
        k = read_all(&r);
        if (k < 0)
                return k;
        r.column = 1;
        if (o.rows == 0)
                return refuse(&r, "it is empty", "begin it with a line that names the columns");
        *ret = o;
        o = (struct csv){ 0 };
        return 0;
}

void csv_wipe(struct csv *c)
{
        free(c->text);
        free(c->cell);
        *c = (struct csv){ 0 };
}
