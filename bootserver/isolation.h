/* SPDX-License-Identifier: Apache-2.0 */
/* isolation.h - what musterd's processes give up, and when.
 *
 * Stages, in order:
 *   1. isolation_early(): no core dumps, not dumpable, memory not swapped,
 *      umask 077. First thing in main(), before a key is read.
 *   2. The helpers are forked: hooks_start(), and the signer. (musterd.c
 *      then reads what it needs and opens all listeners, as root.)
 *   3. isolation_drop(): capabilities out of all five sets, supplementary
 *      groups, group, user; no new privileges. As non-root the same but for
 *      the ids. Checked afterwards that root cannot be had back.
 *   4. sandbox_network() or sandbox_signer(): the files (Landlock) and the
 *      system calls (seccomp) that are left. In the only thread, before a
 *      byte from the network is read. One way.
 * The unit file adds what systemd does better (mounts, devices). */
#ifndef MUSTER_ISOLATION_H
#define MUSTER_ISOLATION_H

#include "conf.h"

struct sandbox_facts {
        const char *syscalls; /* "enforce", "log", "off" (sanitizers); "": not there yet */
        int landlock;         /* the ABI used; 0: none */
};

int isolation_early(void);
int isolation_drop(const char *user, const char *group, struct fail *fail);

/* Ids of the configured user and group; as non-root one's own. */
int isolation_ids(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid, struct fail *fail);

/* The process that reads the network: state-dir to write, ek-ca-dir to read,
 * no other file, no new socket, process or program. `reach`, with PostgreSQL
 * only (else NULL): the files and the sockets that connecting to it takes. */
struct store_reach;
int sandbox_network(const struct conf *conf, const struct store_reach *reach, struct fail *fail);

/* The signer: what it has open, its memory, the clock and random numbers. */
int sandbox_signer(const struct conf *conf, struct fail *fail);

/* Of this process, for the admin. */
struct sandbox_facts sandbox_facts(void);

#endif
