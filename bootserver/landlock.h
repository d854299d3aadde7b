/* SPDX-License-Identifier: Apache-2.0 */
/* landlock.h - which files a process of musterd may still open.
 *
 * landlock_confine() leaves the calling process the listed directories and
 * nothing else: no other file can be opened, made, removed or run; where
 * the kernel knows more (ABI 4: TCP, 5: device ioctls, 6: signals and
 * abstract sockets to other processes) that is refused too. A directory
 * that does not exist is passed over. It needs no privilege, holds for
 * threads made later, and cannot be undone; no_new_privs must be set.
 *
 * Returns the kernel's ABI version, or 0: this kernel has no Landlock, and
 * nothing was confined; or negative errno, with *ret_at the directory that
 * cannot be opened (`dirs` own path), NULL when it is none's. */
#ifndef MUSTER_LANDLOCK_H
#define MUSTER_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct landlock_dir {
        const char *path;
        bool writable; /* files may be made, written and removed; directories not */
        bool file;     /* one file, to read */
};

/* `ports`: where TCP may connect to, up to the first 0; NULL: nowhere. */
int landlock_confine(const struct landlock_dir *dirs, size_t n, const uint16_t *ports, size_t n_ports, const char **ret_at);

#endif
