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

/* The same unless it is of [A-Za-z0-9._:/@+-] alone, which needs no quotes. */
char *log_value(const char *text, char *out, size_t n);

#endif
