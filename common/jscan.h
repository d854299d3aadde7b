/* SPDX-License-Identifier: Apache-2.0 */
/* jscan.h - is this text strict JSON, before a lenient parser sees it?
 *
 * Pure, no allocation. Checks the tokens of RFC 8259, not their order
 * (jtab.c's parser does): UTF-8, no control characters in strings, no
 * \u0000, no half of a surrogate pair, numbers and literals as written there,
 * at most `depth` open brackets, an object's braces first and last: no white
 * space around it. Counts the members of all objects, so that duplicates can
 * be told; *ret_wide says whether there are characters beyond ASCII that are
 * not escaped. -EBADMSG with a static reason. */
#ifndef MUSTER_JSCAN_H
#define MUSTER_JSCAN_H

#include <stdbool.h>
#include <stddef.h>

int jscan(const char *text, size_t len, unsigned depth, size_t *ret_members, bool *ret_wide, const char **ret_why);

/* Length of the valid UTF-8 character at p (1 to 4), or 0. */
size_t utf8_step(const void *p, size_t left);

#endif
