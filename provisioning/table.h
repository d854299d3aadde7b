/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - columns for people, and the small texts that go in them.
 *
 * Cells are copied and escaped (show_text), so that nothing a node or the
 * server sent reaches the terminal raw, and all but the last of a row are
 * cut at CELL_MOST columns. table_* never fail visibly: a lack of memory
 * prints what there is. */
#ifndef MUSTER_TABLE_H
#define MUSTER_TABLE_H

#include "mem.h"

#define TABLE_COLUMNS 12
#define CELL_MOST 64

struct table {
        size_t columns;
        size_t rows;
        char **cell;
        size_t width[TABLE_COLUMNS]; /* of what was printed */
};

/* The first row: headings, ended by NULL. */
void table_begin(struct table *t, const char *const *headings);
/* One row; NULL and "" cells show as "-". */
void table_row(struct table *t, const char *const *cells);
/* Prints the rows and forgets them: a long table comes in parts, whose columns
 * grow but never shrink. */
void table_print(struct table *t, FILE *out);
void table_wipe(struct table *t);

/* A text that others chose, as it may reach the terminal: printable ASCII,
 * and in a UTF-8 locale the other characters that are printed and take
 * columns; every other byte as \xNN. Cut to fit n, never within a character
 * or escape. Returns out. */
char *show_text(const char *text, char *out, size_t n);
/* The same as the value of key=value: in quotes where log_value() puts it in quotes. */
char *show_value(const char *text, char *out, size_t n);
/* Columns that show_text() of it takes. */
size_t show_width(const char *text);

/* "KEY:  value" lines of a document. */
void show_line(const char *key, const char *fmt, ...) _printf_(2, 3);

#define TIME_TEXT_MAX 32
/* "2026-11-23 00:31:02 +0100", local time with its zone; "-" for 0 */
char *time_text(int64_t t, char out[TIME_TEXT_MAX]);
/* "12 s", "5 min", "3 h", "9 d" since then; "-" for 0 */
char *ago_text(int64_t t, int64_t now, char out[TIME_TEXT_MAX]);
/* "83.1 MiB" */
char *size_text(uint64_t n, char out[TIME_TEXT_MAX]);

#endif
