/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - files that the admin's command reads and makes.
 *
 * I/O, no logging. Returns 0 or negative errno. A made file appears whole
 * or not at all: it is written under another name in the same directory,
 * synced, and then linked or renamed. */
#ifndef MUSTER_FILES_H
#define MUSTER_FILES_H

#include "mem.h"

#include <sys/types.h>

/* A regular file, or whatever can be read to its end; -EFBIG above max.
 * ret also ends in a NUL that len does not count. */
int file_read(const char *path, size_t max, struct buf *ret);

/* Makes the file unless it exists: -EEXIST, and then it is untouched. */
int file_make(const char *path, const void *p, size_t len, mode_t mode);

/* Makes a directory and its parents (0755); 1 when it existed. */
int dir_make(const char *path, mode_t mode);

/* Copies a file to `path` as above, replacing what is there; sha256 is of
 * the bytes copied. */
int file_copy(const char *from, const char *path, mode_t mode, uint8_t ret_sha256[DIGEST_LEN]);

/* The same of a file that is open, and the bytes alone. */
int file_copy_from(int in, const char *path, mode_t mode, uint8_t ret_sha256[DIGEST_LEN]);
int file_copy_bytes(int in, int out, uint8_t ret_sha256[DIGEST_LEN]);

/* fsync of the directory that holds path */
int dir_sync(const char *path);

/* Gives path to the owner of the directory `like`, when root; else nothing. */
int file_own_like(const char *path, const char *like);

/* rm -r of what this program made; errors are passed over. Does not leave
 * the file system or follow links. */
void tree_remove(const char *path);
void tree_remove_at(int dir, const char *name);

#endif
