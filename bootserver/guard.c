/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "crowd.h"
#include "mem.h"

#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>

#define TICK_MS 1000

struct guard {
        pthread_mutex_t lock;
        pthread_cond_t cond;
        pthread_t thread;
        struct fair *fair;
        struct metrics *metrics;
        int64_t timeout; /* ms */
        uint64_t min_rate;
        struct crowd crowd;
        bool stopping;
};

static int64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- with the lock held ------------------------------------------------------ */

/* What is queued for it goes too: the kernel holds nothing for a peer that
 * does not read. libmicrohttpd sees the end, and closes. */
static void cut(struct fair_conn *c)
{
        struct linger off = { .l_onoff = 1 };

        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
        (void)shutdown(c->fd, SHUT_RDWR);
}

static void drop(struct guard *g, struct fair_conn *c, enum metric why)
{
        fair_doom(g->fair, c);
        cut(c);
        metric_add(g->metrics, why, 1);
}

static void count(struct guard *g)
{
        metric_set(g->metrics, M_OPEN_BOOT, fair_count(g->fair, 0));
        metric_set(g->metrics, M_OPEN_ATTEST, fair_count(g->fair, 1));
}

/* Bytes that the peer has, and whether some are on their way. */
static bool progress(int fd, uint64_t *ret_acked, bool *ret_more)
{
        struct tcp_info info = { 0 };
        socklen_t n = sizeof(info);

        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0 ||
            n < offsetof(struct tcp_info, tcpi_notsent_bytes) + sizeof(info.tcpi_notsent_bytes))
                return false;
        *ret_acked = info.tcpi_bytes_acked;
        *ret_more = info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0;
        return true;
}

/* Does the peer take what it asked for? What it takes at once counts for up
 * to four times `timeout`: a receiver's kernel takes megabytes, and then
 * nothing until its program has read a good part of them. */
static bool reads(struct guard *g, struct fair_conn *c, int64_t now, bool *ret_more)
{
        int64_t earned = g->timeout;
        uint64_t acked = 0;

        *ret_more = true;
        if (c->looked != 0 && now < c->due)
                return true;
        if (!progress(c->fd, &acked, ret_more))
                return false;
        if (c->looked != 0) {
                uint64_t bytes = acked - c->acked;

                if (bytes * 1000 < g->min_rate * (uint64_t)(now - c->looked))
                        return false;
                fair_phase(g->fair, c, c->phase, now);
                if (g->min_rate == 0 || bytes / g->min_rate >= 4 * (uint64_t)g->timeout / 1000)
                        earned = 4 * g->timeout;
                else if ((int64_t)(bytes * 1000 / g->min_rate) > earned)
                        earned = (int64_t)(bytes * 1000 / g->min_rate);
        }
        c->acked = acked;
        c->looked = now;
        c->due = now + earned;
        return true;
}

static void look_at(struct guard *g, struct fair_conn *c, int64_t now)
{
        bool late = now - c->since > g->timeout;
        bool more = false;

        if (c->doomed || c->phase == FAIR_WORK || c->phase == FAIR_QUEUE)
                return;
        if (c->phase == FAIR_BODY && late)
                drop(g, c, M_DROP_BODY);
        else if (c->phase == FAIR_SEND && !reads(g, c, now, &more))
                drop(g, c, M_DROP_READER);
        else if (c->phase == FAIR_WAIT && late && !(reads(g, c, now, &more) && more))
                drop(g, c, M_DROP_HEADER);
}

static void *watch(void *arg)
{
        struct guard *g = arg;

        (void)pthread_mutex_lock(&g->lock);
        while (!g->stopping) {
                int64_t now = now_ms();
                int64_t next = now + TICK_MS;
                struct timespec t = { next / 1000, next % 1000 * 1000000 };

                for (unsigned side = 0; side < FAIR_SIDES; side++)
                        for (struct fair_conn *c = fair_first(g->fair, side); c; c = c->all_next)
                                look_at(g, c, now);
                count(g);
                if (crowd_left(&g->crowd, fair_count(g->fair, 0) + fair_count(g->fair, 1))) {
                        (void)pthread_mutex_unlock(&g->lock);
                        (void)malloc_trim(0);
                        (void)pthread_mutex_lock(&g->lock);
                }
                if (g->stopping)
                        break;
                (void)pthread_cond_timedwait(&g->cond, &g->lock, &t);
        }
        (void)pthread_mutex_unlock(&g->lock);
        return NULL;
}

/* ---- for the other threads ----------------------------------------------------- */

bool guard_acked(int fd, uint64_t *ret)
{
        bool more;

        return progress(fd, ret, &more);
}

int guard_start(const struct conf *conf, struct metrics *metrics, struct guard **ret)
{
        struct fair_limits limits = { { conf->boot_connections, conf->max_connections }, conf->max_per_address,
                                      conf->rate_address, conf->rate_strangers, { false, true } };
        struct guard *g = calloc(1, sizeof(*g));
        pthread_condattr_t attr;
        int r;

        if (!g)
                return -ENOMEM;
        g->metrics = metrics;
        g->timeout = (int64_t)conf->timeout * 1000;
        g->min_rate = conf->min_rate;
        r = fair_new(&limits, &g->fair);
        if (r < 0) {
                free(g);
                return r;
        }
        (void)pthread_mutex_init(&g->lock, NULL);
        (void)pthread_condattr_init(&attr);
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&g->cond, &attr);
        (void)pthread_condattr_destroy(&attr);
        r = pthread_create(&g->thread, NULL, watch, g);
        if (r != 0) {
                fair_free(g->fair);
                free(g);
                return -r;
        }
        *ret = g;
        return 0;
}

