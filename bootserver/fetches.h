/* SPDX-License-Identifier: Apache-2.0 */
/* fetches.h - when nodes' boot scripts were last asked for, and how far the
 * address that asked came since.
 *
 * Anyone can ask in any node's name, so this is a hint, kept in memory
 * alone: it writes nothing, survives no restart and proves nothing. Fixed
 * size; the oldest of a slot's neighbours gives way. Thread safe. `id` is a
 * node id in hex. */
#ifndef MUSTER_FETCHES_H
#define MUSTER_FETCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

void fetch_note(const char *id, const struct sockaddr *from, int64_t now); /* from: NULL when it is not known */
int64_t fetch_last(const char *id); /* 0: not since musterd started */

/* What came from the address that a node's script went to; a later step is never undone by an earlier one. */
enum fetch_step {
        FETCH_SCRIPT,    /* nothing but the script */
        FETCH_UKI_PART,  /* it asked for a file of /boot */
        FETCH_UKI,       /* and got the whole of it */
        FETCH_CONNECTED, /* it connected to the attest listener */
        FETCH_DISTRUST,  /* and ended the handshake with a TLS alert */
};
void fetch_step(const struct sockaddr *from, enum fetch_step step, unsigned alert, int64_t now);

struct fetch_trace {
        int64_t asked; /* when for the script */
        int64_t when;  /* of the step */
        enum fetch_step step;
        unsigned alert; /* of FETCH_DISTRUST: RFC 8446's number */
        char from[46];  /* the address; "": unknown */
};
bool fetch_trace(const char *id, struct fetch_trace *ret); /* false: it was not asked for since musterd started */
const char *fetch_step_name(enum fetch_step step);

/* Those of before `when` that are not known to be answered by the node: the
 * first 16 digits of their ids, in order, those after `after` ("": all). Up to
 * FETCHES_MAX of them; free() it. */
#define FETCHES_MAX 65536
struct fetch {
        char prefix[17];
        int64_t when;
};
int fetch_open(int64_t when, const char *after, struct fetch **ret, size_t *ret_n);
/* The node was seen after it, or is gone: not listed any more. */
void fetch_answered(const struct fetch *f);

#endif
