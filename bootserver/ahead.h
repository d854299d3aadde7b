/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.h - how much of a file the kernel is given at once, and how much may
 * wait there for one reader.
 *
 * DOC: Theory of operation
 * libmicrohttpd sends 128 KiB of a file with one call, then goes round its
 * loop. A socket takes megabytes, and the calls were a third of what an
 * image costs. So the linker has its sendfile64() come here (--wrap): up to
 * AHEAD_AT_ONCE is sent, libmicrohttpd is told of no more than it asked
 * for, and its next calls are told of the rest without the kernel. What it
 * relies on holds as before:
 *   - what it was told of was sent, in order, and nothing after the last
 *     byte of the answer was: ahead_begin() says which that is;
 *   - it is told EAGAIN only when the socket takes no more, so that epoll's
 *     edge comes, and of fewer bytes than it asked for only at the end;
 *   - an error is told at once, whatever was sent before.
 * It sends nothing else on a connection until the answer is whole, or it
 * closes it. A call that is not the next one of an answer begun here is the
 * kernel's as it is.
 *
 * The kernel lets a sender go on when less than half of TCP_NOTSENT_LOWAT
 * waits for the reader: the less that is, the more often it has to be asked.
 * Ten thousand readers that stop would have it all in memory, so readers
 * share AHEAD_WAITING: each has a part, within its bounds, that is set anew
 * with what is sent to it next.
 *
 * A struct ahead is its owner's, and of the connection's thread alone. */
#ifndef MUSTER_AHEAD_H
#define MUSTER_AHEAD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define AHEAD_AT_ONCE (2 << 20)
#define AHEAD_WAITING (256 << 20)
#define AHEAD_WAITING_MOST (4 << 20) /* of one reader */
#define AHEAD_WAITING_LEAST (256 << 10)

struct ahead {
        uint64_t told, sent, end;    /* offsets in the file */
        const atomic_uint *readers;  /* that share; NULL: tcp_wmem is its bound */
        int waiting;                 /* what its socket was set to; 0: nothing */
};

/* Before the first begins: descriptors are below `files`. Of others, and
 * without it, nothing is sent ahead. */
int ahead_open(size_t files);
void ahead_close(void); /* after the last has ended */

/* The next answer on socket fd is len bytes of a file, from `first`. `a` is
 * used until ahead_end(). */
void ahead_begin(int fd, struct ahead *a, uint64_t first, uint64_t len, const atomic_uint *readers);
void ahead_end(int fd);

/* One's part, when so many share. */
int ahead_waiting(unsigned readers);

/* For the linker: sendfile64() as libmicrohttpd calls it. */
ssize_t __wrap_sendfile64(int out, int in, off64_t *offset, size_t count);

#endif
