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

/* The value of four hexadecimal digits, or -1. */
static int unit(const char *s)
{
        int v = 0;

        for (int i = 0; i < 4; i++) {
                int c = s[i];
                int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

                if (d < 0)
                        return -1;
                v = v << 4 | d;
        }
        return v;
}

static bool within(int v, int from, int to)
{
        return v >= from && v <= to;
}

/* Bytes of the escape at s, or 0. A surrogate is there as a pair or not at
 * all: half of one is no character, and parsers differ in what they make of it. */
static size_t escape(const char *s, size_t left)
{
        int v;

        if (left < 2 || !strchr("\"\\/bfnrtu", s[1]) || s[1] == '\0')
                return 0;
        if (s[1] != 'u')
                return 2;
        v = left >= 6 ? unit(s + 2) : -1;
        if (v <= 0 || within(v, 0xdc00, 0xdfff))
                return 0;
        if (!within(v, 0xd800, 0xdbff))
                return 6;
        return left >= 12 && s[6] == '\\' && s[7] == 'u' && within(unit(s + 8), 0xdc00, 0xdfff) ? 12 : 0;
}

/* Bytes of the string at s with its quotes, or 0. */
static size_t string(const char *s, size_t left, bool *wide)
{
        size_t i = 1;

        while (i < left && s[i] != '"') {
                uint8_t b = (uint8_t)s[i];
                size_t n = b == '\\' ? escape(s + i, left - i) : b >= 0x80 ? utf8_step(s + i, left - i) : b >= 0x20;

                if (n == 0)
                        return 0;
                *wide |= b >= 0x80;
                i += n;
        }
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

int jscan(const char *text, size_t len, unsigned depth, size_t *ret_members, bool *ret_wide, const char **ret_why)
{
        size_t members = 0;
        unsigned open = 0;
        bool wide = false;

        *ret_why = "it has to begin with { and end with }";
        if (len < 2 || text[0] != '{' || text[len - 1] != '}')
                return -EBADMSG;
        for (size_t i = 0; i < len;) {
                size_t n = text[i] == '"' ? string(text + i, len - i, &wide) : token(text + i, len - i);

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
                members += text[i] == ':';
                i += n;
        }
        *ret_why = "its brackets do not match";
        if (open != 0)
                return -EBADMSG;
        *ret_members = members;
        *ret_wide = wide;
        return 0;
}
