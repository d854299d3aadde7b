/* SPDX-License-Identifier: Apache-2.0 */
/* attack.h - thousands of misbehaving connections from one thread.
 *
 * An attack is a table entry: how its connections begin and what each does
 * when it is time. Each connection that the server ends is dialled again,
 * so that pressure stays. Addresses are 127.a.b.c, a number of them from
 * one on. Nothing is freed before the end but connections. */
#ifndef MUSTER_ATTACK_H
#define MUSTER_ATTACK_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target {
        unsigned boot, attest; /* ports */
        const char *path;      /* of a large file on the boot port */
        unsigned connections;
        unsigned addresses;
        uint32_t first; /* address */
        unsigned dial;  /* new connections per second, at most */
};

enum stage { S_NONE, S_CONNECT, S_TLS, S_ON };

struct conn {
        int fd;
        SSL *ssl;
        enum stage stage;
        unsigned number;
        int64_t next;   /* ms: when to act again */
        size_t sent;    /* of its script */
        unsigned step;
};

enum how { PLAIN, RAW_TLS /* TCP only, to the TLS port */, TLS };

/* What act() wants: to be called again after so many ms, or: */
#define WHEN_READABLE (-1) /* read and thrown away meanwhile */
#define NEVER (-2)         /* neither reads nor acts */
#define AGAIN (-3)         /* close it and dial anew */

struct attack {
        const char *name;
        enum how how;
        bool small;     /* a receive buffer as small as can be */
        int (*act)(struct conn *c, const struct target *t);
        const char *what;
};

extern const struct attack attacks[];
const struct attack *attack_find(const char *name);

/* As much as goes; < 0: the connection is over. */
long conn_write(struct conn *c, const void *p, size_t n);
long conn_read(struct conn *c, void *p, size_t n);

#endif
