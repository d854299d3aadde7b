/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - a connected byte stream with time limits: TCP, Unix socket, or
 * TLS over one (tls.h).
 *
 * I/O, no logging, no name look-up: TCP addresses are IP literals. A stream
 * is owned by whoever opened it; stream_free() closes it and is NULL-safe.
 * Descriptors are close-on-exec and non-blocking; TCP_NODELAY is set.
 * Calls return negative errno; -ETIMEDOUT when nothing moved for idle_ms
 * or when `deadline` has passed. Single-threaded use. */
#ifndef MUSTER_STREAM_H
#define MUSTER_STREAM_H

#include "mem.h"

#include <sys/types.h>

struct stream {
        ssize_t (*read)(struct stream *s, void *p, size_t n); /* 0: the peer closed */
        ssize_t (*write)(struct stream *s, const void *p, size_t n);
        void (*close)(struct stream *s);
        int fd;
        int idle_ms;
        int64_t deadline; /* stream_now_ms() when all must be done; 0: never */
        int hurry_ms; /* without a deadline: one begins when the peer has sent something; 0: none does */
        void (*notice)(void *ctx); /* called once, when nothing moved for notice_ms; may be NULL */
        void *notice_ctx;
        int notice_ms;
};

#define STREAM_IDLE_MS 30000

int64_t stream_now_ms(void);

int stream_open_unix(const char *path, struct stream **ret);
/* ip: "10.0.0.1" or "fd00::1" (no brackets); connect_ms limits the connect. */
int stream_open_tcp(const char *ip, uint16_t port, int connect_ms, struct stream **ret);

ssize_t stream_read(struct stream *s, void *p, size_t n);
int stream_write_all(struct stream *s, const void *p, size_t n);
/* Waits for poll(2) `events`, within the stream's limits. */
int stream_wait(struct stream *s, short events);
void stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free)

#endif
