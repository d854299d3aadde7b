/* SPDX-License-Identifier: Apache-2.0 */
#include "serve.h"

#include "fetches.h"
#include "head.h"
#include "routes.h"
#include "wire_frame.h"

#include <time.h>

#define BODY_FIRST ((size_t)16384) /* memory for a body to begin with */
#define REQUESTS_MAX 256            /* of one connection */

int64_t server_now(void)
{
        return (int64_t)time(NULL);
}

static const struct sockaddr *peer_of(struct MHD_Connection *conn)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

        return i ? i->client_addr : NULL;
}

const struct sockaddr *call_from(struct call *c)
{
        return peer_of(c->conn);
}

static int64_t monotonic(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec;
}

static const char *header(struct call *c, const char *name)
{
        return MHD_lookup_connection_value(c->conn, MHD_HEADER_KIND, name);
}

/* Digits only, no sign, no more than 18: -EBADMSG otherwise. */
static int content_length(struct call *c, bool *ret_given, size_t *ret)
{
        const char *v = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
        size_t n = v ? strspn(v, "0123456789") : 0;

        *ret_given = v != NULL;
        *ret = 0;
        if (!v)
                return 0;
        if (n == 0 || n > 18 || v[n] != '\0')
                return -EBADMSG;
        *ret = (size_t)strtoull(v, NULL, 10);
        return 0;
}

static enum MHD_Result look_at_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                     const char *value, size_t value_len)
{
        (void)kind;
        head_field(cls, name, name_len, value ? value : "", value ? value_len : 0);
        return MHD_YES;
}

/* What is wrong with the request's head, or NULL. */
static const char *head_fault(struct call *c, const char *url, const char *method, const char *version)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->conn, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
        struct target *t = &c->session->target;
        struct head h;

        if (t->fault)
                return t->fault;
        if (t->at != url)
                return "the request's target is not the one that came"; /* it would be decoded twice */
        head_begin(&h, MHD_VERSION < 0x01000000, method, url, t->len, version);
        (void)MHD_get_connection_values_n(c->conn, MHD_HEADER_KIND, look_at_field, &h);
        return head_end(&h, i ? i->header_size : 0);
}

static enum MHD_Result refuse(struct call *c, unsigned status, const char *next, const char *what)
{
        metric_add(&c->srv->metrics, M_HTTP_REFUSED, 1);
        c->answered = true; /* there may be no room for a body */
        return reply_error(c, status, next, "%s", what);
}

/* Everything that can be refused before the body. 0, or -1 with *ret_r the
 * result of the queued refusal. */
static int check_body(struct call *c, enum MHD_Result *ret_r)
{
        const char *type = header(c, MHD_HTTP_HEADER_CONTENT_TYPE);
        bool json = c->route->who == ADMIN;
        bool given = false;

        if (header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
                *ret_r = refuse(c, 411, "send a Content-Length", "chunked requests are refused");
        } else if (content_length(c, &given, &c->body_size) < 0) {
                *ret_r = refuse(c, 400, "send a valid Content-Length", "Content-Length is no number");
        } else if (!given && c->route->body_max > 0 && c->route->who != ADMIN) {
                *ret_r = refuse(c, 411, "send a Content-Length", "the request has no Content-Length");
        } else if (c->body_size > c->route->body_max) {
                *ret_r = refuse(c, 413, "send less", "the body is over this route's limit");
        } else if (c->body_size > 0 && (!type || (json ? strncmp(type, "application/json", 16) : strcmp(type, WIRE_TYPE)) != 0)) {
                *ret_r = refuse(c, 415, json ? "send Content-Type: application/json" : "send Content-Type: " WIRE_TYPE,
                                "the body is not announced as what this route takes");
        } else {
                return 0;
        }
        return -1;
}

static size_t body_budget(const struct server *srv)
{
        return (size_t)srv->conf.body_memory << 20;
}

bool server_may_hold(struct server *srv)
{
        return atomic_load(&srv->body_bytes) <= body_budget(srv) / 2;
}

/* Memory for a body grows with what has come, not with what was announced.
 * When all bodies together are at the limit, another one goes for it, and
 * is counted until its connection has ended: so a quarter more, at most. */
static bool body_room(struct call *c, size_t need)
{
        size_t budget = body_budget(c->srv);
        size_t size = c->counted ? c->counted : BODY_FIRST;
        size_t total;
        uint8_t *p;

        if (need <= c->counted)
                return true;
        while (size < need)
                size *= 2;
        size = size > c->body_size + 1 ? c->body_size + 1 : size;
        total = atomic_fetch_add(&c->srv->body_bytes, size - c->counted) + size - c->counted;
        p = total <= budget + budget / 4 && guard_body(c->srv->guard, &c->session->conn, size, total > budget) ? malloc(size)
                                                                                                              : NULL;
        if (!p) {
                (void)atomic_fetch_sub(&c->srv->body_bytes, size - c->counted);
                return false;
        }
        if (c->body.len > 0)
                memcpy(p, c->body.p, c->body.len);
        wipe(c->body.p, c->body.len);
        free(c->body.p);
        c->body.p = p;
        c->counted = size;
        return true;
}

