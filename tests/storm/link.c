/* SPDX-License-Identifier: Apache-2.0 */
/* A connection as muster-node makes one, without waiting: common/tls.c's
 * settings, and the same limits of patience. */
#include "storm.h"

#include "jtab.h"
#include "pki.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define LABEL "EXPORTER-muster-attest-v2"
#define CONNECT_US 5000000
#define TURN_US 60000000
#define HANDSHAKE_US 15000000 /* once the parent has said something */
#define ANSWER_US 60000000
#define FIRST_ADDRESS 0x7f100001u /* 127.16.0.1: one for each node */
#define HEAD_MAX 8192

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static SSL_CTX *ctx;
static X509 *known[PARENTS]; /* verified in full once */
static unsigned n_open;

/* What a real node does anew each time, a fleet in one process does once. */
static int verify(X509_STORE_CTX *store, void *arg)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        const struct node *n = SSL_get_app_data(ssl);
        X509 *leaf = X509_STORE_CTX_get0_cert(store);

        (void)arg;
        if (known[n->parent] && X509_cmp(known[n->parent], leaf) == 0)
                return 1;
        if (X509_verify_cert(store) != 1 || !pki_is_parent_cert(leaf))
                return 0;
        X509_free(known[n->parent]);
        known[n->parent] = X509_up_ref(leaf) == 1 ? leaf : NULL;
        return 1;
}

void link_init(const char *ca)
{
        ctx = SSL_CTX_new(TLS_client_method());
        if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1 ||
            SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1) {
                (void)fprintf(stderr, "storm: cannot use the CA %s\n", ca);
                exit(2);
        }
        (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
}

unsigned link_open(void)
{
        return n_open;
}

static void want(struct node *n, uint32_t events)
{
        struct epoll_event ev = {.events = events, .data.ptr = n};

        if (n->events != events && epoll_ctl(fleet_epoll, EPOLL_CTL_MOD, n->fd, &ev) == 0)
                n->events = events;
}

void link_close(struct node *n)
{
        if (n->ssl) {
                if (SSL_is_init_finished(n->ssl))
                        (void)SSL_shutdown(n->ssl);
        }
        SSL_free(n->ssl);
        n->ssl = NULL;
        if (n->fd >= 0) {
                (void)close(n->fd);
                n_open--;
        }
        n->fd = -1;
        buf_wipe(&n->out);
        buf_wipe(&n->in);
}

