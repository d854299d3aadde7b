/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - what the client gives up before it reads a byte from the
 * network, the TPM bus or the image.
 *
 * sandbox_enter() closes inherited descriptors, clears the environment (not
 * in a test build), drops the capabilities that neither the client nor the
 * overlay it mounts needs, and leaves the system calls of a table: no
 * program, no process but its own threads, no tracing, no memory that can
 * be run, sockets of IP only. A call of an intruder kills it, a refused argument is EPERM,
 * another call ENOSYS. One way. 0, or negative errno: less than that was
 * given up, and `ret_what` says what; the client goes on. */
#ifndef MUSTER_NODE_SANDBOX_H
#define MUSTER_NODE_SANDBOX_H

int sandbox_enter(const char **ret_what);

#endif
