/* SPDX-License-Identifier: Apache-2.0 */
/* ini.h - the configuration files of all Muster programs.
 *
 * Pure: parses text in memory. Lines are `key = value`, `[section]`,
 * comments start with '#' or ';'. Keys are [a-z0-9-]{1,63}, values at most
 * 1,023 bytes of printable UTF-8, a file at most 64 KiB. A key outside a
 * section, a repeated key, a repeated section or anything else is refused:
 * -EBADMSG, with *ret_line set to the 1-based line and *ret_why to a static
 * text. The callback gets each pair; when it returns negative (with its own
 * text in *why) parsing stops with that value. */
#ifndef MUSTER_INI_H
#define MUSTER_INI_H

#include "mem.h"

#define INI_FILE_MAX 65536

typedef int (*ini_pair_fn)(void *ctx, const char *section, const char *key, const char *value, const char **why);

int ini_parse(const char *text, size_t len, ini_pair_fn fn, void *ctx, unsigned *ret_line, const char **ret_why);

#endif
