/* SPDX-License-Identifier: Apache-2.0 */
#include "hex.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ONES (UINT64_MAX / 255) /* 1 in each byte */

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

/* All ones when v is one of these, else 0. */
static inline int within(int v, int from, int to)
{
        return ((from - 1 - v) & (v - to - 1)) >> 8;
}

/* Without a branch or a table: what is decoded may be secret. */
static inline int b64_value(char c)
{
        int v = (unsigned char)c;

        return -1 + (within(v, 'A', 'Z') & (v - 'A' + 1)) + (within(v, 'a', 'z') & (v - 'a' + 27)) +
               (within(v, '0', '9') & (v - '0' + 53)) + (within(v, '+', '+') & 63) + (within(v, '/', '/') & 64);
}

/* The 24 bits of four characters; negative when one is none. */
static inline int b64_group(const char *s)
{
        int a = b64_value(s[0]);
        int b = b64_value(s[1]);
        int c = b64_value(s[2]);
        int d = b64_value(s[3]);

        return (a | b | c | d) < 0 ? -1 : a << 18 | b << 12 | c << 6 | d;
}

/* In each of 8 bytes below 0x80: all ones where it is one of these, else 0. */
static inline uint64_t within8(uint64_t v, uint8_t from, uint8_t to)
{
        uint64_t ge = v + (0x80u - from) * ONES;
        uint64_t gt = v + (0x7fu - to) * ONES;

        return ((ge & ~gt & 0x80 * ONES) >> 7) * 0xff;
}

/* The 48 bits of eight characters, again without a branch on them. */
static inline bool b64_eight(const char *s, uint8_t ret[6])
{
        uint64_t v;
        uint64_t upper;
        uint64_t lower;
        uint64_t digit;
        uint64_t plus;
        uint64_t slash;
        uint64_t all;

        memcpy(&v, s, sizeof(v));
        all = v & 0x80 * ONES;
        v = be64toh(v) & 0x7f * ONES;
        upper = within8(v, 'A', 'Z');
        lower = within8(v, 'a', 'z');
        digit = within8(v, '0', '9');
        plus = within8(v, '+', '+');
        slash = within8(v, '/', '/');
        all |= ~(upper | lower | digit | plus | slash);
        v = v - (upper & 'A' * ONES) - (lower & ('a' - 26) * ONES) + (digit & (52 - '0') * ONES) +
            (plus & (62 - '+') * ONES) + (slash & (63 - '/') * ONES);
        v = (v & 0x3f003f003f003f00) >> 2 | (v & 0x003f003f003f003f);
        v = (v & 0x0fff00000fff0000) >> 4 | (v & 0x00000fff00000fff);
        v = htobe64((v >> 32 << 24 | (v & 0xffffff)) << 16);
        memcpy(ret, &v, 6);
        return all == 0;
}

int b64_decode(const char *s, size_t len, uint8_t *ret, size_t cap, size_t *ret_len)
{
        char last[4] = "AAAA"; /* for the padding: zero bits */
        size_t pad = 0;
        size_t n;
        size_t i = 0;
        bool good = true;

        if (len % 4)
                return -EBADMSG;
        while (pad < 2 && len > pad && s[len - pad - 1] == '=')
                pad++;
        n = len / 4 * 3 - pad;
        if (n > cap)
                return -ENOBUFS;
        for (; i + 2 <= n / 3; i += 2)
                good &= b64_eight(s + 4 * i, ret + 3 * i);
        for (; i < n / 3; i++) {
                int v = b64_group(s + 4 * i);

                good &= v >= 0;
                ret[3 * i] = (uint8_t)(v >> 16);
                ret[3 * i + 1] = (uint8_t)(v >> 8);
                ret[3 * i + 2] = (uint8_t)v;
        }
        if (pad > 0) {
                int v;

                memcpy(last, s + len - 4, 4 - pad);
                v = b64_group(last);
                /* the bits that fall off the end must be zero */
                if (v < 0 || (v & (pad == 1 ? 0xff : 0xffff)))
                        return -EBADMSG;
                ret[n / 3 * 3] = (uint8_t)(v >> 16);
                if (pad == 1)
                        ret[n - 1] = (uint8_t)(v >> 8);
        }
        if (!good)
                return -EBADMSG;
        *ret_len = n;
        return 0;
}
