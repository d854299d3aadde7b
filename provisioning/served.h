/* SPDX-License-Identifier: Apache-2.0 */
/* served.h - files that this command puts where musterd serves them.
 *
 * The directory is the state directory of the musterd at the other end of
 * the socket. Functions return 0 or an exit code of cli.h with f filled. */
#ifndef MUSTER_SERVED_H
#define MUSTER_SERVED_H

#include "admin_client.h"

#include <limits.h>

/* STATE/kind: `arg` (--state) when given, else what musterd says, else the
 * configuration's, as a path by descriptor (below.h), so that nobody can put
 * another directory in its place. Fails when it cannot be written to. */
int served_dir(struct admin *a, const char *arg, const char *kind, char ret[PATH_MAX], struct fail *f);

/* Does a new entry become what every node without an assignment gets? The first entry becomes it, a later one when
 * --default says so or a person at the terminal does. */
enum served_wish { SERVED_ASK, SERVED_DEFAULT, SERVED_NO_DEFAULT };

/* Before a file is copied or sealed: MUSTER_NO when musterd has an entry `name` already, else whether it becomes the
 * default. kind: "boot" or "image". */
int served_look(struct admin *a, const char *kind, const char *name, enum served_wish wish, bool *ret_default, struct fail *f);

/* The grammar of boot entries' and images' names. */
bool served_name_ok(const char *s);

/* The UKI's embedded command line, trimmed: MUSTER_USAGE when FILE is no
 * UKI. ret is "" when it has none. */
int served_uki_cmdline(const char *path, char *ret, size_t n, struct fail *f);

/* NULL when the words leave no shell to whoever sits at the console, else
 * what is missing. musterd judges again, and further. Pure. */
const char *served_cmdline_lacks(const char *cmdline);

/* NULL, or a word that is missing and without which a node could still be suspended to disk. Pure. */
const char *served_cmdline_sleeps(const char *cmdline);

#endif
