/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>

static const char *log_prog = "muster";
static enum log_level log_most = LOG_LVL_INFO;

void log_init(const char *prog, enum log_level most)
{
        log_prog = prog;
        log_most = most;
}

void log_name(const char *prog)
{
        log_prog = prog;
}

char *log_escape(const char *text, size_t len, char *out, size_t n)
{
        size_t o = 0;

        if (n == 0)
                return out;
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)text[i];

                if (c >= 0x20 && c < 0x7f) {
                        if (o + 1 >= n)
                                break;
                        out[o++] = (char)c;
                } else {
                        if (o + 4 >= n)
                                break;
                        (void)snprintf(out + o, n - o, "\\x%02x", c);
                        o += 4;
                }
        }
        out[o] = '\0';
        return out;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
        char raw[1024];
        char line[1024];
        char out[1100];
        va_list ap;

        if (level > log_most)
                return;
        va_start(ap, fmt);
        int n = vsnprintf(raw, sizeof(raw), fmt, ap);
        va_end(ap);
        if (n < 0)
                return;
        log_escape(raw, strlen(raw), line, sizeof(line));
        if (isatty(STDERR_FILENO))
                n = snprintf(out, sizeof(out), "%s: %s\n", log_prog, line);
        else
                n = snprintf(out, sizeof(out), "<%d>%s: %s\n", (int)level, log_prog, line);
        /* one write: lines of several processes do not mix */
        if (n > 0 && write(STDERR_FILENO, out, (size_t)n < sizeof(out) ? (size_t)n : sizeof(out) - 1) < 0)
                return;
}

int fail_set(struct fail *f, int r, const char *code, const char *next, const char *fmt, ...)
{
        va_list ap;

        if (!f)
                return r;
        (void)snprintf(f->code, sizeof(f->code), "%s", code ? code : "");
        (void)snprintf(f->next, sizeof(f->next), "%s", next ? next : "");
        va_start(ap, fmt);
        (void)vsnprintf(f->what, sizeof(f->what), fmt, ap);
        va_end(ap);
        return r;
}
