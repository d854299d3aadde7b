/* SPDX-License-Identifier: Apache-2.0 */
/* csv_write.h - the table as CSV again, every field in quotes: for tests of
 * provisioning/csv.h. The caller wipes ret; -ENOMEM. */
#ifndef MUSTER_TEST_CSV_WRITE_H
#define MUSTER_TEST_CSV_WRITE_H

#include "csv.h"

static inline int csv_write(const struct csv *c, const char *eol, struct buf *ret)
{
        _cleanup_(fclosep) FILE *f = NULL;
        char *text = NULL;
        size_t len = 0;

        f = open_memstream(&text, &len);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < c->rows * c->columns; i++) {
                (void)fputc('"', f);
                for (const char *s = c->text + c->cell[i].at; *s; s++) {
                        if (*s == '"')
                                (void)fputc('"', f);
                        (void)fputc(*s, f);
                }
                (void)fputc('"', f);
                (void)fputs((i + 1) % c->columns ? "," : eol, f);
        }
        if (fclose(take_ptr(f)) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = (struct buf){ (uint8_t *)text, len };
        return 0;
}

#endif
