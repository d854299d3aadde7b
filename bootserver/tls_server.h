/* SPDX-License-Identifier: Apache-2.0 */
/* tls_server.h - the attest listener's TLS: OpenSSL's, behind libmicrohttpd.
 *
 * DOC: Theory of operation
 * libmicrohttpd speaks GnuTLS only, whose handshakes cost twice as much as
 * OpenSSL's (tests/bench/part-attest). So libmicrohttpd's archive is linked,
 * and the functions of GnuTLS that it calls are tls_gnutls.c's, which hands
 * on to the ones below. One that is not there fails the link, and GnuTLS
 * itself is not linked. What is connected, accepted, timed out, counted and
 * closed stays libmicrohttpd's and guard.c's.
 *
 * The handshake is made by tls_read(): libmicrohttpd (0.9.75) asks again
 * without end for a handshake that waits for its peer, and lets a read wait.
 *
 * TLS 1.3 alone, a full handshake each time: no tickets, no resumption, no
 * early data, no renegotiation, no client certificates. Memory for a peer's
 * handshake is bounded before it is taken: nothing until the first bytes
 * are a ClientHello of at most TLS_HELLO_MAX, one hello only. */
#ifndef MUSTER_TLS_SERVER_H
#define MUSTER_TLS_SERVER_H

#include "mem.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/types.h>

#define TLS_HELLO_MAX 8192   /* bytes; real ones have some hundred, 2,000 with a post-quantum share */
#define TLS_UPDATES_MAX 8    /* key updates that a peer may cause */
#define TLS_PRIORITIES "MUSTER-TLS1.3" /* the one that tls_gnutls.c knows */

struct tls;
struct MHD_Connection;

/* From PEM texts. -EINVAL: they are no pair. One for all connections. A
 * second pair may follow: the parent's certificate by the previous cluster CA
 * and its key. It is shown to clients that name that CA and not the new one. */
int tls_ctx_new(const void *cert, size_t cert_len, const void *key, size_t key_len, SSL_CTX **ret);

/* `fn` hears of each TLS alert by which a peer ends a handshake (RFC 8446's number), on that connection's thread.
 * To be set once, before the first connection. */
void tls_on_alert(void (*fn)(const struct sockaddr *from, unsigned alert));
const char *tls_alert_text(unsigned alert); /* "unknown CA" */

/* A connection's server end on a nonblocking socket, which stays the caller's;
 * no two threads at once in one of them. */
int tls_new(SSL_CTX *ctx, int fd, struct tls **ret);
void tls_free(struct tls *t);

/* Bytes, 0 when the peer has ended in order, -EAGAIN: wait until the socket
 * can be read (written), -EINTR: call again, any other: it is over. A write
 * that is told to wait is repeated with the same bytes. */
ssize_t tls_read(struct tls *t, void *p, size_t n);
ssize_t tls_write(struct tls *t, const void *p, size_t n);
size_t tls_pending(const struct tls *t); /* more than 0: a read may give bytes without the socket */
void tls_end(struct tls *t);             /* tells the peer that nothing follows */
bool tls_up(const struct tls *t);        /* the handshake is done */

/* RFC 8446 7.5, without a context. -EPROTO unless the handshake is done, and
 * was a full one of TLS 1.3. */
int tls_export(const struct tls *t, const char *label, uint8_t ret[DIGEST_LEN]);
/* SHA-256 of the DER of the name of the CA whose certificate this client was shown. */
int tls_issuer(const struct tls *t, uint8_t ret[DIGEST_LEN]);
int tls_issuer_of(struct MHD_Connection *conn, uint8_t ret[DIGEST_LEN]);
int tls_export_of(struct MHD_Connection *conn, const char *label, uint8_t ret[DIGEST_LEN]);

#endif
