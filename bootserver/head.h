/* SPDX-License-Identifier: Apache-2.0 */
/* head.h - what libmicrohttpd lets pass in a request's head, and a proxy or a
 * route may read differently.
 *
 * DOC: Theory of operation
 * libmicrohttpd reads the head, and with MHD_OPTION_STRICT_FOR_CLIENT its
 * version 1.0 refuses what RFC 9112 does. 0.9.75 knows two rules only (a Host
 * is there, the target has no blanks): it joins folded lines, ends a line at
 * a NUL and takes any text before a colon for a name. What it cut or joined
 * cannot be seen in the strings. But all of them lie in the head as it came,
 * and the head's length is known: so they must follow each other without a
 * gap, but for the colon, the blanks after it and one CR LF for each line.
 * Were they copies, every request would be refused, which no test outlives.
 *
 * Pure: nothing is read but the strings, and places are only compared. */
#ifndef MUSTER_HEAD_H
#define MUSTER_HEAD_H

#include "mem.h"

enum { HEAD_HOST, HEAD_LENGTH, HEAD_TYPE, HEAD_CODING, HEAD_RANGE, HEAD_SINGLES };

struct head {
        const char *fault; /* NULL: none so far */
        bool places;       /* the strings lie in the head as it came */
        uintptr_t begin;
        uintptr_t next; /* where the next line begins */
        unsigned seen[HEAD_SINGLES];
};

/* The target as it came, not decoded. NULL, or what is wrong with it: every
 * escape is two hexadecimal digits and stands for no control character. A
 * slash is escaped in the path only where the part it is in may have one. */
const char *head_target(const char *target, bool slashes);

/* `target_len` is the length it came with: what lies there is cut at the query by now. */
void head_begin(struct head *h, bool places, const char *method, const char *target, size_t target_len,
                const char *version);
void head_field(struct head *h, const char *name, size_t name_len, const char *value, size_t value_len);
/* NULL, or what is wrong with the head, which came in `size` bytes. */
const char *head_end(struct head *h, size_t size);

#endif
