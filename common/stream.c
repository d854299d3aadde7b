/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

int64_t stream_now_ms(void)
{
        struct timespec t = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int stream_wait(struct stream *s, short events)
{
        int64_t start = stream_now_ms();
        int64_t end = start + s->idle_ms;

        if (s->deadline && s->deadline < end)
                end = s->deadline;
        for (;;) {
                struct pollfd p = { .fd = s->fd, .events = events };
                int64_t now = stream_now_ms();
                int64_t left = end - now;
                int r;

                if (left <= 0)
                        return -ETIMEDOUT;
                if (s->notice && now - start >= s->notice_ms) {
                        void (*notice)(void *ctx) = s->notice;

                        s->notice = NULL;
                        notice(s->notice_ctx);
                } else if (s->notice && left > start + s->notice_ms - now) {
                        left = start + s->notice_ms - now;
                }
                r = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
                if (r > 0 && events == POLLIN && s->hurry_ms && !s->deadline)
                        s->deadline = stream_now_ms() + s->hurry_ms;
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
        }
}

static ssize_t sock_read(struct stream *s, void *p, size_t n)
{
        for (;;) {
                ssize_t k = recv(s->fd, p, n, 0);
                int r;

                if (k >= 0)
                        return k;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = stream_wait(s, POLLIN);
                if (r < 0)
                        return r;
        }
}

static ssize_t sock_write(struct stream *s, const void *p, size_t n)
{
        for (;;) {
                ssize_t k = send(s->fd, p, n, MSG_NOSIGNAL);
                int r;

                if (k >= 0)
                        return k;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = stream_wait(s, POLLOUT);
                if (r < 0)
                        return r;
        }
}

static void sock_close(struct stream *s)
{
        (void)close(s->fd);
        free(s);
}

static int sock_connect(const struct sockaddr *sa, socklen_t len, int connect_ms, struct stream **ret)
{
        _cleanup_(stream_freep) struct stream *s = calloc(1, sizeof(*s));
        socklen_t elen = sizeof(int);
        int err = 0;
        int one = 1;
        int fd;

        if (!s)
                return -ENOMEM;
        fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
                err = errno;
                free(take_ptr(s));
                return -err;
        }
        *s = (struct stream){ .read = sock_read, .write = sock_write, .close = sock_close, .fd = fd, .idle_ms = connect_ms };
        if (sa->sa_family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
                return -errno;
        if (connect(fd, sa, len) < 0) {
                int r;

                if (errno != EINPROGRESS)
                        return -errno;
                r = stream_wait(s, POLLOUT);
                if (r < 0)
                        return r;
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &elen) < 0)
                        return -errno;
                if (err)
                        return -err;
        }
        s->idle_ms = STREAM_IDLE_MS;
        *ret = take_ptr(s);
        return 0;
}

int stream_open_unix(const char *path, struct stream **ret)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof(un.sun_path))
                return -ENAMETOOLONG;
        memcpy(un.sun_path, path, strlen(path) + 1);
        return sock_connect((struct sockaddr *)&un, sizeof(un), STREAM_IDLE_MS, ret);
}

int stream_open_tcp(const char *ip, uint16_t port, int connect_ms, struct stream **ret)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

        if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
                return sock_connect((struct sockaddr *)&in, sizeof(in), connect_ms, ret);
        if (inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1)
                return sock_connect((struct sockaddr *)&in6, sizeof(in6), connect_ms, ret);
        return -EINVAL;
}

ssize_t stream_read(struct stream *s, void *p, size_t n)
{
        return s->read(s, p, n);
}

int stream_write_all(struct stream *s, const void *p, size_t n)
{
        const uint8_t *b = p;

        while (n > 0) {
                ssize_t k = s->write(s, b, n);

                if (k < 0)
                        return (int)k;
                if (k == 0)
                        return -EPIPE;
                b += k;
                n -= (size_t)k;
        }
        return 0;
}

void stream_free(struct stream *s)
{
        if (s)
                s->close(s);
}
