/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - a small, bounded HTTP/1.1 client over a stream.
 *
 * One request at a time, keep-alive; no redirects, no compression, no
 * chunked answers (-EPROTO). Replies' heads are at most 8 KiB. Takes over
 * the stream in http_new(), even when that fails. After any other negative
 * return the connection is spent: http_free() it.
 *
 * Usual call, e.g. over the admin socket:
 *
 *     struct stream *s; struct http *h; struct http_reply r; struct buf b;
 *     stream_open_unix("/run/muster/admin.sock", &s);
 *     http_new(s, "localhost", &h);
 *     http_call(h, "GET", "/v1/nodes", NULL, NULL, 0, 1 << 20, &r, &b);
 *     … r.status, b.p (NUL-terminated beyond b.len) …
 *     buf_wipe(&b); http_free(h);
 */
#ifndef MUSTER_HTTP_H
#define MUSTER_HTTP_H

#include "stream.h"

#define HTTP_HEAD_MAX 8192

struct http;

struct http_reply {
        unsigned status;
        uint64_t length;      /* of this body */
        bool keep_alive;
        bool retry_after;     /* it was named, whenever */
        bool has_range;       /* 206 with Content-Range */
        uint64_t range_first;
        uint64_t range_total;
};

int http_new(struct stream *s, const char *host, struct http **ret);
void http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)
struct stream *http_stream(struct http *h);

/* Sends a request. `type` is the body's Content-Type (NULL: no body, and
 * then body must be NULL). `first` > 0 adds `Range: bytes=first-`. Refuses a
 * target with spaces or control characters: -EINVAL. */
int http_send(struct http *h, const char *method, const char *target, const char *type, const void *body, size_t len,
              uint64_t first);
/* Reads the head of the reply. */
int http_head(struct http *h, struct http_reply *ret);
/* Reads body bytes; 0 at its end. -ECONNRESET when it ends too early. */
ssize_t http_body(struct http *h, void *p, size_t n);

/* All in one; a body over `max` bytes is -EMSGSIZE. ret_body is the
 * caller's to buf_wipe(), NUL-terminated one past its length. JSON bodies:
 * type NULL means application/json here when body is given. */
int http_call(struct http *h, const char *method, const char *target, const char *type, const void *body, size_t len,
              size_t max, struct http_reply *ret, struct buf *ret_body);

#endif
