/* SPDX-License-Identifier: Apache-2.0 */
/* jout.h - writes one JSON document into memory.
 *
 * Pure. `key` is NULL inside arrays and for the outermost value. Strings
 * are escaped: `"` and `\`, and as \uXXXX every character that could
 * deceive a reader (text_char_plain()); bytes that are no UTF-8 become
 * U+FFFD. A failure (memory, or containers deeper than 32) is kept and
 * returned by jout_take(), so calls between need no check. The text is wiped whenever it is moved or freed,
 * so it may hold secrets. Start from `struct jout o = { 0 };`; end with
 * jout_take() or jout_wipe(). */
#ifndef MUSTER_JOUT_H
#define MUSTER_JOUT_H

#include "mem.h"

struct jout {
        char *p;
        size_t len, size;
        int error;
        unsigned depth;
        uint32_t comma; /* bit: the container at this depth has a member */
};

void jout_obj(struct jout *o, const char *key);
void jout_arr(struct jout *o, const char *key);
void jout_end(struct jout *o, char bracket);                      /* '}' or ']' */
void jout_str(struct jout *o, const char *key, const char *text); /* NULL: null */
void jout_strn(struct jout *o, const char *key, const char *text, size_t len);
void jout_int(struct jout *o, const char *key, int64_t v);
void jout_bool(struct jout *o, const char *key, bool v);
void jout_null(struct jout *o, const char *key);
void jout_hex(struct jout *o, const char *key, const void *p, size_t len);
void jout_b64(struct jout *o, const char *key, const void *p, size_t len);
void jout_raw(struct jout *o, const char *key, const char *json, size_t len); /* valid JSON; its strings are escaped likewise */

/* The text, NUL-terminated (the NUL is not in ret->len). */
int jout_take(struct jout *o, struct buf *ret);
void jout_wipe(struct jout *o);

#endif
