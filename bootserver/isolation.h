/* SPDX-License-Identifier: Apache-2.0 */
/* isolation.h - what musterd gives up, and when.
 *
 * Stages, in order:
 *   1. isolation_early(): no core dumps, not dumpable, umask 077. First
 *      thing in main(), before a key is read.
 *   2. (musterd.c reads all keys and opens all listeners, as root.)
 *   3. isolation_drop(): supplementary groups, group, user; no new
 *      privileges. As non-root it only does the last. Checked afterwards
 *      that root cannot be had back.
 * The unit file adds what systemd does better (file system, syscalls). */
#ifndef MUSTER_ISOLATION_H
#define MUSTER_ISOLATION_H

#include "log.h"

int isolation_early(void);
int isolation_drop(const char *user, const char *group, struct fail *fail);

/* Ids of the configured user and group; as non-root one's own. */
int isolation_ids(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid, struct fail *fail);

#endif
