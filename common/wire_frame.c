/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_frame.h"

#include "cursor.h"
#include "digest.h"

static int bad(char err[JTAB_ERR], const char *name, const char *why)
{
        (void)snprintf(err, JTAB_ERR, "octets \"%s\": %s", name, why);
        return -EBADMSG;
}

/* ---- reading ------------------------------------------------------------------ */

static int head_of(struct cursor *c, size_t max, const uint8_t **ret, size_t *ret_len, char err[JTAB_ERR])
{
        uint32_t n = 0;

        if (c->left > max) {
                (void)snprintf(err, JTAB_ERR, "larger than %zu bytes", max);
                return -E2BIG;
        }
        if (cur_u32be(c, &n) < 0 || n > WIRE_HEAD_MAX || cur_take(c, n, ret) < 0) {
                (void)snprintf(err, JTAB_ERR, "the head is over %d bytes, or cut short", WIRE_HEAD_MAX);
                return -EBADMSG;
        }
        *ret_len = n;
        return 0;
}

int frame_peek(const void *body, size_t len, size_t max, const char *name, char *ret, size_t n, char err[JTAB_ERR])
{
        struct cursor c = cur_of(body, len);
        const uint8_t *head;
        size_t head_len;
        int r = head_of(&c, max, &head, &head_len, err);

        return r < 0 ? r : jtab_peek(head, head_len, WIRE_HEAD_MAX, name, ret, n, err);
}

/* A copy with a NUL behind it. */
static int copy(const uint8_t *p, size_t len, struct buf *ret)
{
        ret->p = malloc(len + 1);
        if (!ret->p)
                return -ENOMEM;
        memcpy(ret->p, p, len);
        ret->p[len] = '\0';
        ret->len = len;
        return 0;
}

static int set_text(const struct octet *o, const uint8_t *p, size_t len, char **ret, char err[JTAB_ERR])
{
        struct buf b = { 0 };
        int r;

        if (memchr(p, '\0', len))
                return bad(err, o->name, "holds a NUL");
        r = copy(p, len, &b);
        *ret = (char *)b.p;
        return r;
}

static int add_buf(const struct octet *o, const uint8_t *p, size_t len, struct jbufs *ret)
{
        if (!ret->v)
                ret->v = calloc(o->count, sizeof(*ret->v));
        if (!ret->v)
                return -ENOMEM;
        return copy(p, len, &ret->v[ret->n++]);
}

/* One blob that the head names, of the row `o`, the nth of it. */
static int take(struct cursor *c, const struct octet *o, size_t nth, size_t len, void *at, char err[JTAB_ERR])
{
        const uint8_t *p;

        if (nth >= (o->type == OCTET_BUFS ? o->count : 1))
                return bad(err, o->name, "stands too often");
        if (len > o->max || (o->type == OCTET_FIXED && len != o->max))
                return bad(err, o->name, "is not of an allowed length");
        if (len == 0 && (o->optional || o->type == OCTET_BUFS))
                return bad(err, o->name, "is empty, so it has to be left out");
        if (cur_take(c, len, &p) < 0)
                return bad(err, o->name, "is longer than what is left");
        switch (o->type) {
        case OCTET_BUF:
                return copy(p, len, at);
        case OCTET_BUFS:
                return add_buf(o, p, len, at);
        case OCTET_FIXED:
                memcpy(at, p, len);
                return 0;
        case OCTET_TEXT:
                return set_text(o, p, len, at, err);
        }
        return bad(err, o->name, "has an unknown type in its table");
}

static int octets(struct cursor *c, const struct frame_kind *kind, const struct jlengths *named, char *base,
                  char err[JTAB_ERR])
{
        size_t i = 0;

        for (size_t row = 0; row < kind->n_octets; row++) {
                const struct octet *o = &kind->octets[row];
                size_t nth = 0;

                for (; i < named->n && strcmp(named->v[i].name, o->name) == 0; i++, nth++) {
                        int r = take(c, o, nth, named->v[i].len, base + o->off, err);

                        if (r < 0)
                                return r;
                }
                if (nth == 0 && !o->optional && o->type != OCTET_BUFS)
                        return bad(err, o->name, "is missing, or not in its place");
        }
        return i == named->n ? 0 : bad(err, "", "one is not known here, or not in its place");
}

static int sized(struct cursor *c, const char *name, size_t max, struct buf *ret, char err[JTAB_ERR])
{
        const uint8_t *p;
        size_t len = 0;

        if (cur_tpm2b(c, &p, &len) < 0)
                return bad(err, name, "is longer than what is left");
        return len > max ? bad(err, name, "is too long") : copy(p, len, ret);
}

static int parse(const uint8_t *body, size_t len, const struct frame_kind *kind, void *ret, char err[JTAB_ERR])
{
        struct cursor c = cur_of(body, len);
        char *base = (char *)ret + kind->at;
        const uint8_t *head;
        size_t n;
        int r = head_of(&c, kind->max, &head, &n, err);

        if (r == 0)
                r = jtab_parse(head, n, WIRE_HEAD_MAX, kind->head, kind->n_head, ret, err);
        if (r == 0)
                r = octets(&c, kind, ret, base, err);
        if (r == 0 && kind->quote_max > 0) {
                r = digest_sha256(body, len - c.left, (uint8_t *)base + kind->digest);
                if (r == 0)
                        r = sized(&c, "quote", kind->quote_max, (struct buf *)(void *)(base + kind->quote), err);
                if (r == 0)
                        r = sized(&c, "signature", kind->signature_max, (struct buf *)(void *)(base + kind->signature), err);
        }
        if (r == 0 && cur_end(&c) < 0) {
                (void)snprintf(err, JTAB_ERR, "bytes follow the last octets");
                r = -EBADMSG;
        }
        return r;
}

