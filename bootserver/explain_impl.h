/* SPDX-License-Identifier: Apache-2.0 */
/* explain_impl.h - shared by explain.c and explain_boot.c: the list of
 * lines that is being written. The first failure is kept in `error`. */
#ifndef MUSTER_EXPLAIN_IMPL_H
#define MUSTER_EXPLAIN_IMPL_H

#include "explain.h"

struct lines {
        struct jstrs s;
        int error;
};

void lines_add(struct lines *l, const char *fmt, ...) _printf_(2, 3);

/* What differs in the boot chain, and in the command line. */
void explain_chain(struct lines *l, const struct decision *d, const struct evidence *ev,
                   const struct decide_refs *refs);
void explain_options(struct lines *l, const struct decision *d, const struct decide_diff *diff,
                     const struct evidence *ev);

#endif
