/* SPDX-License-Identifier: Apache-2.0 */
#include "logquote.h"

#include "jscan.h"

size_t text_char(const void *p, size_t left, uint32_t *ret)
{
        const uint8_t *s = p;
        size_t n = utf8_step(p, left);

        if (n == 0)
                return 0;
        *ret = n == 1 ? s[0] : s[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++)
                *ret = *ret << 6 | (s[i] & 0x3f);
        return n;
}

bool text_char_plain(uint32_t c)
{
        static const struct {
                uint32_t from, to;
        } odd[] = {
                { 0x00, 0x1f },       { 0x7f, 0x9f },       { 0xad, 0xad },       { 0x61c, 0x61c },
                { 0x180e, 0x180e },   { 0x200b, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x206f },
                { 0xd800, 0xdfff },   { 0xfdd0, 0xfdef },   { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },
                { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
        };

        for (size_t i = 0; i < ELEMENTSOF(odd); i++)
                if (c >= odd[i].from && c <= odd[i].to)
                        return false;
        return (c & 0xfffe) != 0xfffe && c <= 0x10ffff; /* the last two of each plane are no characters */
}

char *log_quote(const char *text, char *out, size_t n)
{
        size_t o = 0;

        out[o++] = '"';
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;
                char one[5] = { (char)c };

                if (c == '"' || c == '\\')
                        (void)snprintf(one, sizeof(one), "\\%c", c);
                else if (c < 0x20 || c >= 0x7f)
                        (void)snprintf(one, sizeof(one), "\\x%02x", c);
                if (o + strlen(one) + 2 > n)
                        break;
                memcpy(out + o, one, strlen(one));
                o += strlen(one);
        }
        out[o++] = '"';
        out[o] = '\0';
        return out;
}

char *log_value(const char *text, char *out, size_t n)
{
        size_t len = strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:/@+-");

        if (len == 0 || text[len] || len >= n)
                return log_quote(text, out, n);
        memcpy(out, text, len + 1);
        return out;
}
