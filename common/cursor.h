/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.h - the bounded reader and writer for all untrusted bytes.
 *
 * A cursor is a view of the caller's bytes and moves forward only. Every
 * read checks against what is left and returns 0, or -EBADMSG and leaves
 * the cursor and *ret as they were. A wbuf fills the caller's array; one
 * that does not fit sets the sticky -ENOBUFS in .err, and all later writes
 * do nothing, so a writer checks wb_end() once. No allocation. */
#ifndef MUSTER_CURSOR_H
#define MUSTER_CURSOR_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
        const uint8_t *p; /* never NULL */
        size_t left;
};

static inline struct cursor cur_of(const void *p, size_t n)
{
        return (struct cursor){ p ? p : (const void *)"", p ? n : 0 };
}

static inline int cur_take(struct cursor *c, size_t n, const uint8_t **ret)
{
        if (n > c->left)
                return -EBADMSG;
        *ret = c->p;
        c->p += n;
        c->left -= n;
        return 0;
}

static inline int cur_skip(struct cursor *c, size_t n)
{
        const uint8_t *p;

        return cur_take(c, n, &p);
}

static inline int cur_end(const struct cursor *c)
{
        return c->left == 0 ? 0 : -EBADMSG;
}

static inline int cur_u8(struct cursor *c, uint8_t *ret)
{
        const uint8_t *p;
        int r = cur_take(c, 1, &p);

        if (r == 0)
                *ret = p[0];
        return r;
}

#define CUR_DEFINE_(name, type, n, shift) \
        static inline int name(struct cursor *c, type *ret) \
        { \
                const uint8_t *p; \
                uint64_t v = 0; \
                int r = cur_take(c, n, &p); \
\
                if (r < 0) \
                        return r; \
                for (unsigned i = 0; i < (n); i++) \
                        v |= (uint64_t)p[i] << (shift); \
                *ret = (type)v; \
                return 0; \
        }

CUR_DEFINE_(cur_u16le, uint16_t, 2, 8 * i)
CUR_DEFINE_(cur_u32le, uint32_t, 4, 8 * i)
CUR_DEFINE_(cur_u64le, uint64_t, 8, 8 * i)
CUR_DEFINE_(cur_u16be, uint16_t, 2, 8 * (1 - i))
CUR_DEFINE_(cur_u32be, uint32_t, 4, 8 * (3 - i))
CUR_DEFINE_(cur_u64be, uint64_t, 8, 8 * (7 - i))
#undef CUR_DEFINE_

/* A TPM2B: a 16-bit big-endian size, then that many bytes. */
static inline int cur_tpm2b(struct cursor *c, const uint8_t **ret, size_t *ret_len)
{
        struct cursor t = *c;
        uint16_t n;
        int r;

        if ((r = cur_u16be(&t, &n)) < 0 || (r = cur_take(&t, n, ret)) < 0)
                return r;
        *ret_len = n;
        *c = t;
        return 0;
}

struct wbuf {
        uint8_t *p;
        size_t cap;
        size_t len;
        int err; /* 0 or -ENOBUFS, sticky */
};

static inline struct wbuf wb_of(void *p, size_t cap)
{
        return (struct wbuf){ p, cap, 0, 0 };
}

static inline void wb_put(struct wbuf *w, const void *p, size_t n)
{
        if (w->err < 0 || n > w->cap - w->len) {
                w->err = -ENOBUFS;
                return;
        }
        if (n > 0)
                memcpy(w->p + w->len, p, n);
        w->len += n;
}

static inline void wb_u8(struct wbuf *w, uint8_t v)
{
        wb_put(w, &v, 1);
}

static inline void wb_be_(struct wbuf *w, uint64_t v, unsigned n)
{
        uint8_t b[8];

        for (unsigned i = 0; i < n; i++)
                b[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
        wb_put(w, b, n);
}

static inline void wb_u16be(struct wbuf *w, uint16_t v)
{
        wb_be_(w, v, 2);
}

static inline void wb_u32be(struct wbuf *w, uint32_t v)
{
        wb_be_(w, v, 4);
}

static inline void wb_u64be(struct wbuf *w, uint64_t v)
{
        wb_be_(w, v, 8);
}

static inline void wb_tpm2b(struct wbuf *w, const void *p, size_t n)
{
        if (n > UINT16_MAX)
                w->err = -ENOBUFS;
        wb_u16be(w, (uint16_t)n);
        wb_put(w, p, n);
}

static inline int wb_end(const struct wbuf *w, size_t *ret_len)
{
        if (w->err < 0)
                return w->err;
        *ret_len = w->len;
        return 0;
}

#endif
