/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_wire.h - values for the structures of wire_*.h; after cmocka.h. */
#ifndef MUSTER_FIXTURE_WIRE_H
#define MUSTER_FIXTURE_WIRE_H

#include "cursor.h"
#include "mem.h"

/* A text as a buffer of its own, without its NUL. */
static inline struct buf bytes(const char *s)
{
        struct buf b = {(uint8_t *)strdup(s), strlen(s)};

        assert_non_null(b.p);
        return b;
}

/* The message with `to` in place of the first `from` in its head, whose length follows. */
static inline struct buf with(const struct buf *message, const char *from, const char *to)
{
        size_t head = (size_t)message->p[0] << 24 | (size_t)message->p[1] << 16 | (size_t)message->p[2] << 8 | message->p[3];
        const uint8_t *at = memmem(message->p + 4, head, from, strlen(from));
        struct buf b = {malloc(message->len + strlen(to) + 1), 0};
        struct wbuf w = wb_of(b.p, message->len + strlen(to));
        size_t before = (size_t)(at - message->p);

        assert_non_null(at);
        assert_non_null(b.p);
        wb_u32be(&w, (uint32_t)(head - strlen(from) + strlen(to)));
        wb_put(&w, message->p + 4, before - 4);
        wb_put(&w, to, strlen(to));
        wb_put(&w, at + strlen(from), message->len - before - strlen(from));
        assert_int_equal(wb_end(&w, &b.len), 0);
        return b;
}

#endif
