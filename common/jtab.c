/* SPDX-License-Identifier: Apache-2.0 */
#include "jtab.h"

#include "hex.h"
#include "jout.h"
#include "jscan.h"

#include <json-c/json.h>
#include <limits.h>

#define WIDER 3 /* times as long at most: é becomes \u00e9 */

/* Where in a document a member is, for the words of an error. */
struct jt {
        char *err;
        const char *path; /* of the object that holds the member */
        const char *name;
};

static int bad(const struct jt *t, const char *why)
{
        char name[64];
        size_t n = 0;

        for (const char *s = t->name; *s && n < sizeof(name) - 1; s++)
                name[n++] = *s > 0x20 && *s < 0x7f ? *s : '?';
        name[n] = '\0';
        (void)snprintf(t->err, JTAB_ERR, "member \"%s%s%s\": %s", t->path, *t->path ? "." : "", name, why);
        return -EBADMSG;
}

/* ---- json-c's tree -------------------------------------------------------------- */

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

static void tree_free(struct json_object **root)
{
        (void)json_object_put(*root);
        *root = NULL;
}

/* Overwrites all strings first. */
static void tree_forget(struct json_object **root)
{
        forget_all(*root);
        tree_free(root);
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

/* Characters beyond ASCII as escapes: json-c 0.17 and 0.18 refuse them as they are. */
static int escaped(const char *text, size_t len, char **ret, size_t *ret_len)
{
        char *p = malloc(WIDER * len);

        if (!p)
                return -ENOMEM;
        *ret = p;
        *ret_len = (size_t)(put_ascii(p, text, len) - p);
        return 0;
}

/* jscan() looks at every byte, json-c makes the tree, and members that stand twice are found. */
static int tree_parse(const char *text, size_t len, char err[JTAB_ERR], struct json_object **ret)
{
        struct json_object *root = NULL;
        const char *why = "";
        size_t members;
        size_t n = 0;
        char *other = NULL;
        bool wide;
        int r = 0;

        if (len > INT_MAX / WIDER || jscan(text, len, JTAB_DEPTH, &members, &wide, &why) < 0) {
                (void)snprintf(err, JTAB_ERR, "not one JSON object: %s", why);
                return -EBADMSG;
        }
        if (wide)
                r = escaped(text, len, &other, &n);
        if (r == 0)
                r = by_json_c(other ? other : text, other ? n : len, err, &root);
        wipe(other, n);
        free(other);
        if (r == 0 && count_members(root) != members) {
                (void)snprintf(err, JTAB_ERR, "a member stands twice in one object");
                tree_forget(&root);
                return -EBADMSG;
        }
        *ret = root;
        return r;
}

/* ---- members by their table ------------------------------------------------------ */

static int get_text(const struct jt *t, struct json_object *o, const char **ret, size_t *ret_len)
{
        if (!json_object_is_type(o, json_type_string))
                return bad(t, "has to be a string");
        *ret = json_object_get_string(o);
        *ret_len = (size_t)json_object_get_string_len(o);
        return 0;
}

static int set_b64(const struct jt *t, struct json_object *o, size_t max, struct buf *ret)
{
        const char *s = NULL;
        size_t len = 0;
        size_t cap;
        int r = get_text(t, o, &s, &len);

        if (r < 0)
                return r;
        if (len / 4 > (max + 2) / 3)
                return bad(t, "is too long");
        cap = len / 4 * 3;
        ret->p = malloc(cap + 1);
        if (!ret->p)
                return -ENOMEM;
        ret->len = cap;
        if (b64_decode(s, len, ret->p, cap, &cap) < 0)
                return bad(t, "is no base64 with padding");
        ret->len = cap;
        return cap <= max ? 0 : bad(t, "is too long");
}

static bool lower_hex(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
                        return false;
        return true;
}

static int set_hex(const struct jt *t, struct json_object *o, size_t n, uint8_t *ret)
{
        const char *s = NULL;
        size_t len = 0;
        size_t got;
        int r = get_text(t, o, &s, &len);

        if (r < 0)
                return r;
        if (len != 2 * n || !lower_hex(s, len) || hex_decode(s, len, ret, n, &got) < 0)
                return bad(t, "has to be lower-case hexadecimal of the right length");
        return 0;
}

static int set_str(const struct jt *t, struct json_object *o, const struct jfield *f, void *at)
{
        const char *s = NULL;
        size_t len = 0;
        char *to = at;
        int r = get_text(t, o, &s, &len);

        if (r < 0)
                return r;
        if (len > f->max)
                return bad(t, "is too long");
        if (f->type == JT_STRDUP)
                to = *(char **)at = malloc(len + 1);
        if (!to)
                return -ENOMEM;
        memcpy(to, s, len + 1);
        return 0;
}

static int set_int(const struct jt *t, struct json_object *o, const struct jfield *f, void *at)
{
        int64_t v;

        if (!json_object_is_type(o, json_type_int))
                return bad(t, "has to be a whole number");
        v = json_object_get_int64(o);
        /* json-c gives the nearest int64_t for what does not fit */
        if (v < 0 || v == INT64_MAX || (uint64_t)v > f->max)
                return bad(t, "is out of range");
        *(int64_t *)at = v;
        return 0;
}

static int add_str(const struct jt *t, struct json_object *o, const struct jfield *f, struct jstrs *to)
{
        const struct jfield one = { .type = JT_STRDUP, .max = f->max };
        char *text = NULL;
        int r = set_str(t, o, &one, &text);

        if (r == 0)
                r = jstrs_add(to, text);
        free(text);
        return r;
}

static int add_length(const struct jt *t, struct json_object *o, const struct jfield *f, struct jlengths *to)
{
        const struct jfield name = { .type = JT_STR, .max = sizeof(to->v[0].name) - 1 };
        const struct jfield len = { .type = JT_INT, .max = f->max };
        int64_t n = 0;
        int r;

        if (to->n == JLENGTHS || !json_object_is_type(o, json_type_array) || json_object_array_length(o) != 2)
                return bad(t, "has to be pairs of a name and a length");
        r = set_str(t, json_object_array_get_idx(o, 0), &name, to->v[to->n].name);
        if (r == 0)
                r = set_int(t, json_object_array_get_idx(o, 1), &len, &n);
        if (r < 0)
                return r;
        to->v[to->n++].len = (size_t)n;
        return 0;
}

static int set_array(const struct jt *t, struct json_object *o, const struct jfield *f, void *at)
{
        size_t n;

        if (!json_object_is_type(o, json_type_array))
                return bad(t, "has to be an array");
        n = json_object_array_length(o);
        if (n > f->count)
                return bad(t, "has the wrong number of entries");
        for (size_t i = 0; i < n; i++) {
                struct json_object *one = json_object_array_get_idx(o, i);
                int r = f->type == JT_LENGTHS ? add_length(t, one, f, at) : add_str(t, one, f, at);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_object(const struct jt *t, struct json_object *o, const struct jfield *tab, size_t n, void *ret);

static int set_field(const struct jt *t, struct json_object *o, const struct jfield *f, void *obj)
{
        void *at = (char *)obj + f->off;
        char path[96];

        if (f->flags & JF_STATE)
                *(enum jstate *)(void *)((char *)obj + f->state) = o ? JS_SET : JS_NULL;
        if (!o)
                return f->flags & JF_NULL ? 0 : bad(t, "must not be null");
        switch (f->type) {
        case JT_STR:
        case JT_STRDUP:
                return set_str(t, o, f, at);
        case JT_HEX:
                return set_hex(t, o, f->max, at);
        case JT_B64:
                return set_b64(t, o, f->max, at);
        case JT_INT:
                return set_int(t, o, f, at);
        case JT_BOOL:
                if (!json_object_is_type(o, json_type_boolean))
                        return bad(t, "has to be true or false");
                *(bool *)at = json_object_get_boolean(o);
                return 0;
        case JT_STRS:
        case JT_LENGTHS:
                return set_array(t, o, f, at);
        case JT_OBJ:
                if (!json_object_is_type(o, json_type_object))
                        return bad(t, "has to be an object");
                (void)snprintf(path, sizeof(path), "%s%s%s", t->path, *t->path ? "." : "", t->name);
                return set_object(&(struct jt){t->err, path, ""}, o, f->sub, f->n_sub, at);
        }
        return bad(t, "has an unknown type in its table");
}

static int set_object(const struct jt *t, struct json_object *o, const struct jfield *tab, size_t n, void *ret)
{
        struct jt here = *t;

        json_object_object_foreach(o, key, val)
        {
                size_t i = 0;
                int r;

                here.name = key;
                while (i < n && strcmp(tab[i].name, key) != 0)
                        i++;
                if (i == n)
                        return bad(&here, "is not known here");
                r = set_field(&here, val, &tab[i], ret);
                if (val && (tab[i].flags & JF_SECRET) && json_object_is_type(val, json_type_string))
                        forget_all(val);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n; i++) {
                here.name = tab[i].name;
                if ((tab[i].flags & JF_REQUIRED) && !json_object_object_get_ex(o, tab[i].name, NULL))
                        return bad(&here, "is missing");
        }
        return 0;
}

/* The parts of both ways in. */
static int document(const void *text, size_t len, size_t max, char err[JTAB_ERR], struct json_object **ret)
{
        if (len > max) {
                (void)snprintf(err, JTAB_ERR, "larger than %zu bytes", max);
                return -E2BIG;
        }
        (void)snprintf(err, JTAB_ERR, "out of memory");
        return tree_parse(text, len, err, ret);
}

int jtab_peek(const void *text, size_t len, size_t max, const char *name, char *ret, size_t n, char err[JTAB_ERR])
{
        _cleanup_(tree_forget) struct json_object *root = NULL;
        const struct jt t = {err, "", name};
        const struct jfield f = { .type = JT_STR, .max = n - 1 };
        struct json_object *val = NULL;
        int r = document(text, len, max, err, &root);

        if (r < 0)
                return r;
        return json_object_object_get_ex(root, name, &val) ? set_str(&t, val, &f, ret) : bad(&t, "is missing");
}

int jtab_parse(const void *text, size_t len, size_t max, const struct jfield *tab, size_t n, void *ret,
               char err[JTAB_ERR])
{
        _cleanup_(tree_free) struct json_object *root = NULL;
        int r = document(text, len, max, err, &root);

        if (r < 0)
                return r;
        r = set_object(&(struct jt){err, "", ""}, root, tab, n, ret);
        if (r < 0) {
                tree_forget(&root);
                jtab_wipe(tab, n, ret);
                return r;
        }
        err[0] = '\0';
        return 0;
}

static void wipe_field(const struct jfield *f, void *at)
{
        switch (f->type) {
        case JT_STR:
                wipe(at, f->max + 1);
                break;
        case JT_STRDUP:
                wipe(*(char **)at, *(char **)at ? strlen(*(char **)at) : 0);
                free(*(char **)at);
                *(char **)at = NULL;
                break;
        case JT_HEX:
                wipe(at, f->max);
                break;
        case JT_B64:
                buf_wipe(at);
                break;
        case JT_LENGTHS:
                wipe(at, sizeof(struct jlengths));
                break;
        case JT_INT:
                *(int64_t *)at = 0;
                break;
        case JT_BOOL:
                *(bool *)at = false;
                break;
        case JT_STRS:
                jstrs_free(at);
                break;
        case JT_OBJ:
                jtab_wipe(f->sub, f->n_sub, at);
                break;
        }
}

void jtab_wipe(const struct jfield *tab, size_t n, void *obj)
{
        for (size_t i = 0; i < n; i++) {
                wipe_field(&tab[i], (char *)obj + tab[i].off);
                if (tab[i].flags & JF_STATE)
                        *(enum jstate *)(void *)((char *)obj + tab[i].state) = JS_ABSENT;
        }
}
