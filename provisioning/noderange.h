/* SPDX-License-Identifier: Apache-2.0 */
/* noderange.h - node ranges: 'r1n[001-640]', 'r[1-2]n[01-10,15],login1'.
 *
 * Pure. A range is terms separated by commas; a term is made of the
 * characters of names ([a-z0-9-]) and of [lists] of numbers and A-B, which
 * multiply, the last varying fastest. A-B counts up, A-B/STEP in steps; a
 * leading zero fixes the width, and then both ends have it. A term behind '!'
 * is taken away from what stands before it, one behind '&' is what is kept of
 * it, from the left to the right; what leaves no name is refused. Names keep their order; one that
 * comes again is dropped. A term may also be a node id or its beginning.
 * At most NODERANGE_MAX names of at most 64 characters. Errors: -EINVAL
 * (*ret_why a static text), -E2BIG (the same), -ENOMEM. */
#ifndef MUSTER_NODERANGE_H
#define MUSTER_NODERANGE_H

#include "mem.h"

#define NODERANGE_MAX 100000
#define NODERANGE_NAME_MAX 64

struct noderange {
        char (*name)[NODERANGE_NAME_MAX + 1];
        size_t n;
};

int noderange_parse(const char *text, struct noderange *ret, const char **ret_why);
void noderange_wipe(struct noderange *r);

/* Whether `name` is one of them; O(n). */
bool noderange_has(const struct noderange *r, const char *name);

/* Whether the text names one node as it stands: no comma, no bracket. */
bool noderange_is_single(const char *text);

#endif