int frame_parse(const void *body, size_t len, const struct frame_kind *kind, void *ret, char err[JTAB_ERR])
{
        int r;

        (void)snprintf(err, JTAB_ERR, "out of memory");
        r = parse(body, len, kind, ret, err);
        if (r < 0)
                frame_wipe(kind, ret);
        else
                err[0] = '\0';
        return r;
}

static void wipe_octet(const struct octet *o, void *at)
{
        switch (o->type) {
        case OCTET_BUF:
                buf_wipe(at);
                break;
        case OCTET_BUFS:
                jbufs_free(at);
                break;
        case OCTET_FIXED:
                wipe(at, o->max);
                break;
        case OCTET_TEXT:
                wipe(*(char **)at, *(char **)at ? strlen(*(char **)at) : 0);
                free(*(char **)at);
                *(char **)at = NULL;
                break;
        }
}

void frame_wipe(const struct frame_kind *kind, void *obj)
{
        char *base = (char *)obj + kind->at;

        for (size_t i = 0; i < kind->n_octets; i++)
                wipe_octet(&kind->octets[i], base + kind->octets[i].off);
        if (kind->quote_max > 0) {
                buf_wipe((struct buf *)(void *)(base + kind->quote));
                buf_wipe((struct buf *)(void *)(base + kind->signature));
                wipe(base + kind->digest, DIGEST_LEN);
        }
        jtab_wipe(kind->head, kind->n_head, obj);
}

/* ---- writing ------------------------------------------------------------------ */

/* The nth blob of a row: false when there is none. */
static bool blob(const struct octet *o, const void *at, size_t nth, const void **ret, size_t *ret_len)
{
        const struct jbufs *bufs = at;
        const struct buf *b = at;

        *ret = "";
        *ret_len = 0;
        if (o->type == OCTET_BUFS) {
                if (nth >= bufs->n)
                        return false;
                b = &bufs->v[nth];
        } else if (nth > 0) {
                return false;
        }
        if (o->type == OCTET_FIXED) {
                *ret = at;
                *ret_len = o->max;
        } else if (o->type == OCTET_TEXT) {
                *ret = *(char *const *)at ? *(char *const *)at : "";
                *ret_len = strlen(*ret);
        } else if (b->len > 0) {
                *ret = b->p;
                *ret_len = b->len;
        }
        return *ret_len > 0 || !o->optional;
}

int frame_build(const struct frame_kind *kind, struct jout *head, const void *from, struct buf *ret)
{
        struct buf text = { 0 };
        struct wbuf w;
        const void *p;
        size_t total = 0;
        size_t n;
        int r = 0;

        jout_arr(head, "octets");
        for (size_t i = 0; i < kind->n_octets; i++) {
                const struct octet *o = &kind->octets[i];

                for (size_t k = 0; blob(o, (const char *)from + o->off, k, &p, &n); k++) {
                        if (n > o->max || (o->type == OCTET_BUFS && (n == 0 || k >= o->count)))
                                r = -EINVAL;
                        jout_arr(head, NULL);
                        jout_str(head, NULL, o->name);
                        jout_int(head, NULL, (int64_t)n);
                        jout_end(head, ']');
                        total += n;
                }
        }
        jout_end(head, ']');
        jout_end(head, '}');
        if (r < 0) {
                jout_wipe(head);
                return r;
        }
        r = jout_take(head, &text);
        if (r < 0)
                return r;
        total += 4 + text.len;
        w = wb_of(text.len > WIRE_HEAD_MAX || total > kind->max ? NULL : malloc(total + 1), total);
        if (!w.p) {
                r = text.len > WIRE_HEAD_MAX || total > kind->max ? -E2BIG : -ENOMEM;
                buf_wipe(&text);
                return r;
        }
        wb_u32be(&w, (uint32_t)text.len);
        wb_put(&w, text.p, text.len);
        buf_wipe(&text);
        for (size_t i = 0; i < kind->n_octets; i++)
                for (size_t k = 0; blob(&kind->octets[i], (const char *)from + kind->octets[i].off, k, &p, &n); k++)
                        wb_put(&w, p, n);
        w.p[total] = '\0';
        *ret = (struct buf){ w.p, w.len };
        return 0;
}

int frame_build_signed(const struct frame_kind *kind, const struct buf *text, const struct buf *quote,
                       const struct buf *signature, struct buf *ret)
{
        size_t total = text->len + 2 + quote->len + 2 + signature->len;
        struct wbuf w;

        if (quote->len > kind->quote_max || signature->len > kind->signature_max || total > kind->max)
                return -E2BIG;
        w = wb_of(malloc(total + 1), total);
        if (!w.p)
                return -ENOMEM;
        wb_put(&w, text->p, text->len);
        wb_tpm2b(&w, quote->p, quote->len);
        wb_tpm2b(&w, signature->p, signature->len);
        w.p[total] = '\0';
        *ret = (struct buf){ w.p, w.len };
        return 0;
}
