/* SPDX-License-Identifier: Apache-2.0 */
#include "jtab.h"

#include "hex.h"
#include "jout.h"
#include "jtree.h"

#define LONG 1024 /* a string that json-c need not look at */

struct jt {
        const struct jtree *tree;
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

/* json-c's own copy of a secret; its const is for readers. */
static void forget(struct json_object *o)
{
        wipe((void *)(uintptr_t)json_object_get_string(o), (size_t)json_object_get_string_len(o));
}

/* A string in one piece, without a NUL. */
struct piece {
        const char *p;
        size_t len;
        char *own;
};

static void piece_free(struct piece *s)
{
        wipe(s->own, s->own ? s->len : 0);
        free(s->own);
}

static int get_len(const struct jt *t, struct json_object *o, size_t *ret)
{
        if (!json_object_is_type(o, json_type_string))
                return bad(t, "has to be a string");
        *ret = jtree_len(t->tree, o);
        return 0;
}

static int get_text(const struct jt *t, struct json_object *o, struct piece *ret)
{
        ret->p = jtree_whole(t->tree, o);
        ret->len = jtree_len(t->tree, o);
        if (ret->p)
                return 0;
        ret->own = malloc(ret->len + 1);
        if (!ret->own)
                return -ENOMEM;
        jtree_copy(t->tree, o, ret->own);
        ret->p = ret->own;
        return 0;
}

static int set_b64(const struct jt *t, struct json_object *o, size_t max, struct buf *ret)
{
        _cleanup_(piece_free) struct piece s = { 0 };
        size_t len = 0;
        size_t cap;
        int r = get_len(t, o, &len);

        if (r < 0)
                return r;
        if (len / 4 > (max + 2) / 3)
                return bad(t, "is too long");
        r = get_text(t, o, &s);
        if (r < 0)
                return r;
        cap = len / 4 * 3;
        ret->p = malloc(cap + 1);
        if (!ret->p)
                return -ENOMEM;
        ret->len = cap;
        if (b64_decode(s.p, len, ret->p, cap, &cap) < 0)
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
        _cleanup_(piece_free) struct piece s = { 0 };
        size_t len = 0;
        size_t got;
        int r = get_len(t, o, &len);

        if (r == 0 && len == 2 * n)
                r = get_text(t, o, &s);
        if (r < 0)
                return r;
        if (len != 2 * n || !lower_hex(s.p, len) || hex_decode(s.p, len, ret, n, &got) < 0)
                return bad(t, "has to be lower-case hexadecimal of the right length");
        return 0;
}

static int set_str(const struct jt *t, struct json_object *o, const struct jfield *f, void *at)
{
        size_t len = 0;
        char *copy;
        int r = get_len(t, o, &len);

        if (r < 0)
                return r;
        if (len > f->max)
                return bad(t, "is too long");
        if (f->type == JT_STR) {
                jtree_copy(t->tree, o, at);
                return 0;
        }
        copy = malloc(len + 1);
        if (!copy)
                return -ENOMEM;
        jtree_copy(t->tree, o, copy);
        *(char **)at = copy;
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

static int set_array_item(const struct jt *t, struct json_object *o, const struct jfield *f, void *at, size_t i)
{
        struct jbufs *bufs = at;

        if (f->type == JT_HEXS)
                return set_hex(t, o, f->max, (uint8_t *)at + i * f->max);
        if (f->type == JT_B64S) {
                bufs->n = i + 1;
                return set_b64(t, o, f->max, &bufs->v[i]);
        }
        return add_str(t, o, f, at);
}

static int set_array(const struct jt *t, struct json_object *o, const struct jfield *f, void *at)
{
        size_t n;

        if (!json_object_is_type(o, json_type_array))
                return bad(t, "has to be an array");
        n = json_object_array_length(o);
        if (n > f->count || (f->type == JT_HEXS && n != f->count))
                return bad(t, "has the wrong number of entries");
        if (f->type == JT_B64S && n > 0) {
                struct jbufs *bufs = at;

                bufs->v = calloc(n, sizeof(*bufs->v));
                if (!bufs->v)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++) {
                int r = set_array_item(t, json_object_array_get_idx(o, i), f, at, i);

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
        case JT_HEXS:
        case JT_B64S:
        case JT_STRS:
                return set_array(t, o, f, at);
        case JT_OBJ:
                if (!json_object_is_type(o, json_type_object))
                        return bad(t, "has to be an object");
                (void)snprintf(path, sizeof(path), "%s%s%s", t->path, *t->path ? "." : "", t->name);
                return set_object(&(struct jt){t->tree, t->err, path, ""}, o, f->sub, f->n_sub, at);
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
                        forget(val);
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

int jtab_peek(const void *text, size_t len, size_t max, const char *name, char *ret, size_t n, char err[JTAB_ERR])
{
        _cleanup_(jtree_forget) struct jtree tree = { 0 };
        const struct jt t = {&tree, err, "", name};
        struct json_object *val = NULL;
        size_t slen = 0;
        int r;

        (void)snprintf(err, JTAB_ERR, "larger than %zu bytes", max);
        if (len > max)
                return -E2BIG;
        r = jtree_parse(text, len, LONG, err, &tree);
        if (r < 0)
                return r;
        if (!json_object_object_get_ex(tree.root, name, &val))
                return bad(&t, "is missing");
        r = get_len(&t, val, &slen);
        if (r < 0)
                return r;
        if (slen >= n)
                return bad(&t, "is too long");
        jtree_copy(&tree, val, ret);
        return 0;
}

int jtab_parse(const void *text, size_t len, size_t max, const struct jfield *tab, size_t n, void *ret,
               char err[JTAB_ERR])
{
        _cleanup_(jtree_free) struct jtree tree = { 0 };
        int r;

        (void)snprintf(err, JTAB_ERR, "out of memory");
        if (len > max) {
                (void)snprintf(err, JTAB_ERR, "larger than %zu bytes", max);
                return -E2BIG;
        }
        r = jtree_parse(text, len, LONG, err, &tree);
        if (r < 0)
                return r;
        r = set_object(&(struct jt){&tree, err, "", ""}, tree.root, tab, n, ret);
        if (r < 0) {
                jtree_forget(&tree);
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
        case JT_HEXS:
                wipe(at, f->max * f->count);
                break;
        case JT_B64:
                buf_wipe(at);
                break;
        case JT_B64S:
                jbufs_free(at);
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
