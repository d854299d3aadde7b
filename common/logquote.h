/* SPDX-License-Identifier: Apache-2.0 */
/* logquote.h - a value that others chose, within a line of key=value.
 *
 * log_msg() keeps such a value from forging lines; this keeps it from
 * forging fields: out gets it in double quotes, with `"` and `\` escaped by
 * `\` and what is not printable ASCII as \xNN, cut to fit with the closing
 * quote always there. So what stands outside quotes is musterd's own. Pure.
 * n is at least 3. Returns out. */
#ifndef MUSTER_LOGQUOTE_H
#define MUSTER_LOGQUOTE_H

#include "mem.h"

char *log_quote(const char *text, char *out, size_t n);

/* The character at p: its length in UTF-8 (1 to 4), or 0 when the bytes are none. */
size_t text_char(const void *p, size_t left, uint32_t *ret);

/* May a stranger's character be shown as it is? Not the controls of C0 and C1, nor DEL; nor what is invisible or moves
 * the text beside it: marks of direction, of form and of lines, tags; nor code points that are no characters. */
bool text_char_plain(uint32_t c);

/* The same unless it is of [A-Za-z0-9._:/@+-] alone, which needs no quotes. */
char *log_value(const char *text, char *out, size_t n);

#endif
