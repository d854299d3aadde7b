/* SPDX-License-Identifier: Apache-2.0 */
#include "jscan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t utf8_step(const void *p, size_t left)
{
        const uint8_t *s = p;
        size_t n;
        uint32_t c;

        if (left == 0)
                return 0;
        if (s[0] < 0x80)
                return 1;
        n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
        if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
                return 0;
        c = s[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        return n;
}

static bool digit(const char *s, size_t left)
{
        return left > 0 && *s >= '0' && *s <= '9';
}

static size_t escape(const char *s, size_t left)
{
        if (left < 2 || !strchr("\"\\/bfnrtu", s[1]) || s[1] == '\0')
                return 0;
        if (s[1] != 'u')
                return 2;
        if (left < 6 || memcmp(s + 2, "0000", 4) == 0)
                return 0;
        for (int i = 2; i < 6; i++)
                if (!digit(s + i, 1) && !(s[i] >= 'a' && s[i] <= 'f') && !(s[i] >= 'A' && s[i] <= 'F'))
                        return 0;
        return 6;
}

#define STEP 16

typedef uint8_t bytes16 __attribute__((vector_size(STEP)));

/* Are these bytes all ASCII without control characters, " and \ ? */
static bool plain(const char *s)
{
        bytes16 v;
        bytes16 odd;
        uint64_t half[2];

        memcpy(&v, s, sizeof(v));
        odd = (bytes16)((v < 0x20) | (v >= 0x80) | (v == '"') | (v == '\\'));
        memcpy(half, &odd, sizeof(half));
        return (half[0] | half[1]) == 0;
}

static void note_run(struct jruns *runs, size_t at, size_t len)
{
        if (runs && len >= runs->least && runs->n < JRUNS)
                runs->v[runs->n++] = (struct jrun){ at, len };
}

/* Bytes of the string at s, which is text[at], with its quotes, or 0. */
static size_t string(const char *s, size_t left, size_t at, struct jruns *runs)
{
        size_t from = 1; /* of the run that goes on */
        size_t i = 1;

        while (i < left && s[i] != '"') {
                uint8_t b = (uint8_t)s[i];
                size_t n = b < 0x20 ? 0 : 1;

                if (left - i >= STEP && plain(s + i)) {
                        i += STEP;
                        continue;
                }
                if (b == '\\')
                        n = escape(s + i, left - i);
                else if (b >= 0x80)
                        n = utf8_step(s + i, left - i);
                if (n == 0)
                        return 0;
                if (b >= 0x80 && runs)
                        runs->wide = true;
                if (b == '\\' || b >= 0x80) {
                        note_run(runs, at + from, i - from);
                        from = i + n;
                }
                i += n;
        }
        note_run(runs, at + from, i - from);
        return i < left ? i + 1 : 0;
}

static size_t digits(const char *s, size_t left)
{
        size_t n = 0;

        while (digit(s + n, left - n))
                n++;
        return n;
}

static size_t number(const char *s, size_t left)
{
        size_t i = s[0] == '-';
        size_t n = digits(s + i, left - i);

        if (n == 0 || (n > 1 && s[i] == '0'))
                return 0;
        i += n;
        if (i < left && s[i] == '.') {
                n = digits(s + i + 1, left - i - 1);
                if (n == 0)
                        return 0;
                i += 1 + n;
        }
        if (i < left && (s[i] == 'e' || s[i] == 'E')) {
                i++;
                i += i < left && (s[i] == '+' || s[i] == '-');
                n = digits(s + i, left - i);
                if (n == 0)
                        return 0;
                i += n;
        }
        return i;
}

static size_t token(const char *s, size_t left)
{
        static const char *const words[] = {"true", "false", "null"};

        if (*s == '-' || digit(s, left))
                return number(s, left);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (left >= strlen(words[i]) && memcmp(s, words[i], strlen(words[i])) == 0)
                        return strlen(words[i]);
        return *s && strchr(" \t\r\n{}[]:,", *s) ? 1 : 0;
}

int jscan(const char *text, size_t len, unsigned depth, size_t *ret_members, struct jruns *runs, const char **ret_why)
{
        size_t members = 0;
        size_t before = 0; /* runs ahead of the last string */
        unsigned open = 0;

        *ret_why = "it has to begin with { and end with }";
        if (len < 2 || text[0] != '{' || text[len - 1] != '}')
                return -EBADMSG;
        for (size_t i = 0; i < len;) {
                size_t n;

                if (text[i] == '"') {
                        before = runs ? runs->n : 0;
                        n = string(text + i, len - i, i, runs);
                } else {
                        n = token(text + i, len - i);
                }
                *ret_why = "it holds something that is no JSON";
                if (n == 0)
                        return -EBADMSG;
                *ret_why = "bytes follow it";
                if (i > 0 && open == 0)
                        return -EBADMSG;
                *ret_why = "it is nested too deep";
                if ((text[i] == '{' || text[i] == '[') && ++open > depth)
                        return -EBADMSG;
                *ret_why = "its brackets do not match";
                if ((text[i] == '}' || text[i] == ']') && open-- == 0)
                        return -EBADMSG;
                if (text[i] == ':') {
                        members++;
                        if (runs)
                                runs->n = before; /* it was a name */
                }
                i += n;
        }
        *ret_why = "its brackets do not match";
        if (open != 0)
                return -EBADMSG;
        *ret_members = members;
        return 0;
}
