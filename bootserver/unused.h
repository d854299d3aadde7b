/* SPDX-License-Identifier: Apache-2.0 */
/* unused.h - the files of a directory that musterd read and does not use.
 *
 * One bad file of a directory keeps no other one from being used. Which it
 * was, and why, is logged when the directory is read, and kept for
 * `muster status`. */
#ifndef MUSTER_UNUSED_H
#define MUSTER_UNUSED_H

#include "jout.h"

#define UNUSED_MAX 16 /* that are named */

struct unused {
        struct {
                char file[256];
                char why[128];
        } v[UNUSED_MAX];
        size_t n; /* all of them: those that are not named too */
};

void unused_add(struct unused *u, const char *file, const char *why);
/* A line each; what: "an EK CA". */
void unused_log(const struct unused *u, const char *dir, const char *what, const char *next);
/* Objects with `file`, the whole path, and `why`, into the array that is open. */
void unused_json(const struct unused *u, const char *dir, struct jout *o);

#endif
