/* SPDX-License-Identifier: Apache-2.0 */
#include "jtree.h"

#include <limits.h>

#define WIDER 3 /* times as long at most: é becomes \u00e9 */
#define MARK_LEN 2         /* NUL and a letter, in json-c's string */
#define MARK_TEXT "\\u0000" /* and the letter, in what it reads */

/* ---- strings -------------------------------------------------------- */

/* What the mark at s stands for. */
static const struct jrun *run_at(const struct jtree *t, const char *s)
{
        return &t->runs.v[s[1] - 'A'];
}

size_t jtree_len(const struct jtree *t, struct json_object *o)
{
        const char *s = json_object_get_string(o);
        size_t left = (size_t)json_object_get_string_len(o);
        size_t len = left;

        for (const char *m; (m = memchr(s, '\0', left)) != NULL; s = m + MARK_LEN) {
                left -= (size_t)(m - s) + MARK_LEN;
                len += run_at(t, m)->len - MARK_LEN;
        }
        return len;
}

void jtree_copy(const struct jtree *t, struct json_object *o, char *ret)
{
        const char *s = json_object_get_string(o);
        size_t left = (size_t)json_object_get_string_len(o);

        for (const char *m; (m = memchr(s, '\0', left)) != NULL; s = m + MARK_LEN) {
                const struct jrun *run = run_at(t, m);
                size_t n = (size_t)(m - s);

                memcpy(ret, s, n);
                memcpy(ret + n, t->text + run->at, run->len);
                ret += n + run->len;
                left -= n + MARK_LEN;
        }
        memcpy(ret, s, left);
        ret[left] = '\0';
}

const char *jtree_whole(const struct jtree *t, struct json_object *o)
{
        const char *s = json_object_get_string(o);
        size_t len = (size_t)json_object_get_string_len(o);

        if (len == MARK_LEN && s[0] == '\0')
                return t->text + run_at(t, s)->at;
        return memchr(s, '\0', len) ? NULL : s;
}

/* ---- the tree ------------------------------------------------------------ */

/* Members that json-c kept. A repeated name replaces the first one there,
 * so that fewer members than colons means a duplicate. */
static size_t count_members(struct json_object *o)
{
        size_t n = 0;

        if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        n += count_members(json_object_array_get_idx(o, i));
        } else if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, key, val)
                {
                        (void)key;
                        n += 1 + count_members(val);
                }
        }
        return n;
}

/* Its const is for readers. */
static void forget_all(struct json_object *o)
{
        if (json_object_is_type(o, json_type_string)) {
                wipe((void *)(uintptr_t)json_object_get_string(o), (size_t)json_object_get_string_len(o));
        } else if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        forget_all(json_object_array_get_idx(o, i));
        } else if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, key, val)
                {
                        (void)key;
                        forget_all(val);
                }
        }
}

void jtree_free(struct jtree *t)
{
        (void)json_object_put(t->root);
        t->root = NULL;
}

void jtree_forget(struct jtree *t)
{
        forget_all(t->root);
        jtree_free(t);
}

static void tokener_freep(struct json_tokener **t)
{
        if (*t && (*t)->pb && (*t)->pb->size > 0)
                wipe((*t)->pb->buf, (size_t)(*t)->pb->size);
        if (*t)
                json_tokener_free(*t);
}

static int by_json_c(const char *text, size_t len, char err[JTAB_ERR], struct json_object **ret)
{
        _cleanup_(tokener_freep) struct json_tokener *tok = json_tokener_new_ex(JTAB_DEPTH + 2);
        struct json_object *o;

        if (!tok)
                return -ENOMEM;
        /* room for the longest string at once, not by doubling; jscan() has looked at the UTF-8 */
        if (printbuf_memset(tok->pb, (int)len - 1, 0, 1) < 0)
                return -ENOMEM;
        printbuf_reset(tok->pb);
        json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
        o = json_tokener_parse_ex(tok, text, (int)len);
        if (o && json_tokener_get_error(tok) == json_tokener_success && json_tokener_get_parse_end(tok) == len &&
            json_object_is_type(o, json_type_object)) {
                *ret = o;
                return 0;
        }
        (void)json_object_put(o);
        (void)snprintf(err, JTAB_ERR, "not one JSON object: %s", json_tokener_error_desc(json_tokener_get_error(tok)));
        return -EBADMSG;
}

/* ---- what json-c reads ------------------------------------------------------- */

static char *put_unit(char *to, unsigned unit)
{
        static const char digits[] = "0123456789abcdef";

        *to++ = '\\';
        *to++ = 'u';
        for (int shift = 12; shift >= 0; shift -= 4)
                *to++ = digits[unit >> shift & 15];
        return to;
}

/* One character beyond ASCII, valid, of n bytes. */
static char *put_wide(char *to, const char *s, size_t n)
{
        const uint8_t *p = (const uint8_t *)s;
        uint32_t c = p[0] & (0x7fu >> n);

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (p[i] & 0x3f);
        if (c < 0x10000)
                return put_unit(to, c);
        c -= 0x10000;
        return put_unit(put_unit(to, 0xd800 | c >> 10), 0xdc00 | (c & 0x3ff));
}

static char *put_ascii(char *to, const char *s, size_t len)
{
        for (size_t i = 0; i < len;) {
                size_t n = utf8_step(s + i, len - i);

                if (n > 1)
                        to = put_wide(to, s + i, n);
                else
                        *to++ = s[i];
                i += n ? n : 1;
        }
        return to;
}

/* The text with marks for its long runs, which are longer than a mark, and
 * with escapes for what is not ASCII: json-c 0.17 and 0.18 refuse that. */
static int for_json_c(const char *text, size_t len, const struct jruns *runs, char **ret, size_t *ret_len)
{
        size_t at = 0;
        char *p = malloc(runs->wide ? WIDER * len : len);
        char *to = p;

        if (!p)
                return -ENOMEM;
        for (size_t i = 0; i < runs->n; i++) {
                to = put_ascii(to, text + at, runs->v[i].at - at);
                memcpy(to, MARK_TEXT, strlen(MARK_TEXT));
                to += strlen(MARK_TEXT);
                *to++ = (char)('A' + i);
                at = runs->v[i].at + runs->v[i].len;
        }
        to = put_ascii(to, text + at, len - at);
        *ret = p;
        *ret_len = (size_t)(to - p);
        return 0;
}

int jtree_parse(const char *text, size_t len, size_t least, char err[JTAB_ERR], struct jtree *ret)
{
        const char *why = "";
        size_t members;
        size_t n = 0;
        char *other = NULL;
        int r;

        *ret = (struct jtree){ .text = text, .runs.least = least > strlen(MARK_TEXT) ? least : strlen(MARK_TEXT) + 1 };
        if (len > INT_MAX / WIDER || jscan(text, len, JTAB_DEPTH, &members, &ret->runs, &why) < 0) {
                (void)snprintf(err, JTAB_ERR, "not one JSON object: %s", why);
                return -EBADMSG;
        }
        r = ret->runs.n > 0 || ret->runs.wide ? for_json_c(text, len, &ret->runs, &other, &n) : 0;
        if (r == 0)
                r = by_json_c(other ? other : text, other ? n : len, err, &ret->root);
        wipe(other, n);
        free(other);
        if (r == 0 && count_members(ret->root) != members) {
                (void)snprintf(err, JTAB_ERR, "a member stands twice in one object");
                jtree_forget(ret);
                r = -EBADMSG;
        }
        return r;
}
