/* SPDX-License-Identifier: Apache-2.0 */
#include "hex.h"

#include <errno.h>
#include <string.h>

void hex_encode(const void *p, size_t n, char *ret)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *b = p;

        for (size_t i = 0; i < n; i++) {
                ret[2 * i] = digits[b[i] >> 4];
                ret[2 * i + 1] = digits[b[i] & 15];
        }
        ret[2 * n] = '\0';
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int hex_decode(const char *s, size_t len, uint8_t *ret, size_t cap, size_t *ret_len)
{
        if (len % 2)
                return -EBADMSG;
        if (len / 2 > cap)
                return -ENOBUFS;
        for (size_t i = 0; i < len; i++)
                if (hex_digit(s[i]) < 0)
                        return -EBADMSG;
        for (size_t i = 0; i < len / 2; i++)
                ret[i] = (uint8_t)((unsigned)hex_digit(s[2 * i]) << 4 | (unsigned)hex_digit(s[2 * i + 1]));
        *ret_len = len / 2;
        return 0;
}

int hex_decode_exact(const char *s, uint8_t *ret, size_t n)
{
        size_t got;

        return strlen(s) == 2 * n ? hex_decode(s, 2 * n, ret, n, &got) : -EBADMSG;
}

static const char b64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void b64_encode(const void *p, size_t n, char *ret)
{
        const uint8_t *b = p;

        for (size_t i = 0; i < n; i += 3) {
                size_t left = n - i;
                uint32_t v = (uint32_t)b[i] << 16;

                if (left > 1)
                        v |= (uint32_t)b[i + 1] << 8;
                if (left > 2)
                        v |= b[i + 2];
                *ret++ = b64_alphabet[v >> 18];
                *ret++ = b64_alphabet[v >> 12 & 63];
                *ret++ = left > 1 ? b64_alphabet[v >> 6 & 63] : '=';
                *ret++ = left > 2 ? b64_alphabet[v & 63] : '=';
        }
        *ret = '\0';
}

static int b64_value(char c)
{
        const char *p = c ? strchr(b64_alphabet, c) : NULL;

        return p ? (int)(p - b64_alphabet) : -1;
}

int b64_decode(const char *s, size_t len, uint8_t *ret, size_t cap, size_t *ret_len)
{
        size_t pad = 0, n, out = 0;
        uint32_t acc = 0;
        unsigned bits = 0;

        if (len % 4)
                return -EBADMSG;
        while (pad < 2 && len > pad && s[len - pad - 1] == '=')
                pad++;
        n = len / 4 * 3 - pad;
        if (n > cap)
                return -ENOBUFS;
        for (size_t i = 0; i < len - pad; i++)
                if (b64_value(s[i]) < 0)
                        return -EBADMSG;
        /* the bits that fall off the end must be zero */
        if (pad > 0 && (b64_value(s[len - pad - 1]) & (pad == 1 ? 3 : 15)))
                return -EBADMSG;
        for (size_t i = 0; i < len - pad; i++) {
                acc = acc << 6 | (uint32_t)b64_value(s[i]);
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        ret[out++] = (uint8_t)(acc >> bits);
                }
        }
        *ret_len = n;
        return 0;
}
