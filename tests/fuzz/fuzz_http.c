/* SPDX-License-Identifier: Apache-2.0 */
/* What a parent, a mirror or who poses as one answers to the client. The
 * first byte says in what pieces it comes. */
#include "fuzz.h"

#include "http.h"

#define BODY_MAX 4096

struct memory {
        struct stream s;
        const uint8_t *p;
        size_t left, step;
};

static ssize_t memory_read(struct stream *s, void *p, size_t n)
{
        struct memory *m = (struct memory *)s;
        size_t k = m->left < n ? m->left : n;

        k = k < m->step ? k : m->step;
        if (k > 0)
                memcpy(p, m->p, k);
        m->p += k;
        m->left -= k;
        return (ssize_t)k;
}

static ssize_t memory_write(struct stream *s, const void *p, size_t n)
{
        (void)s;
        (void)p;
        return (ssize_t)n;
}

static void memory_close(struct stream *s)
{
        (void)s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct memory m = { .s = { .read = memory_read, .write = memory_write, .close = memory_close, .fd = -1 } };
        struct http_reply rep = { 0 };
        struct http *h = NULL;

        if (n < 1)
                return 0;
        m.step = 1 + (size_t)p[0] * 37;
        m.p = p + 1;
        m.left = n - 1;
        HOLDS(http_new(&m.s, "parent:8443", &h) == 0);
        for (int i = 0; i < 4; i++) {
                struct buf body = { 0 };
                int r = http_call(h, "GET", "/image/x", NULL, NULL, 0, BODY_MAX, &rep, &body);

                if (r == 0)
                        HOLDS(body.len <= BODY_MAX && body.p && body.p[body.len] == 0 && rep.status >= 100 && rep.status < 1000);
                buf_wipe(&body);
                if (r < 0 || !rep.keep_alive)
                        break;
        }
        http_free(h);
        return 0;
}
