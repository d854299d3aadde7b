/* SPDX-License-Identifier: Apache-2.0 */
/* below.h - files in a directory that another account owns.
 *
 * The state directory belongs to musterd's account, and root's commands work
 * in it. Who has taken over that account may put links in the way of root at
 * any moment, so a path is never walked twice there: the directory's own
 * place is trusted, everything below is opened by openat2() with
 * RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, and from then on only descriptors
 * are used. Mount points may be below it, links may not.
 *
 * I/O, no logging. Returns 0 or negative errno; below_why() says it in
 * words. Without openat2() (before Linux 5.6, or a filter that refuses it)
 * everything here fails. */
#ifndef MUSTER_BELOW_H
#define MUSTER_BELOW_H

#include "log.h"

#include <limits.h>
#include <sys/types.h>

/* The directory at path, which may be reached through links of the admin. */
int below_top(const char *path, int *ret_dir);

/* What is at rel below dir; O_CLOEXEC is added. */
int below_open(int dir, const char *rel, int flags, mode_t mode, int *ret_fd);
int below_dir(int dir, const char *rel, int *ret_dir);

/* For reading: a regular file that the owner of the directory it is in may
 * read himself, else -EPERM: a second name of somebody else's file tells
 * nobody more than he knows. */
int below_read(int dir, const char *name, int *ret_fd);

/* Copies `in` to `name` in dir: written under another name, given to the
 * directory's owner and synced before it is renamed. sha256 is of the bytes
 * copied. */
int below_copy(int in, int dir, const char *name, mode_t mode, uint8_t ret_sha256[DIGEST_LEN]);

/* What the names of such directories begin with. */
#define BELOW_WORK ".work-"

/* A new directory of root's own in dir, mode 0700; ret_name of 24 bytes is its
 * name. -EPERM: somebody has put another one in its place. */
int below_work(int dir, char ret_name[24], int *ret_dir);

/* A path of the open directory that holds for this program and those it
 * starts, whatever is renamed meanwhile. */
void below_path(int dir, char ret[PATH_MAX]);

/* fchown() to the owner of dir, when root; else nothing. */
int below_own(int fd, int dir);

/* Before SQLite opens the database in the state directory: its files, as far
 * as they are there, are plain ones of the directory's owner. It opens them
 * by path, but follows no link itself. 0 or an exit code, with f filled. */
int below_state(const char *state, struct fail *f);

const char *below_why(int error);

#endif
