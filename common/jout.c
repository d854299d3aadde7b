/* SPDX-License-Identifier: Apache-2.0 */
#include "jout.h"

#include "hex.h"
#include "logquote.h"

#include <inttypes.h>

#define JOUT_DEPTH 31

void jout_wipe(struct jout *o)
{
        wipe(o->p, o->size);
        free(o->p);
        *o = (struct jout){0};
}

/* Room for n more bytes and a NUL. Grown by hand: realloc() would leave a
 * copy behind. */
static bool room(struct jout *o, size_t n)
{
        size_t size = o->size > 0 ? o->size : 256;
        char *p;

        if (o->error < 0)
                return false;
        if (n > SIZE_MAX / 4 || o->len > SIZE_MAX / 4) {
                o->error = -ENOMEM;
                return false;
        }
        while (size < o->len + n + 1)
                size *= 2;
        if (size == o->size)
                return true;
        p = malloc(size);
        if (!p) {
                o->error = -ENOMEM;
                return false;
        }
        if (o->len > 0)
                memcpy(p, o->p, o->len);
        wipe(o->p, o->size);
        free(o->p);
        o->p = p;
        o->size = size;
        return true;
}

static void put(struct jout *o, const char *s, size_t n)
{
        if (n == 0 || !room(o, n))
                return;
        memcpy(o->p + o->len, s, n);
        o->len += n;
}

/* One character that is not to stand as it is. */
static void put_escape(struct jout *o, uint32_t c)
{
        char esc[16];
        int n = c < 0x10000 ? snprintf(esc, sizeof(esc), "\\u%04x", c)
                            : snprintf(esc, sizeof(esc), "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));

        put(o, esc, (size_t)n);
}

/* Text of a string when `quoted`, else a document: there `"`, `\` and blanks stand as they are. */
static void put_chars(struct jout *o, const char *s, size_t n, bool quoted)
{
        size_t from = 0; /* of what stands as it is and is not written yet */

        for (size_t i = 0; i < n;) {
                uint32_t c = 0xfffd;
                size_t step = text_char(s + i, n - i, &c);
                bool blank = !quoted && (c == ' ' || (c >= '\t' && c <= '\r'));
                bool mark = quoted && (c == '"' || c == '\\');

                if (step > 0 && !mark && (blank || text_char_plain(c))) {
                        i += step;
                        continue;
                }
                put(o, s + from, i - from);
                if (mark)
                        put(o, c == '"' ? "\\\"" : "\\\\", 2);
                else
                        put_escape(o, c);
                i += step > 0 ? step : 1;
                from = i;
        }
        put(o, s + from, n - from);
}

static void put_text(struct jout *o, const char *s, size_t n)
{
        put(o, "\"", 1);
        put_chars(o, s, n, true);
        put(o, "\"", 1);
}

static void lead(struct jout *o, const char *key)
{
        if (o->comma & (UINT32_C(1) << o->depth))
                put(o, ",", 1);
        o->comma |= UINT32_C(1) << o->depth;
        if (key) {
                put_text(o, key, strlen(key));
                put(o, ":", 1);
        }
}

static void open_with(struct jout *o, const char *key, const char *bracket)
{
        lead(o, key);
        put(o, bracket, 1);
        if (o->depth == JOUT_DEPTH) {
                o->error = -E2BIG;
                return;
        }
        o->comma &= ~(UINT32_C(1) << ++o->depth);
}

void jout_obj(struct jout *o, const char *key)
{
        open_with(o, key, "{");
}

void jout_arr(struct jout *o, const char *key)
{
        open_with(o, key, "[");
}

void jout_end(struct jout *o, char bracket)
{
        if (o->depth == 0) {
                if (o->error == 0)
                        o->error = -EINVAL;
                return;
        }
        o->depth--;
        put(o, &bracket, 1);
}

void jout_strn(struct jout *o, const char *key, const char *text, size_t len)
{
        lead(o, key);
        put_text(o, text, len);
}

void jout_str(struct jout *o, const char *key, const char *text)
{
        if (text)
                jout_strn(o, key, text, strlen(text));
        else
                jout_null(o, key);
}

void jout_int(struct jout *o, const char *key, int64_t v)
{
        char s[24];

        lead(o, key);
        put(o, s, (size_t)snprintf(s, sizeof(s), "%" PRId64, v));
}

void jout_bool(struct jout *o, const char *key, bool v)
{
        lead(o, key);
        put(o, v ? "true" : "false", v ? 4 : 5);
}

void jout_null(struct jout *o, const char *key)
{
        lead(o, key);
        put(o, "null", 4);
}

void jout_hex(struct jout *o, const char *key, const void *p, size_t len)
{
        lead(o, key);
        put(o, "\"", 1);
        if (room(o, HEX_LEN(len))) {
                hex_encode(p, len, o->p + o->len);
                o->len += HEX_LEN(len) - 1;
        }
        put(o, "\"", 1);
}

void jout_b64(struct jout *o, const char *key, const void *p, size_t len)
{
        lead(o, key);
        put(o, "\"", 1);
        if (len > 0 && room(o, B64_LEN(len))) {
                b64_encode(p, len, o->p + o->len);
                o->len += B64_LEN(len) - 1;
        }
        put(o, "\"", 1);
}

void jout_raw(struct jout *o, const char *key, const char *json, size_t len)
{
        lead(o, key);
        put_chars(o, json, len, false);
}

int jout_take(struct jout *o, struct buf *ret)
{
        int r = o->error;

        if (r == 0 && (o->depth > 0 || o->len == 0))
                r = -EINVAL;
        if (r < 0) {
                jout_wipe(o);
                return r;
        }
        o->p[o->len] = '\0';
        *ret = (struct buf){(uint8_t *)take_ptr(o->p), o->len};
        *o = (struct jout){0};
        return 0;
}
