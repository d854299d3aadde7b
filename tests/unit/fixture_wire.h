/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_wire.h - values for the structures of wire_*.h; after cmocka.h. */
#ifndef MUSTER_FIXTURE_WIRE_H
#define MUSTER_FIXTURE_WIRE_H

#include "mem.h"

/* A text as a buffer of its own, without its NUL. */
static inline struct buf bytes(const char *s)
{
        struct buf b = {(uint8_t *)strdup(s), strlen(s)};

        assert_non_null(b.p);
        return b;
}

#endif
