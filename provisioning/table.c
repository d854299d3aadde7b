/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"
#include "log.h"
#include "logquote.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <time.h>
#include <wchar.h>

/* Columns that the character at s takes on this terminal, or -1 for what is
 * not to reach it; *ret_step: its bytes. Of what combines with the character
 * before it, nothing: piled up it would run over the lines above. */
static int columns_of(const char *s, size_t left, size_t *ret_step)
{
        uint32_t c = 0;
        size_t step = text_char(s, left, &c);
        int wide;

        *ret_step = step > 0 ? step : 1;
        if (step == 1)
                return text_char_plain(c) ? 1 : -1;
        if (step == 0 || !text_char_plain(c) || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
                return -1;
        wide = wcwidth((wchar_t)c);
        return wide > 0 ? wide : -1;
}

size_t show_width(const char *text)
{
        size_t len = strlen(text);
        size_t columns = 0;
        size_t step;

        for (size_t i = 0; i < len; i += step) {
                int n = columns_of(text + i, len - i, &step);

                columns += n < 0 ? 4 * step : (size_t)n;
        }
        return columns;
}

static char *show(const char *text, bool quoted, char *out, size_t n)
{
        size_t len = strlen(text);
        size_t o = 0;
        size_t step;

        if (quoted)
                out[o++] = '"';
        for (size_t i = 0; i < len; i += step) {
                bool raw = columns_of(text + i, len - i, &step) >= 0;
                char one[4 * 4 + 1] = "";

                if (!raw)
                        log_escape(text + i, step, one, sizeof(one));
                else
                        (void)snprintf(one, sizeof(one), "%s%.*s", quoted && strchr("\"\\", text[i]) ? "\\" : "", (int)step,
                                       text + i);
                if (o + strlen(one) + (quoted ? 2 : 1) > n)
                        break;
                memcpy(out + o, one, strlen(one));
                o += strlen(one);
        }
        if (quoted)
                out[o++] = '"';
        out[o] = '\0';
        return out;
}

char *show_text(const char *text, char *out, size_t n)
{
        return show(text, false, out, n);
}

char *show_value(const char *text, char *out, size_t n)
{
        log_value(text, out, n);
        return *out == '"' ? show(text, true, out, n) : out;
}

static bool make_room(struct table *t)
{
        char **p = reallocarray(t->cell, t->columns * (t->rows + 1), sizeof(*p));

        if (!p)
                return false;
        t->cell = p;
        return true;
}

/* One long text is not to push all other columns off the screen. */
static void cut(char *text, size_t most)
{
        size_t len = strlen(text);
        size_t columns = 0;
        size_t at = 0; /* where "..." still fits */
        size_t step;

        for (size_t i = 0; i < len; i += step) {
                int n = columns_of(text + i, len - i, &step);

                columns += n < 0 ? 0 : (size_t)n;
                if (columns > most) {
                        strcpy(text + at, "...");
                        return;
                }
                if (columns <= most - 3)
                        at = i + step;
        }
}

static void add_row(struct table *t, const char *const *cells)
{
        size_t at = t->columns * t->rows;

        if (!make_room(t))
                return;
        for (size_t i = 0; i < t->columns; i++) {
                bool last = i + 1 == t->columns;
                const char *text = cells[i] && *cells[i] ? cells[i] : "-";
                char safe[512];

                t->cell[at + i] = strdup(show_text(text, safe, sizeof(safe)));
                if (!last && t->cell[at + i])
                        cut(t->cell[at + i], CELL_MOST);
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
                        if (show_width(cell(t, r, c)) > width[c])
                                width[c] = show_width(cell(t, r, c));
        for (size_t r = 0; r < t->rows; r++)
                for (size_t c = 0; c < t->columns; c++) {
                        bool last = c + 1 == t->columns;

                        fprintf(out, "%s%*s", cell(t, r, c), last ? 0 : (int)(width[c] - show_width(cell(t, r, c))) + 2,
                                last ? "\n" : "");
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
        char safe[4 * sizeof(value)];
        char name[640];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(value, sizeof(value), fmt, ap);
        va_end(ap);
        printf("%-22s %s\n", show_text(key, name, sizeof(name)), *value ? show_text(value, safe, sizeof(safe)) : "-");
}

char *time_text(int64_t t, char out[TIME_TEXT_MAX])
{
        time_t when = (time_t)t;
        struct tm tm;

        if (t <= 0 || !localtime_r(&when, &tm) || strftime(out, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
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
