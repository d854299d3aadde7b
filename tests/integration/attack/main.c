/* SPDX-License-Identifier: Apache-2.0 */
/* attack NAME --boot PORT --attest PORT [--connections N] [--addresses N]
 *        [--first 127.1.0.1] [--dial N] [--path /image/FILE] [--seconds N]
 * attack --list
 *
 * Prints `in effect` once every slot has been dialled and a second has
 * passed, then each second what it holds and has done. Ends with SIGTERM. */
#include "attack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 1024

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static struct {
        const struct attack *a;
        struct target t;
        struct conn *conns;
        SSL_CTX *ctx;
        int ep;
        unsigned on;      /* connections that have come through */
        unsigned dialled; /* ever */
        unsigned ended;   /* by the other side */
        double tokens;
} st;

static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
        (void)sig;
        stopping = 1;
}

static int64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

long conn_write(struct conn *c, const void *p, size_t n)
{
        long k = c->ssl ? SSL_write(c->ssl, p, (int)n) : (long)send(c->fd, p, n, MSG_NOSIGNAL);

        if (k > 0)
                return k;
        if (c->ssl) {
                int e = SSL_get_error(c->ssl, (int)k);

                return e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ ? 0 : -1;
        }
        return errno == EAGAIN ? 0 : -1;
}

long conn_read(struct conn *c, void *p, size_t n)
{
        long k = c->ssl ? SSL_read(c->ssl, p, (int)n) : (long)recv(c->fd, p, n, 0);

        if (k > 0)
                return k;
        if (c->ssl) {
                int e = SSL_get_error(c->ssl, (int)k);

                return e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ ? 0 : -1;
        }
        return k < 0 && errno == EAGAIN ? 0 : -1;
}

static void hang_up(struct conn *c, int64_t later)
{
        if (c->stage == S_ON)
                st.on--;
        SSL_free(c->ssl);
        if (c->fd >= 0)
                (void)close(c->fd);
        c->ssl = NULL;
        c->fd = -1;
        c->stage = S_NONE;
        c->sent = c->step = 0;
        c->next = later;
}