static enum MHD_Result first_call(struct call *c, enum listener listener, const char *url, const char *method,
                                  const char *version)
{
        enum MHD_Result result = MHD_NO;
        const char *fault = head_fault(c, url, method, version);
        char allow[64];
        int r;

        metric_add(&c->srv->metrics, (enum metric)(M_REQUESTS_BOOT + listener), 1);
        c->head = strcmp(method, "HEAD") == 0;
        if (fault) /* being answered before its body, it is the connection's last request */
                return refuse(c, 400, "send it as RFC 9112 has it", fault);
        r = route_find(listener, method, url, &c->route, c->param, sizeof(c->param), allow, sizeof(allow));
        if (r == -EOPNOTSUPP) {
                c->allow = allow;
                return refuse(c, 405, "see bootserver/API.md", "this path does not take this method");
        }
        if (r < 0)
                return refuse(c, 404, "see bootserver/API.md", "there is no such path on this listener");
        if (check_body(c, &result) < 0)
                return result;
        /* libmicrohttpd's timeout begins anew with every byte */
        c->body_until = monotonic() + c->srv->conf.timeout;
        return MHD_YES;
}

static struct session *session_of(struct MHD_Connection *conn)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return i ? i->socket_context : NULL;
}

void *serve_target(void *cls, const char *target, struct MHD_Connection *conn)
{
        const struct listener_ctx *l = cls;
        struct session *s = session_of(conn);

        if (s)
                s->target = (struct target){ target, strlen(target), head_target(target, l->listener == L_ADMIN) };
        return NULL;
}

size_t serve_unescape(void *cls, struct MHD_Connection *conn, char *text)
{
        const struct session *s = session_of(conn);

        (void)cls;
        return s && s->target.at == text ? strlen(text) : MHD_http_unescape(text);
}

enum MHD_Result serve_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **con_cls)
{
        const struct listener_ctx *l = cls;
        struct call *c = *con_cls;
        enum MHD_Result result;

        if (!c) {
                c = calloc(1, sizeof(*c));
                if (!c)
                        return MHD_NO;
                c->srv = l->srv;
                c->conn = conn;
                c->session = session_of(conn);
                *con_cls = c;
                if (!c->session)
                        return MHD_NO;
                c->session->requests++;
                guard_phase(c->srv->guard, &c->session->conn, FAIR_BODY);
                return first_call(c, l->listener, url, method, version);
        }
        if (c->answered)
                return MHD_NO;
        if (*size > 0) {
                if (*size > c->body_size - c->body.len || monotonic() > c->body_until ||
                    !body_room(c, c->body.len + *size + 1))
                        return MHD_NO;
                memcpy(c->body.p + c->body.len, data, *size);
                c->body.len += *size;
                *size = 0;
                return MHD_YES;
        }
        if (c->body.len != c->body_size)
                return MHD_NO;
        if (c->body.p)
                c->body.p[c->body.len] = '\0';
        c->waiting = false;
        guard_phase(c->srv->guard, &c->session->conn, FAIR_WORK);
        result = c->route->handler(c);
        c->answered = !c->waiting;
        if (c->waiting && c->session->listener == L_ATTEST)
                door_done(c->srv->door, c->session);
        if (c->answered)
                guard_phase(c->srv->guard, &c->session->conn, FAIR_SEND);
        return result;
}

void serve_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode code)
{
        struct call *c = *con_cls;

        (void)cls;
        if (!c)
                return;
        if (c->route && c->route->handler == on_boot_file && c->send.on && code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
                fetch_step(peer_of(conn), FETCH_UKI, 0, server_now());
        send_end(c->srv, &c->send, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        (void)atomic_fetch_sub(&c->srv->body_bytes, c->counted);
        buf_wipe(&c->body);
        if (c->session) {
                (void)guard_body(c->srv->guard, &c->session->conn, 0, false);
                guard_phase(c->srv->guard, &c->session->conn, FAIR_WAIT);
                if (c->session->listener == L_ATTEST)
                        door_done(c->srv->door, c->session);
        }
        free(c);
        *con_cls = NULL;
}

bool serve_limit(const struct session *s)
{
        return s->listener != L_ADMIN && s->requests >= REQUESTS_MAX;
}

enum MHD_Result serve_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
        const struct listener_ctx *l = cls;

        (void)len;
        return guard_admit(l->srv->guard, l->listener, addr) ? MHD_YES : MHD_NO;
}

/* What libmicrohttpd 1.0 gives for one is overwritten when another is asked for. */
static struct session *session_new(const struct listener_ctx *l, struct MHD_Connection *conn)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
        int fd = i ? i->connect_fd : -1;
        const struct sockaddr *from;
        struct session *s;

        if (l->listener == L_ATTEST) {
                metric_add(&l->srv->metrics, M_CONNECTIONS_ATTEST, 1);
                fetch_step(peer_of(conn), FETCH_CONNECTED, 0, server_now());
                return door_claim(l->srv->door, fd);
        }
        i = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        from = i ? i->client_addr : NULL;
        s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;
        s->listener = l->listener;
        if (l->listener != L_ADMIN && (fd < 0 || !from || guard_open(l->srv->guard, &s->conn, l->listener, from, fd) < 0)) {
                free(s);
                return NULL; /* its first request ends it */
        }
        return s;
}

void serve_connection(void *cls, struct MHD_Connection *conn, void **socket_ctx, enum MHD_ConnectionNotificationCode code)
{
        const struct listener_ctx *l = cls;
        struct session *s = *socket_ctx;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                *socket_ctx = session_new(l, conn);
        } else if (s) {
                guard_close(l->srv->guard, &s->conn);
                if (l->listener == L_ATTEST)
                        door_gone(l->srv->door, s);
                attest_free(s->attest);
                wipe(s, sizeof(*s));
                free(s);
                *socket_ctx = NULL;
        }
}
