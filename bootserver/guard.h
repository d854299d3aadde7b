/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h - holds the two TCP listeners to fair.h's rules and to their
 * deadlines, which libmicrohttpd cannot: it starts its idle timer anew with
 * every byte, and tells nothing of a request before its headers are whole.
 *
 * A thread looks at every connection each second and shuts down the socket
 * of one that did not get through its handshake and headers, or its body,
 * within `timeout`, or whose peer takes less than `min-rate` of an answer.
 * Sockets are only shut down here, never closed: libmicrohttpd closes them,
 * after guard_close(), so no descriptor is ever another's. All calls may
 * come from any thread. A connection not let in by guard_open() (the admin
 * socket's) is left alone by all of them. */
#ifndef MUSTER_GUARD_H
#define MUSTER_GUARD_H

#include "conf.h"
#include "fair.h"
#include "metrics.h"

struct guard;

int guard_start(const struct conf *conf, struct metrics *metrics, struct guard **ret);
/* After the daemons: they call in until they are stopped. */
void guard_free(struct guard *g);

/* Before a connection is accepted; false: it is to be closed. */
bool guard_admit(struct guard *g, unsigned side, const struct sockaddr *from);
int guard_open(struct guard *g, struct fair_conn *c, unsigned side, const struct sockaddr *from, int fd);
void guard_close(struct guard *g, struct fair_conn *c);

/* For door.h. Whose descriptor it is now (-1: nobody's that is known);
 * that it waits for its turn, and in which queue; that its turn has come
 * (false: not yet); whether its peer has sent nothing for so long, and
 * all it sent was taken. */
void guard_fd(struct guard *g, struct fair_conn *c, int fd);
enum fair_class guard_queue(struct guard *g, struct fair_conn *c);
bool guard_turn(struct guard *g, struct fair_conn *c);
bool guard_stalled(struct guard *g, const struct fair_conn *c, unsigned ms);

void guard_phase(struct guard *g, struct fair_conn *c, enum fair_phase phase);
void guard_known(struct guard *g, struct fair_conn *c);

/* Bytes that the peer of a TCP socket has acknowledged; false: not known. */
bool guard_acked(int fd, uint64_t *ret);

/* May its peer cause this much work now? */
bool guard_work(struct guard *g, struct fair_conn *c, unsigned cost, bool stranger);

/* What it caused cost so much more than was asked for. */
void guard_charge(struct guard *g, struct fair_conn *c, unsigned cost);

/* The body of c has this many bytes; `full`: bodies are at their limit, so
 * that another one has to go. False: there is none. */
bool guard_body(struct guard *g, struct fair_conn *c, size_t bytes, bool full);

#endif
