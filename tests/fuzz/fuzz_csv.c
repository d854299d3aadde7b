/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "../unit/csv_write.h"
#include "purchase.h"

static bool same_table(const struct csv *a, const struct csv *b)
{
        if (a->rows != b->rows || a->columns != b->columns)
                return false;
        for (size_t i = 0; i < a->rows; i++)
                for (size_t k = 0; k < a->columns; k++)
                        if (strcmp(csv_get(a, i, k), csv_get(b, i, k)) != 0)
                                return false;
        return true;
}

static size_t lines(const uint8_t *p, size_t n)
{
        size_t count = 1;

        for (size_t i = 0; i < n; i++)
                count += p[i] == '\n';
        return count;
}

static void whole(const struct csv *c, const uint8_t *p, size_t n)
{
        size_t last = 1;

        HOLDS(c->columns >= 1 && c->columns <= CSV_COLUMNS_MAX && c->rows >= 1 && c->rows <= CSV_ROWS_MAX + 1);
        for (size_t i = 0; i < c->rows * c->columns; i++) {
                HOLDS(strlen(c->text + c->cell[i].at) <= CSV_FIELD_MAX);
                HOLDS(c->cell[i].line >= last);
                last = c->cell[i].line;
        }
        HOLDS(last <= lines(p, n));
}

/* The table written again is the same table, whichever line end is used. */
static void again(const struct csv *c)
{
        static const char *const ends[] = { "\n", "\r\n" };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_(buf_wipe) struct buf text = { 0 };
                struct csv_error e = { 0 };
                struct csv d = { 0 };

                HOLDS(csv_write(c, ends[i], &text) == 0);
                HOLDS(text.len > CSV_FILE_MAX || (csv_parse(text.p, text.len, &d, &e) == 0 && same_table(c, &d)));
                csv_wipe(&d);
        }
}

static void manifest(const uint8_t *p, size_t n)
{
        _cleanup_(purchase_wipe) struct purchase m = { 0 };
        struct fail f = { 0 };

        if (purchase_parse("m.csv", p, n, NULL, NULL, NULL, &m, &f) < 0) {
                HOLDS(fuzz_printable(f.what) && strncmp(f.what, "read the manifest m.csv: line ", 30) == 0 && !m.row);
                return;
        }
        for (size_t i = 0; i < m.n; i++)
                HOLDS(*purchase_get(&m, i, PC_NAME) && (m.row[i].id[0] || purchase_source(&m, i) < PC_COUNT));
        if (purchase_unique(&m, &f) < 0)
                HOLDS(fuzz_printable(f.what));
        else
                for (size_t i = 1; i < m.n; i++)
                        HOLDS(strcmp(purchase_get(&m, i, PC_NAME), purchase_get(&m, i - 1, PC_NAME)) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct csv_error e = { 0 };
        struct csv c = { 0 };

        manifest(p, n);
        if (csv_parse(p, n, &c, &e) < 0) {
                HOLDS(e.line >= 1 && e.line <= lines(p, n) && e.column >= 1 && !c.text && !c.cell);
                HOLDS(e.why && fuzz_printable(e.why) && e.next && fuzz_printable(e.next));
                return 0;
        }
        whole(&c, p, n);
        again(&c);
        csv_wipe(&c);
        return 0;
}
