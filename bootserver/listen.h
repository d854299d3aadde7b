/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h - the three listening sockets and their daemons.
 *
 * listen_open() binds all of them (as root, before privileges are dropped)
 * and listen_start() starts serving; `fail` says which address and why.
 * listen_stop() ends all held requests and waits for the threads. */
#ifndef MUSTER_LISTEN_H
#define MUSTER_LISTEN_H

#include "server.h"

int listen_open(struct server *srv, uid_t uid, gid_t gid, struct fail *fail);
int listen_start(struct server *srv, struct fail *fail);
void listen_stop(struct server *srv);

#endif