void link_dial(struct node *n)
{
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(FIRST_ADDRESS + (uint32_t)(n - fleet))};
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(opt.parents[n->parent].port)};
        struct epoll_event ev = {.events = EPOLLOUT, .data.ptr = n};
        int one = 1;

        n->stage = S_CONNECT;
        n->dialled = now_us();
        n->due = n->dialled + CONNECT_US;
        if (n->foe)
                tally.foe_dials++;
        else
                tally.dials++;
        n->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        n_open += n->fd >= 0;
        if (n->fd < 0 || inet_pton(AF_INET, opt.parents[n->parent].host, &to.sin_addr) != 1) {
                fleet_lost(n, "socket");
                return;
        }
        (void)setsockopt(n->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
        (void)setsockopt(n->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        n->events = ev.events;
        if (bind(n->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
            (connect(n->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
            epoll_ctl(fleet_epoll, EPOLL_CTL_ADD, n->fd, &ev) < 0)
                fleet_lost(n, "connect");
}

/* What OpenSSL waits for; false: the connection is over. */
static bool wait_on(struct node *n, int r)
{
        int e = SSL_get_error(n->ssl, r);

        if (e == SSL_ERROR_WANT_READ)
                want(n, EPOLLIN);
        else if (e == SSL_ERROR_WANT_WRITE)
                want(n, EPOLLOUT);
        else
                return false;
        return true;
}

/* One that only waits for the parent to cut it off. */
static void gone_yet(struct node *n)
{
        uint8_t some[4096];
        ssize_t k = recv(n->fd, some, sizeof(some), MSG_DONTWAIT);

        if (k == 0 || (k < 0 && errno != EAGAIN))
                fleet_lost(n, "");
}

static void connected(struct node *n)
{
        int err = 0;
        socklen_t len = sizeof(err);

        if (getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err != 0) {
                fleet_lost(n, err == ECONNREFUSED ? "nobody listens" : "connect");
                return;
        }
        n->stage = S_TLS;
        if (n->foe && foe_connected(n)) {
                want(n, EPOLLIN);
                return;
        }
        n->ssl = SSL_new(ctx);
        if (!n->ssl || SSL_set_fd(n->ssl, n->fd) != 1 ||
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(n->ssl), opt.parents[n->parent].host) != 1) {
                (void)fprintf(stderr, "storm: out of memory\n");
                exit(2);
        }
        (void)SSL_set_app_data(n->ssl, (void *)n);
        SSL_set_connect_state(n->ssl);
        n->due = n->dialled + TURN_US;
        n->heard = false;
}

static void shake(struct node *n)
{
        int r;

        if (!n->ssl || (n->foe == F_HALF && SSL_get_state(n->ssl) != TLS_ST_BEFORE)) {
                gone_yet(n);
                return;
        }
        r = SSL_do_handshake(n->ssl);

        if (!n->heard && n->ssl && BIO_number_read(SSL_get_rbio(n->ssl)) > 0) {
                n->heard = true;
                n->due = now_us() + HANDSHAKE_US;
        }
        if (r == 1 && n->foe == F_HALF)
                gone_yet(n); /* the answer was there at once */
        else if (r == 1)
                link_ask(n);
        else if (!wait_on(n, r))
                fleet_lost(n, SSL_get_verify_result(n->ssl) == X509_V_OK ? "lost in handshake" : "E-PARENT");
}

bool link_exporter(struct node *n, uint8_t ret[DIGEST_LEN])
{
        return SSL_export_keying_material(n->ssl, ret, DIGEST_LEN, LABEL, strlen(LABEL), NULL, 0, 0) == 1;
}

static void send_more(struct node *n)
{
        if (n->foe == F_DRIP && n->sent > 0) {
                gone_yet(n);
                return;
        }
        if (n->foe == F_DRIP) {
                want(n, EPOLLIN);
                foe_drips(n);
                return;
        }
        while (n->sent < n->out.len) {
                int r = SSL_write(n->ssl, n->out.p + n->sent, (int)(n->out.len - n->sent));

                if (r > 0) {
                        n->sent += (size_t)r;
                } else {
                        if (!wait_on(n, r))
                                fleet_lost(n, "lost while asking");
                        return;
                }
        }
        buf_wipe(&n->out);
        n->stage = S_HEAR;
        want(n, EPOLLIN);
}

static void post(struct node *n, const char *method, const char *path, struct buf body)
{
        char head[256];
        int k = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s:%u\r\nContent-Type: application/x-muster\r\nContent-Length: %zu\r\n\r\n",
                         method, path, opt.parents[n->parent].host, opt.parents[n->parent].port, body.len);

        n->out.p = malloc((size_t)k + body.len);
        if (!n->out.p)
                abort();
        memcpy(n->out.p, head, (size_t)k);
        if (body.len > 0)
                memcpy(n->out.p + k, body.p, body.len);
        n->out.len = (size_t)k + body.len;
        n->sent = 0;
        free(body.p);
        n->stage = S_SEND;
        n->due = now_us() + ANSWER_US;
        if (!n->foe) {
                n->asks++;
                tally.sent++;
        }
        send_more(n);
}

void link_post(struct node *n, const char *path, struct buf body)
{
        post(n, "POST", path, body);
}

void link_ask(struct node *n)
{
        uint8_t exporter[DIGEST_LEN];
        struct buf request;

        if (n->foe) {
                foe_asks(n);
                return;
        }
        if (!link_exporter(n, exporter)) {
                fleet_lost(n, "E-PARENT");
                return;
        }
        n->asked = now_us();
        if (opt.bare) {
                post(n, "GET", "/", (struct buf){0});
                return;
        }
        request = tpm_request(n, exporter);
        foe_saw(&request);
        link_post(n, "/v2/attest", request);
}

/* Whether all of an answer is there; then where its body is. */
static int whole(const struct node *n, unsigned *ret_status, const uint8_t **ret_body, size_t *ret_len)
{
        const uint8_t *end = memmem(n->in.p, n->in.len, "\r\n\r\n", 4);
        const char *length;
        char head[HEAD_MAX];
        size_t k;

        if (!end)
                return n->in.len < HEAD_MAX ? 0 : -1;
        k = (size_t)(end - n->in.p);
        if (k >= sizeof(head))
                return -1;
        memcpy(head, n->in.p, k);
        head[k] = '\0';
        length = strcasestr(head, "\r\ncontent-length:");
        if (!length || sscanf(head, "HTTP/1.1 %u", ret_status) != 1)
                return -1;
        *ret_body = end + 4;
        *ret_len = strtoul(length + 17, NULL, 10);
        if (n->in.len - k - 4 > *ret_len || *ret_len > WIRE_VERDICT_MAX)
                return -1;
        return n->in.len - k - 4 == *ret_len;
}

static void hear(struct node *n)
{
        static uint8_t room[32768];
        int k = SSL_read(n->ssl, room, sizeof(room));
        struct verdict v = {0};
        char err[JTAB_ERR];
        const uint8_t *body;
        unsigned status = 0;
        size_t len = 0;
        int r;

        if (k <= 0) {
                if (!wait_on(n, k))
                        fleet_lost(n, n->stage == S_HEAR ? "lost before the answer" : "lost afterwards");
                return;
        }
        n->in.p = realloc(n->in.p, n->in.len + (size_t)k);
        if (!n->in.p)
                abort();
        memcpy(n->in.p + n->in.len, room, (size_t)k);
        n->in.len += (size_t)k;
        r = whole(n, &status, &body, &len);
        if (r == 0)
                return;
        if (n->stage != S_HEAR) {
                tally_code("an answer to no question");
                fleet_lost(n, "unreadable answer");
        } else if (opt.bare && r > 0 && status == 200) {
                fleet_answered(n);
        } else if (opt.bare || r < 0 || wire_verdict_parse(body, len, &v, err) < 0 || wire_verdict_status(v.kind) != status) {
                fleet_lost(n, "unreadable answer");
        } else {
                buf_wipe(&n->in);
                fleet_verdict(n, &v);
        }
        verdict_wipe(&v);
}

void link_ready(struct node *n, uint32_t events)
{
        (void)events;
        switch (n->stage) {
        case S_CONNECT:
                connected(n);
                if (n->stage != S_TLS)
                        break;
                /* fallthrough */
        case S_TLS:
                shake(n);
                break;
        case S_SEND:
                send_more(n);
                break;
        case S_HEAR:
        case S_PAUSE:
        case S_HOLD:
                hear(n);
                break;
        default:
                break;
        }
}
