/* SPDX-License-Identifier: Apache-2.0 */
/* jscan.h - is this text strict JSON, before a lenient parser sees it?
 *
 * Pure, no allocation. Checks the tokens of RFC 8259, not their order
 * (jtab.c's parser does): UTF-8, no control characters in strings, no
 * \u0000, numbers and literals as written there, at most `depth` open
 * brackets, an object's braces first and last. Counts the members of all
 * objects, so that duplicates can be told. -EBADMSG with a static reason.
 *
 * `runs` may be NULL. Else: its `least` is the caller's, and the first of
 * the runs of ASCII without escapes, as long as that, within strings that
 * are no member's name, are listed, in the order of the text. `wide`: there
 * are characters beyond ASCII. */
#ifndef MUSTER_JSCAN_H
#define MUSTER_JSCAN_H

#include <stdbool.h>
#include <stddef.h>

#define JRUNS 16

struct jruns {
        size_t least;
        bool wide;
        size_t n;
        struct jrun {
                size_t at, len;
        } v[JRUNS];
};

int jscan(const char *text, size_t len, unsigned depth, size_t *ret_members, struct jruns *runs, const char **ret_why);

/* Length of the valid UTF-8 character at p (1 to 4), or 0. */
size_t utf8_step(const void *p, size_t left);

#endif
