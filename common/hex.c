/* SPDX-License-Identifier: Apache-2.0 */
#include "hex.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
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

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 within16(bytes16 v, uint8_t from, uint8_t to)
{
        return (bytes16)((v >= from) & (v <= to));
}

/* The 48 bits of eight values, in the order of memory. */
static inline void b64_pack(uint64_t v, uint8_t ret[6])
{
        v = be64toh(v);
        v = (v & 0x3f003f003f003f00) >> 2 | (v & 0x003f003f003f003f);
        v = (v & 0x0fff00000fff0000) >> 4 | (v & 0x00000fff00000fff);
        v = htobe64((v >> 32 << 24 | (v & 0xffffff)) << 16);
        memcpy(ret, &v, 6);
}

/* The 96 bits of sixteen characters, again without a branch on them. */
static inline bool b64_sixteen(const char *s, uint8_t ret[12])
{
        bytes16 v;
        bytes16 upper;
        bytes16 lower;
        bytes16 digit;
        bytes16 plus;
        bytes16 slash;
        uint64_t half[2];

        memcpy(&v, s, sizeof(v));
        upper = within16(v, 'A', 'Z');
        lower = within16(v, 'a', 'z');
        digit = within16(v, '0', '9');
        plus = within16(v, '+', '+');
        slash = within16(v, '/', '/');
        v = v - (upper & 'A') - (lower & ('a' - 26)) + (digit & (52 - '0')) + (plus & (62 - '+')) + (slash & (63 - '/'));
        memcpy(half, &v, sizeof(half));
        b64_pack(half[0], ret);
        b64_pack(half[1], ret + 6);
        v = upper | lower | digit | plus | slash;
        memcpy(half, &v, sizeof(half));
        return (half[0] & half[1]) == UINT64_MAX;
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
        for (; i + 4 <= n / 3; i += 4)
                good &= b64_sixteen(s + 4 * i, ret + 3 * i);
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
