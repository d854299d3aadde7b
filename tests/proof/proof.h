/* SPDX-License-Identifier: Apache-2.0 */
/* proof.h - what the CBMC harnesses share. A harness is one function that
 * makes any input its assumptions allow; CBMC shows for all of them that no
 * access is out of bounds, nothing overflows, every loop ends within its
 * bound and every CLAIM holds. Run by tests/proof/run (`make prove`). */
#ifndef MUSTER_PROOF_H
#define MUSTER_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ASSUME(c) __CPROVER_assume(c)
#define CLAIM(c) __CPROVER_assert(c, #c)

size_t nondet_size(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
bool nondet_bool(void);

/* Exactly len bytes of anything: one more is out of bounds. */
static inline uint8_t *any_bytes(size_t len)
{
        uint8_t *p = malloc(len);

        ASSUME(p || len == 0);
        return p;
}

/* v[n] lies in the len bytes at p. */
static inline bool inside(const void *v, size_t n, const void *p, size_t len)
{
        return __CPROVER_same_object(v, p) && n <= len && __CPROVER_POINTER_OFFSET(v) <= len - n;
}

/* Library functions that CBMC has no model of: whatever they may do. */
int CRYPTO_memcmp(const void *a, const void *b, size_t n)
{
        CLAIM(n == 0 || (__CPROVER_r_ok(a, n) && __CPROVER_r_ok(b, n)));
        return nondet_bool();
}

void *reallocarray(void *p, size_t n, size_t each)
{
        void *q;

        CLAIM(each == 0 || n <= SIZE_MAX / each);
        if (nondet_bool())
                return NULL;
        q = malloc(n * each); /* what was in it before: anything */
        free(p);
        return q;
}

#endif
