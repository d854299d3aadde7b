/* SPDX-License-Identifier: Apache-2.0 */
/* wire_frame.h - one message: a JSON head and the octets beside it, PROTOCOL.md 1.
 *
 *     length of head (4, big-endian) ‖ head ‖ octets
 *     [‖ length of quote (2) ‖ quote ‖ length of signature (2) ‖ signature]
 *
 * The head is one object of at most WIRE_HEAD_MAX bytes. Its member `octets`
 * is an array of [name, length], one for each blob, in the order in which the
 * blobs follow. This module reads and writes every kind of message by a
 * struct frame_kind: the table of the head's members and that of its octets.
 *
 * Pure. frame_parse() compares each length with what is left and with its
 * bound before it copies, and demands that the message is filled exactly: the
 * names in the order of the table, each that is not optional once, no blob
 * that is optional or repeated empty. It returns 0, or -EBADMSG or -E2BIG with
 * words in `err`, -ENOMEM, or -EIO when OpenSSL fails; then everything in `ret` is wiped and freed.
 * frame_wipe() does the same to what it filled. */
#ifndef MUSTER_WIRE_FRAME_H
#define MUSTER_WIRE_FRAME_H

#include "jout.h"
#include "jtab.h"

#define WIRE_TYPE "application/x-muster" /* the Content-Type of all messages */
#define WIRE_HEAD_MAX 16384

enum octet_type {
        OCTET_BUF,   /* struct buf; at most max bytes */
        OCTET_BUFS,  /* struct jbufs; at most count blobs of max bytes, each named */
        OCTET_FIXED, /* uint8_t[max]; exactly max bytes */
        OCTET_TEXT,  /* char *; at most max bytes, none of them NUL */
};

struct octet {
        const char *name;
        enum octet_type type;
        size_t off; /* in the struct at `at` of the kind */
        size_t max;
        size_t count;  /* OCTET_BUFS */
        bool optional; /* a blob that is empty is left out */
};

struct frame_kind {
        size_t max; /* bytes of a whole message */
        /* The members of the head. One of them is FRAME_OCTETS, so `ret` of
         * frame_parse() begins with a struct jlengths. */
        const struct jfield *head;
        size_t n_head;
        size_t at; /* in `ret`: the struct of the octets, quote and digest */
        const struct octet *octets;
        size_t n_octets;
        /* A signed message: where quote and signature (struct buf) and the
         * SHA-256 of all before them (uint8_t[32]) are; else all zero. */
        size_t quote_max, quote, signature_max, signature, digest;
};

#define FRAME_OCTETS                                                                                                   \
        {                                                                                                              \
                "octets", JT_LENGTHS, 0, INT32_MAX, JF_REQUIRED, JLENGTHS                                              \
        }

int frame_parse(const void *body, size_t len, const struct frame_kind *kind, void *ret, char err[JTAB_ERR]);
/* One string member of the head, to choose the kind by. */
int frame_peek(const void *body, size_t len, size_t max, const char *name, char *ret, size_t n, char err[JTAB_ERR]);
void frame_wipe(const struct frame_kind *kind, void *obj);

/* The message without quote and signature. `head` holds an object that is
 * open, with all members but `octets`; it is taken even on failure. `from` is
 * the struct of the octets. -EINVAL: a blob that has to be there is empty or
 * over its bound; -E2BIG: the head or the message is over its own. */
int frame_build(const struct frame_kind *kind, struct jout *head, const void *from, struct buf *ret);
/* The same with quote and signature behind it. */
int frame_build_signed(const struct frame_kind *kind, const struct buf *text, const struct buf *quote,
                       const struct buf *signature, struct buf *ret);

#endif
