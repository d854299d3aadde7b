/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor and the writer, from any state, over any buffer up to 16 MiB.
 * Each call either fails and changes nothing, or moves forward inside. */
#include "proof.h"

#include "cursor.h"

#define MAX ((size_t)16 << 20)

static const uint8_t *base;
static size_t size;

static struct cursor any_cursor(void)
{
        size_t at = nondet_size();

        size = nondet_size();
        ASSUME(size > 0 && size <= MAX && at <= size);
        base = any_bytes(size);
        return (struct cursor){ base + at, size - at };
}

static bool whole(const struct cursor *c)
{
        return c->p >= base && c->left <= size && c->p + c->left == base + size;
}

static void reads(void)
{
        struct cursor c = any_cursor();
        struct cursor before = c;
        const uint8_t *view = NULL;
        size_t view_len = 0;
        size_t n = nondet_size();
        size_t used = 0;
        uint8_t a;
        uint16_t b;
        uint32_t d;
        uint64_t e;
        int r;

        switch (nondet_u8()) {
        case 0: r = cur_u8(&c, &a); used = 1; break;
        case 1: r = cur_u16le(&c, &b); used = 2; break;
        case 2: r = cur_u16be(&c, &b); used = 2; break;
        case 3: r = cur_u32le(&c, &d); used = 4; break;
        case 4: r = cur_u32be(&c, &d); used = 4; break;
        case 5: r = cur_u64le(&c, &e); used = 8; break;
        case 6: r = cur_u64be(&c, &e); used = 8; break;
        case 7: r = cur_skip(&c, n); used = n; break;
        case 8: r = cur_take(&c, n, &view); view_len = used = n; break;
        default: r = cur_tpm2b(&c, &view, &view_len); used = 2 + view_len; break;
        }
        CLAIM(whole(&c));
        if (r == 0) {
                CLAIM(c.left == before.left - used && used <= before.left);
                if (view_len > 0)
                        CLAIM(view >= base && view_len <= size && view + view_len <= base + size);
        } else {
                CLAIM(c.p == before.p && c.left == before.left);
        }
        CLAIM((cur_end(&c) == 0) == (c.left == 0));
}

static void writes(void)
{
        size_t cap = nondet_size();
        size_t n = nondet_size();
        struct wbuf w;
        size_t end = 0;

        ASSUME(cap > 0 && cap <= MAX && n <= MAX);
        w = wb_of(any_bytes(cap), cap);
        w.len = nondet_size();
        ASSUME(w.len <= cap);
        switch (nondet_u8()) {
        case 0: wb_u8(&w, nondet_u8()); break;
        case 1: wb_u16be(&w, nondet_u16()); break;
        case 2: wb_u32be(&w, nondet_u32()); break;
        case 3: wb_u64be(&w, nondet_size()); break;
        case 4: wb_put(&w, any_bytes(n), n); break;
        default: wb_tpm2b(&w, any_bytes(n), n); break;
        }
        CLAIM(w.len <= w.cap && w.cap == cap);
        CLAIM(w.err == 0 || wb_end(&w, &end) == -ENOBUFS);
        CLAIM(w.err != 0 || (wb_end(&w, &end) == 0 && end <= cap));
}

int main(void)
{
        if (nondet_bool())
                reads();
        else
                writes();
        return 0;
}