static void dial(struct conn *c, int64_t now)
{
        struct sockaddr_in from = { .sin_family = AF_INET };
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
        struct linger off = { .l_onoff = 1 };
        int one = 1;
        int least = 2048;

        from.sin_addr.s_addr = htonl(st.t.first + c->number % st.t.addresses);
        to.sin_port = htons((uint16_t)(st.a->how == PLAIN ? st.t.boot : st.t.attest));
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0) {
                perror("socket");
                exit(1);
        }
        (void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
        if (st.a->small)
                (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
        if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
            (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
            epoll_ctl(st.ep, EPOLL_CTL_ADD, c->fd, &ev) < 0) {
                hang_up(c, now + 1000);
                return;
        }
        c->stage = S_CONNECT;
        c->next = now + 10000;
        st.dialled++;
}

static void act(struct conn *c, int64_t now)
{
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
        int ms = st.a->act(c, &st.t);

        if (ms == AGAIN) {
                hang_up(c, now);
                return;
        }
        c->next = ms >= 0 ? now + ms : INT64_MAX;
        if (ms == NEVER || st.a->small)
                ev.events = 0;
        (void)epoll_ctl(st.ep, EPOLL_CTL_MOD, c->fd, &ev);
}

static void event(struct conn *c, uint32_t events, int64_t now)
{
        char junk[16384];
        int r;

        if (c->stage == S_CONNECT && (events & (EPOLLERR | EPOLLHUP)) == 0) {
                c->stage = S_TLS;
                if (st.a->how == TLS) {
                        c->ssl = SSL_new(st.ctx);
                        (void)SSL_set_fd(c->ssl, c->fd);
                        SSL_set_connect_state(c->ssl);
                }
        }
        if (c->stage == S_TLS) {
                r = c->ssl ? SSL_do_handshake(c->ssl) : 1;
                if (r == 1) {
                        c->stage = S_ON;
                        st.on++;
                        act(c, now);
                        return;
                }
                r = SSL_get_error(c->ssl, r);
                if (r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE) {
                        struct epoll_event ev = { .events = r == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT, .data.ptr = c };

                        (void)epoll_ctl(st.ep, EPOLL_CTL_MOD, c->fd, &ev);
                        return;
                }
        } else if (c->stage == S_ON && (events & (EPOLLERR | EPOLLHUP)) == 0) {
                long k = conn_read(c, junk, sizeof(junk));

                if (k >= 0)
                        return;
        }
        st.ended++;
        hang_up(c, now + 100);
}

static void slots(int64_t now)
{
        for (unsigned i = 0; i < st.t.connections; i++) {
                struct conn *c = &st.conns[i];

                if (now < c->next)
                        continue;
                if (c->stage == S_ON) {
                        act(c, now);
                } else if (c->stage != S_NONE) {
                        hang_up(c, now);
                } else if (st.tokens >= 1) {
                        st.tokens -= 1;
                        dial(c, now);
                }
        }
}

static void run(int64_t seconds)
{
        struct epoll_event ev[EVENTS];
        int64_t start = now_ms();
        int64_t last = start;
        int64_t shown = start;
        int64_t full = 0;

        while (!stopping) {
                int n = epoll_wait(st.ep, ev, EVENTS, 5);
                int64_t now = now_ms();

                if (seconds > 0 && now - start > seconds * 1000)
                        break;
                for (int i = 0; i < n; i++) {
                        struct conn *c = ev[i].data.ptr;

                        if (c->fd >= 0)
                                event(c, ev[i].events, now);
                }
                st.tokens += (double)(now - last) / 1000 * st.t.dial;
                if (st.tokens > st.t.dial)
                        st.tokens = st.t.dial;
                if (now != last)
                        slots(now);
                last = now;
                if (full == 0 && st.dialled >= st.t.connections)
                        full = now;
                if (full > 0 && now - full > 1000) {
                        printf("in effect\n");
                        full = INT64_MAX;
                }
                if (now - shown >= 1000) {
                        printf("on %u dialled %u ended %u\n", st.on, st.dialled, st.ended);
                        shown = now;
                }
        }
}

static int list(void)
{
        for (const struct attack *a = attacks; a->name; a++)
                printf("%-16s %s\n", a->name, a->what);
        return 0;
}

int main(int argc, char **argv)
{
        static const struct option longs[] = {
                { "boot", 1, NULL, 'b' },    { "attest", 1, NULL, 'a' }, { "connections", 1, NULL, 'n' },
                { "addresses", 1, NULL, 'd' }, { "first", 1, NULL, 'f' },  { "dial", 1, NULL, 'r' },
                { "path", 1, NULL, 'p' },    { "seconds", 1, NULL, 's' }, { "list", 0, NULL, 'l' }, { NULL, 0, NULL, 0 },
        };
        struct rlimit l;
        int64_t seconds = 0;
        int o;

        setlinebuf(stdout);
        st.t = (struct target){ .connections = 100, .addresses = 1, .first = 0x7f010001, .dial = 2000, .path = "/" };
        while ((o = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
                switch (o) {
                case 'b': st.t.boot = (unsigned)atoi(optarg); break;
                case 'a': st.t.attest = (unsigned)atoi(optarg); break;
                case 'n': st.t.connections = (unsigned)atoi(optarg); break;
                case 'd': st.t.addresses = (unsigned)atoi(optarg); break;
                case 'f': st.t.first = ntohl(inet_addr(optarg)); break;
                case 'r': st.t.dial = (unsigned)atoi(optarg); break;
                case 'p': st.t.path = optarg; break;
                case 's': seconds = atoi(optarg); break;
                case 'l': return list();
                default: return 2;
                }
        }
        if (optind != argc - 1 || !(st.a = attack_find(argv[optind])) || st.t.addresses == 0)
                return 2;
        (void)signal(SIGTERM, on_signal);
        (void)signal(SIGPIPE, SIG_IGN);
        if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
                l.rlim_cur = l.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &l);
        }
        st.ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(st.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        st.conns = calloc(st.t.connections, sizeof(*st.conns));
        st.ep = epoll_create1(EPOLL_CLOEXEC);
        if (!st.ctx || !st.conns || st.ep < 0)
                return 1;
        for (unsigned i = 0; i < st.t.connections; i++) {
                st.conns[i].fd = -1;
                st.conns[i].number = i;
        }
        run(seconds);
        printf("done: on %u dialled %u ended %u\n", st.on, st.dialled, st.ended);
        return 0;
}
