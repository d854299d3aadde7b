/* SPDX-License-Identifier: Apache-2.0 */
/* Who dials when, and what a node does next: as initramfs/boot.c and attest.c,
 * next parent at once, then a wait (backoff.h). */
#include "storm.h"

#include <math.h>
#include <openssl/rand.h>
#include <sys/epoll.h>
#include <time.h>

#define EVENTS 1024
#define DIALS 32 /* that go on in a turn, after what the others have to say */
#define TURN_US 5000 /* how often all nodes are looked over */

int fleet_epoll = -1;

static unsigned left; /* neither done nor given up */

int64_t now_us(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint32_t random_bits(void)
{
        uint32_t r = 0;

        (void)RAND_bytes((unsigned char *)&r, sizeof(r));
        return r;
}

static double uniform(void) /* 0 < x <= 1 */
{
        return ((double)random_bits() + 1) / 4294967296.0;
}

static void finish(struct node *n, enum stage stage)
{
        if (n->stage != S_DONE && n->stage != S_GIVEN_UP && n->stage != S_HOLD)
                left--;
        n->stage = stage;
}

static void try_later(struct node *n)
{
        link_close(n);
        n->parent = 0;
        n->stage = S_LATER;
        n->due = now_us() + backoff_next(&n->backoff, n->told, random_bits()) * 1000;
        n->told = 0;
}

static void fail_over(struct node *n)
{
        if (n->parent + 1 >= opt.n_parents) {
                try_later(n);
                return;
        }
        link_close(n);
        n->parent++;
        n->stage = S_LATER;
        n->due = 0;
}

void fleet_lost(struct node *n, const char *code)
{
        if (n->foe) {
                foe_lost(n);
                return;
        }
        if (n->stage == S_HOLD) {
                link_close(n);
                n->stage = S_DONE;
                return;
        }
        tally_code(code);
        fail_over(n);
}

static void released(struct node *n, const struct verdict *v)
{
        int64_t now = now_us();

        if (!same_bytes(v->node, DIGEST_LEN, n->id, DIGEST_LEN)) {
                fleet_lost(n, "E-PARENT");
                return;
        }
        if (++n->oks > 1)
                tally_code("released twice");
        (void)snprintf(n->boot, sizeof(n->boot), "%s", v->boot);
        tally_release(n, now);
        finish(n, opt.hold > 0 ? S_HOLD : S_DONE);
        n->due = now + (int64_t)(opt.hold * 1e6);
        if (opt.hold <= 0)
                link_close(n);
}

void fleet_answered(struct node *n)
{
        struct verdict v = {.kind = VERDICT_OK};

        memcpy(v.node, n->id, DIGEST_LEN);
        released(n, &v);
}

void fleet_verdict(struct node *n, struct verdict *v)
{
        if (n->foe) {
                foe_verdict(n, v);
                return;
        }
        switch (v->kind) {
        case VERDICT_OK:
                released(n, v);
                break;
        case VERDICT_CHALLENGE:
                n->asks--; /* that one released nothing */
                link_post(n, "/v2/activate", tpm_secret(n, v));
                break;
        case VERDICT_PENDING:
                tally_code("pending");
                n->stage = S_PAUSE;
                n->due = now_us() + backoff_jitter(v->retry_after > 0 ? v->retry_after * 1000 : 1000, random_bits()) * 1000;
                break;
        case VERDICT_BUSY:
                tally_code(v->code);
                n->told = v->retry_after * 1000;
                fail_over(n);
                break;
        default:
                tally_code(v->code);
                if (opt.once) {
                        link_close(n);
                        finish(n, S_GIVEN_UP);
                } else {
                        n->told = v->retry_after * 1000;
                        try_later(n);
                }
        }
}

/* ---- arrivals ----------------------------------------------------------------- */

static void arrivals(int64_t start)
{
        double at = 0;

        for (unsigned i = 0; i < opt.n; i++) {
                struct node *n = &fleet[i];

                if (opt.arrival.how == POISSON)
                        at -= log(uniform()) / opt.arrival.rate;
                else if (opt.arrival.how == WAVES)
                        at = i / opt.arrival.size * opt.arrival.interval;
                n->fd = -1;
                n->stage = S_LATER;
                n->due = n->arrived = start + (int64_t)(at * 1e6);
        }
        left = opt.n;
        for (unsigned i = opt.n; i < opt.n + opt.foes; i++) {
                fleet[i].fd = -1;
                fleet[i].stage = S_LATER;
                fleet[i].due = start;
        }
}

static void look(struct node *n, int64_t now)
{
        static const char *const late[] = {
                [S_CONNECT] = "no connection in 5 s", [S_TLS] = "no handshake in time", [S_SEND] = "no answer in 60 s",
                [S_HEAR] = "no answer in 60 s"};

        if (n->due > now)
                return;
        if (n->foe == F_DRIP && n->stage == S_SEND) {
                foe_drips(n);
                return;
        }
        switch (n->stage) {
        case S_LATER:
                link_dial(n);
                break;
        case S_PAUSE:
                link_ask(n);
                break;
        case S_HOLD:
                link_close(n);
                n->stage = S_DONE;
                break;
        case S_DONE:
        case S_GIVEN_UP:
                break;
        default:
                fleet_lost(n, late[n->stage]);
        }
}

/* The last to be released is the last to leave. */
static bool held(void)
{
        return opt.hold > 0 && tally.released > 0 && now_us() < tally.end + (int64_t)(opt.hold * 1e6);
}

/* Machines of their own do not wait for those that only begin. */
static void hear_all(const struct epoll_event *ev, int n)
{
        int dials = 0;

        for (int i = 0; i < n; i++) {
                struct node *d = ev[i].data.ptr;

                if (d->fd >= 0 && d->stage != S_CONNECT)
                        link_ready(d, ev[i].events);
        }
        for (int i = 0; i < n; i++) {
                struct node *d = ev[i].data.ptr;

                if (d->fd < 0 || d->stage != S_CONNECT)
                        continue;
                if (dials++ < DIALS)
                        link_ready(d, ev[i].events);
                else if (ev[i].events == EPOLLOUT)
                        d->due = INT64_MAX; /* it has its connection, and waits for us */
        }
}

int fleet_run(void)
{
        struct epoll_event ev[EVENTS];
        int64_t turn = 0;

        fleet_epoll = epoll_create1(EPOLL_CLOEXEC);
        if (fleet_epoll < 0)
                return -errno;
        tally_init();
        arrivals(tally.start);
        while ((left > 0 || held()) && now_us() - tally.start < (int64_t)(opt.limit * 1e6)) {
                int n = epoll_wait(fleet_epoll, ev, EVENTS, 2);
                int64_t began = now_us();
                int64_t now;

                hear_all(ev, n);
                tally_turn(began, now = now_us());
                tally_sample(now);
                if (now - turn < TURN_US)
                        continue;
                turn = now;
                for (unsigned i = 0; i < opt.n + opt.foes; i++)
                        look(&fleet[i], now);
        }
        for (unsigned i = 0; i < opt.n + opt.foes; i++)
                if (fleet[i].fd >= 0)
                        link_close(&fleet[i]);
        return 0;
}