void guard_free(struct guard *g)
{
        if (!g)
                return;
        (void)pthread_mutex_lock(&g->lock);
        g->stopping = true;
        (void)pthread_cond_signal(&g->cond);
        (void)pthread_mutex_unlock(&g->lock);
        (void)pthread_join(g->thread, NULL);
        (void)pthread_cond_destroy(&g->cond);
        (void)pthread_mutex_destroy(&g->lock);
        fair_free(g->fair);
        free(g);
}

bool guard_admit(struct guard *g, unsigned side, const struct sockaddr *from)
{
        static const enum metric why[] = {
                [FAIR_TOO_FAST] = M_DROP_RATE, [FAIR_TOO_MANY] = M_DROP_ADDRESS, [FAIR_FULL] = M_DROP_FULL,
        };
        struct fair_conn *victim = NULL;
        enum fair_answer a;

        (void)pthread_mutex_lock(&g->lock);
        a = fair_admit(g->fair, from, side, now_ms(), &victim);
        if (victim)
                cut(victim);
        (void)pthread_mutex_unlock(&g->lock);
        if (victim)
                metric_add(g->metrics, M_DROP_EVICTED, 1);
        if (a != FAIR_COME)
                metric_add(g->metrics, why[a], 1);
        return a == FAIR_COME;
}

int guard_open(struct guard *g, struct fair_conn *c, unsigned side, const struct sockaddr *from, int fd)
{
        int r;

        (void)pthread_mutex_lock(&g->lock);
        r = fair_add(g->fair, c, from, side, fd, now_ms());
        count(g);
        (void)pthread_mutex_unlock(&g->lock);
        return r;
}

void guard_close(struct guard *g, struct fair_conn *c)
{
        (void)pthread_mutex_lock(&g->lock);
        fair_remove(g->fair, c);
        count(g);
        (void)pthread_mutex_unlock(&g->lock);
}

void guard_fd(struct guard *g, struct fair_conn *c, int fd)
{
        (void)pthread_mutex_lock(&g->lock);
        c->fd = fd;
        if (c->doomed)
                cut(c);
        (void)pthread_mutex_unlock(&g->lock);
}

enum fair_class guard_queue(struct guard *g, struct fair_conn *c)
{
        enum fair_class k;

        (void)pthread_mutex_lock(&g->lock);
        if (!c->doomed)
                fair_phase(g->fair, c, FAIR_QUEUE, now_ms());
        k = fair_class(c);
        (void)pthread_mutex_unlock(&g->lock);
        return k;
}

bool guard_turn(struct guard *g, struct fair_conn *c)
{
        bool yes;

        (void)pthread_mutex_lock(&g->lock);
        yes = c->doomed || fair_turn(g->fair, c, now_ms());
        (void)pthread_mutex_unlock(&g->lock);
        return yes;
}

bool guard_stalled(struct guard *g, const struct fair_conn *c, unsigned ms)
{
        struct tcp_info info = { 0 };
        socklen_t n = sizeof(info);
        int unread = 0;
        bool yes;

        (void)pthread_mutex_lock(&g->lock);
        yes = c->fd >= 0 && c->phase != FAIR_WORK && ioctl(c->fd, FIONREAD, &unread) == 0 &&
              unread == 0 && getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_last_data_recv >= ms;
        (void)pthread_mutex_unlock(&g->lock);
        return yes;
}

void guard_phase(struct guard *g, struct fair_conn *c, enum fair_phase phase)
{
        bool more;

        (void)pthread_mutex_lock(&g->lock);
        if (!c->doomed)
                fair_phase(g->fair, c, phase, now_ms());
        if (c->group && phase == FAIR_SEND && progress(c->fd, &c->acked, &more)) {
                c->looked = c->since;
                c->due = c->since + g->timeout;
        }
        (void)pthread_mutex_unlock(&g->lock);
}

void guard_known(struct guard *g, struct fair_conn *c)
{
        (void)pthread_mutex_lock(&g->lock);
        fair_known(g->fair, c);
        (void)pthread_mutex_unlock(&g->lock);
}

bool guard_work(struct guard *g, struct fair_conn *c, unsigned cost, bool stranger)
{
        bool ok;

        (void)pthread_mutex_lock(&g->lock);
        ok = fair_spend(g->fair, c, cost, stranger, now_ms());
        (void)pthread_mutex_unlock(&g->lock);
        if (!ok)
                metric_add(g->metrics, M_DROP_WORK, 1);
        return ok;
}

void guard_charge(struct guard *g, struct fair_conn *c, unsigned cost)
{
        (void)pthread_mutex_lock(&g->lock);
        fair_charge(g->fair, c, cost, now_ms());
        (void)pthread_mutex_unlock(&g->lock);
}

bool guard_body(struct guard *g, struct fair_conn *c, size_t bytes, bool full)
{
        struct fair_conn *hog = NULL;
        bool ok;

        (void)pthread_mutex_lock(&g->lock);
        if (full)
                hog = fair_hog(g->fair, c);
        if (hog)
                drop(g, hog, M_DROP_MEMORY);
        ok = !c->doomed && (hog || !full);
        if (ok)
                fair_body(c, bytes);
        (void)pthread_mutex_unlock(&g->lock);
        return ok;
}
