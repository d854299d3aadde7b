/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.h - which system calls a process of musterd may still make.
 *
 * Lists of what is allowed, for the architecture musterd was built for and
 * no other; the tables stand beside the code. Whatever is not listed does
 * not happen, in one of three ways:
 *   - what no code of musterd or its libraries ever does, and what an
 *     intruder does first (run a program, fork, trace, load code into the
 *     kernel, change ids or mounts): the whole process is killed (SIGSYS);
 *   - a socket, or memory that can be run: EPERM, as on other hardened hosts;
 *   - anything else: ENOSYS, what an older kernel answers. So a newer libc
 *     falls back instead of taking every node's boot server down, and the
 *     call is refused all the same.
 * Call it in the only thread; threads made later inherit it, and it cannot
 * be undone. Returns 0 or negative errno. `log_only` refuses nothing and
 * lets the kernel's audit log have what would have been. */
#ifndef MUSTER_SYSCALLS_H
#define MUSTER_SYSCALLS_H

#include <stdbool.h>

/* What the network process may make, to reach PostgreSQL; 0: no socket. */
enum { SOCKETS_LOCAL = 1, SOCKETS_TCP = 2 };

int syscalls_confine_network(bool log_only, unsigned sockets);
int syscalls_confine_signer(bool log_only, unsigned none);

#endif
