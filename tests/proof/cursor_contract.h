/* SPDX-License-Identifier: Apache-2.0 */
/* cursor_contract.h - the cursor as tests/proof/cursor.c proves it to be:
 * each read fails and changes nothing, or moves forward inside the bytes.
 * What it read may be anything, since the bytes may be. It stands in for
 * cursor.h in the parsers' proofs, which so need not look into the bytes. */
#ifndef MUSTER_CURSOR_H
#define MUSTER_CURSOR_H

#include "mem.h"

#include <errno.h>

struct cursor {
        const uint8_t *p;
        size_t left;
};

static const uint8_t *contract_end; /* of the bytes in hand: p is always contract_end - left */

static inline struct cursor cur_of(const void *p, size_t n)
{
        contract_end = (const uint8_t *)p + n;
        return (struct cursor){ p, n };
}

static inline int cur_take(struct cursor *c, size_t n, const uint8_t **ret)
{
        if (n > c->left)
                return -EBADMSG;
        *ret = contract_end - c->left;
        c->left -= n;
        c->p = contract_end - c->left;
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

#define ANY_(name, type, n) \
        static inline int name(struct cursor *c, type *ret) \
        { \
                int r = cur_skip(c, n); \
\
                if (r == 0) \
                        *ret = (type)nondet_size(); \
                return r; \
        }
ANY_(cur_u8, uint8_t, 1)
ANY_(cur_u16le, uint16_t, 2)
ANY_(cur_u16be, uint16_t, 2)
ANY_(cur_u32le, uint32_t, 4)
ANY_(cur_u32be, uint32_t, 4)
ANY_(cur_u64le, uint64_t, 8)
ANY_(cur_u64be, uint64_t, 8)

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

#endif
