/* SPDX-License-Identifier: Apache-2.0 */
#include "logquote.h"

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
