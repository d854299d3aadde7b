/* SPDX-License-Identifier: Apache-2.0 */
/* sends.h - images under way: how many at once, how fast each, and how many
 * bytes in all, so that images leave the parent's network and memory to
 * attests (their CPU: listen.c; how each is sent: ahead.h).
 *
 * A struct send is part of a call, zeroed with it. send_begin() is called
 * once, on the connection's thread; send_end() ends what was begun, and
 * does nothing for a call that began none. `image-sends` (0: no limit) and
 * `image-rate` (bytes per second of each, 0: none) are in musterd(8). */
#ifndef MUSTER_SENDS_H
#define MUSTER_SENDS_H

#include "ahead.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

struct send {
        bool on;
        bool counts;    /* has one of `image-sends` */
        int fd;         /* the socket */
        uint64_t len;   /* bytes that it wants */
        uint64_t acked; /* bytes of the connection that its peer had before */
        struct ahead ahead;
};

/* An answer on socket fd: len bytes of a file, from `first`; `image`: of an
 * image. False: there are as many as there may be. */
bool send_begin(struct server *srv, struct send *s, int fd, uint64_t first, uint64_t len, bool image);
void send_end(struct server *srv, struct send *s, bool whole);

#endif
