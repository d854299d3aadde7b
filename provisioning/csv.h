/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h - comma-separated values, RFC 4180, strict: bytes in, table out.
 *
 * Pure: no I/O, no logging. Lines end in LF or CRLF, the last may lack it;
 * a UTF-8 byte order mark in front is skipped, and so are blank lines. The
 * first row is the header like any other row here; every row has as many
 * fields as it. Text must be UTF-8 without NUL and control characters; line
 * ends are kept inside quotes. Spaces belong to the field.
 *
 * csv_parse() returns 0, -EBADMSG with *ret_error saying where and why (its
 * texts are static; line and column count from 1, the column in fields), or
 * -ENOMEM with why "out of memory". The table owns its memory; the input
 * may go. */
#ifndef MUSTER_CSV_H
#define MUSTER_CSV_H

#include "mem.h"

#define CSV_FILE_MAX ((size_t)256 << 20)
#define CSV_ROWS_MAX 1000000 /* below the header */
#define CSV_COLUMNS_MAX 64
#define CSV_FIELD_MAX 16384

struct csv_cell {
        uint32_t at; /* in text; ends in a NUL */
        uint32_t line;
};

struct csv {
        char *text;
        struct csv_cell *cell;
        size_t columns; /* 1 or more */
        size_t rows;    /* 1 or more: the header */
};

struct csv_error {
        size_t line;
        size_t column;
        const char *why;
        const char *next;
};

int csv_parse(const void *p, size_t len, struct csv *ret, struct csv_error *ret_error);
void csv_wipe(struct csv *c);

static inline const char *csv_get(const struct csv *c, size_t row, size_t column)
{
        return c->text + c->cell[row * c->columns + column].at;
}

/* The line that the field begins in. */
static inline size_t csv_line(const struct csv *c, size_t row, size_t column)
{
        return c->cell[row * c->columns + column].line;
}

#endif
