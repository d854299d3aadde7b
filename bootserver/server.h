/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - everything a handler reaches: one struct server for the
 * process, one struct session for a connection, one struct call for a
 * request.
 *
 * A handler answers with one reply_…() and returns what that returned, or
 * holds the request with waiters_hold() (then it is called again when
 * woken). A connection's requests come one after another on one thread, so
 * a session needs no lock. */
#ifndef MUSTER_SERVER_H
#define MUSTER_SERVER_H

#include "catalog.h"
#include "conf.h"
#include "door.h"
#include "guard.h"
#include "jout.h"
#include "keys.h"
#include "metrics.h"
#include "sends.h"
#include "signer.h"
#include "store.h"
#include "waiters.h"

#include <microhttpd.h>
#include <stdatomic.h>

enum listener { L_BOOT, L_ATTEST, L_ADMIN, LISTENERS };

struct ek_cas;
struct ek_recheck;
struct hooks;
struct keycache;
struct outbox; /* outbox.h */
struct attest; /* attest_routes.c's part of a session */
struct route;

struct server {
        struct conf conf;
        struct keys keys;
        struct signer *signer;
        struct store *store;
        struct catalog *catalog;
        struct ek_cas *ek_cas;
        struct ek_recheck *ek_recheck; /* NULL: not since the start */
        struct keycache *keycache;
        struct waiters *waiters;
        struct outbox *outbox;
        struct hooks *hooks; /* NULL: none */
        struct guard *guard;
        struct door *door;
        struct metrics metrics;
        struct buf ipxe_template; /* NUL-terminated */
        int64_t started;
        int fd[LISTENERS];
        struct MHD_Daemon *daemon[LISTENERS];
        atomic_size_t body_bytes; /* bodies held just now */
        atomic_uint image_sends;  /* under way */
};

/* A request's target as it came. */
struct target {
        const char *at;
        size_t len;
        const char *fault; /* NULL, or what is wrong with it */
};

struct session {
        enum listener listener;
        unsigned requests;     /* so far */
        struct fair_conn conn; /* not used by the admin listener's */
        struct guest guest;    /* the attest listener's */
        struct target target;  /* of the request under way */
        struct attest *attest; /* NULL until first used; freed with attest_free() */
};

struct call {
        struct server *srv;
        struct session *session;
        struct MHD_Connection *conn;
        const struct route *route;
        char param[256]; /* the path's variable part, decoded */
        struct buf body; /* wiped with the call */
        size_t body_size; /* as announced */
        size_t counted;   /* memory it has, in body_bytes */
        int64_t body_until; /* monotonic seconds: it has to be here by then */
        struct waiter waiter;
        struct send send;
        const char *allow; /* of a 405, while it is answered */
        const char *etag;  /* of a file, while it is answered */
        bool retry;        /* 503: another time, not another place */
        bool held;     /* the handler runs again after a hold */
        bool waiting;  /* suspended just now */
        bool answered; /* libmicrohttpd asks again when it shuts down */
        bool head;   /* HEAD: no body is sent */
};

int64_t server_now(void); /* Unix seconds */
/* The peer's address; NULL: not known. */
const struct sockaddr *call_from(struct call *c);

/* Has the connection had all the requests it may have? */
bool serve_limit(const struct session *s);

/* A held request keeps its body: not when bodies have taken half of
 * body-memory, which is for those under way. */
bool server_may_hold(struct server *srv);

/* The session of an attest connection: exporter and the state of its
 * exchange. */
void attest_free(struct attest *a);

/* All return MHD_YES when the answer is queued, MHD_NO to drop the
 * connection. Bodies are wiped after sending. */
enum MHD_Result reply_json(struct call *c, unsigned status, struct jout *o);
enum MHD_Result reply_buf(struct call *c, unsigned status, const char *type, struct buf *body); /* takes it */
enum MHD_Result reply_error(struct call *c, unsigned status, const char *next, const char *fmt, ...) _printf_(4, 5);
/* What a failing store or lack of memory answers: 503. */
enum MHD_Result reply_failure(struct call *c, int r, const char *what);
/* 304 for the file with c->etag. */
enum MHD_Result reply_unchanged(struct call *c);
/* Sends [first, first + len) of fd, which it takes; total for 206. */
enum MHD_Result reply_file(struct call *c, int fd, uint64_t first, uint64_t len, uint64_t total, bool partial);

/* The value of a query argument, or NULL. */
const char *call_arg(struct call *c, const char *key);

#endif
