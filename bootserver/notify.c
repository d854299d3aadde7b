/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#define INTERVAL_MAX 5

/* systemd's socket; -1: nobody asked */
static int notify_fd = -1;
/* how often it wants to hear of us, in microseconds; 0: it does not */
static uint64_t watchdog;

static uint64_t watchdog_us(void)
{
        const char *us = getenv("WATCHDOG_USEC");
        const char *pid = getenv("WATCHDOG_PID");

        if (!us || (pid && strtol(pid, NULL, 10) != (long)getpid()))
                return 0;
        return strtoull(us, NULL, 10);
}

void notify_open(void)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un sun = { .sun_family = AF_UNIX };
        size_t n = path ? strlen(path) : 0;

        if (n == 0 || n >= sizeof(sun.sun_path) || (path[0] != '/' && path[0] != '@'))
                return;
        watchdog = watchdog_us();
        memcpy(sun.sun_path, path, n);
        if (path[0] == '@')
                sun.sun_path[0] = '\0';
        notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (notify_fd >= 0 &&
            connect(notify_fd, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
                log_warn("cannot reach systemd's socket %s: %s", path, strerror(errno));
}

void notify(const char *state)
{
        if (notify_fd >= 0)
                (void)send(notify_fd, state, strlen(state), MSG_NOSIGNAL);
}

unsigned notify_interval(void)
{
        uint64_t half = watchdog / 2000000;

        if (watchdog == 0 || half > INTERVAL_MAX)
                return INTERVAL_MAX;
        return half == 0 ? 1 : (unsigned)half;
}

void notify_alive(struct server *srv)
{
        uint8_t head[DIGEST_LEN];
        uint64_t seq = 0;
        uint64_t lost;
        uint64_t ticket;

        if (watchdog == 0)
                return;
        catalog_write(srv->catalog);
        catalog_done(srv->catalog);
        /* what it says matters to requests; here, that it says something */
        (void)srv->store->ops->event_head(srv->store, &seq, head);
        (void)srv->store->ops->sync(srv->store, &lost, &ticket);
        notify("WATCHDOG=1");
}
