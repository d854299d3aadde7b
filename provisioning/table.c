/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

static bool make_room(struct table *t)
{
        char **p = reallocarray(t->cell, t->columns * (t->rows + 1), sizeof(*p));

        if (!p)
                return false;
        t->cell = p;
        return true;
}

static void add_row(struct table *t, const char *const *cells)
{
        size_t at = t->columns * t->rows;

        if (!make_room(t))
                return;
        for (size_t i = 0; i < t->columns; i++) {
                char safe[512];
                const char *text = cells[i] && *cells[i] ? cells[i] : "-";

                t->cell[at + i] = strdup(log_escape(text, strlen(text), safe, sizeof(safe)));
        }
        t->rows++;
}

void table_begin(struct table *t, const char *const *headings)
{
        *t = (struct table){ 0 };
        while (headings[t->columns] && t->columns < TABLE_COLUMNS)
                t->columns++;
        add_row(t, headings);
}

void table_row(struct table *t, const char *const *cells)
{
        add_row(t, cells);
}

static const char *cell(const struct table *t, size_t row, size_t column)
{
        const char *s = t->cell[row * t->columns + column];

        return s ? s : "-";
}

static void forget_rows(struct table *t)
{
        for (size_t i = 0; i < t->rows * t->columns; i++)
                free(t->cell[i]);
        t->rows = 0;
}

void table_print(struct table *t, FILE *out)
{
        size_t *width = t->width;

        for (size_t r = 0; r < t->rows; r++)
                for (size_t c = 0; c < t->columns; c++)
                        if (strlen(cell(t, r, c)) > width[c])
                                width[c] = strlen(cell(t, r, c));
        for (size_t r = 0; r < t->rows; r++)
                for (size_t c = 0; c < t->columns; c++) {
                        bool last = c + 1 == t->columns;

                        fprintf(out, "%-*s%s", last ? 0 : (int)width[c], cell(t, r, c), last ? "\n" : "  ");
                }
        forget_rows(t);
}

void table_wipe(struct table *t)
{
        forget_rows(t);
        free(t->cell);
        *t = (struct table){ 0 };
}

void show_line(const char *key, const char *fmt, ...)
{
        char value[2048];
        char safe[2048];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(value, sizeof(value), fmt, ap);
        va_end(ap);
        printf("%-22s %s\n", key, *value ? log_escape(value, strlen(value), safe, sizeof(safe)) : "-");
}

char *time_text(int64_t t, char out[TIME_TEXT_MAX])
{
        time_t when = (time_t)t;
        struct tm tm;

        if (t <= 0 || !localtime_r(&when, &tm) || strftime(out, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void)snprintf(out, TIME_TEXT_MAX, "-");
        return out;
}

char *ago_text(int64_t t, int64_t now, char out[TIME_TEXT_MAX])
{
        int64_t s = now > t ? now - t : 0;

        if (t <= 0)
                (void)snprintf(out, TIME_TEXT_MAX, "-");
        else if (s < 120)
                (void)snprintf(out, TIME_TEXT_MAX, "%" PRId64 " s", s);
        else if (s < 7200)
                (void)snprintf(out, TIME_TEXT_MAX, "%" PRId64 " min", s / 60);
        else if (s < 172800)
                (void)snprintf(out, TIME_TEXT_MAX, "%" PRId64 " h", s / 3600);
        else
                (void)snprintf(out, TIME_TEXT_MAX, "%" PRId64 " d", s / 86400);
        return out;
}

char *size_text(uint64_t n, char out[TIME_TEXT_MAX])
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        double v = (double)n;
        size_t u = 0;

        while (v >= 1024 && u + 1 < ELEMENTSOF(units)) {
                v /= 1024;
                u++;
        }
        (void)snprintf(out, TIME_TEXT_MAX, u ? "%.1f %s" : "%.0f %s", v, units[u]);
        return out;
}
