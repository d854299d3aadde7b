/* SPDX-License-Identifier: Apache-2.0 */
#include "fair_impl.h"

#include "mem.h"

#include <netinet/in.h>
#include <openssl/rand.h>

#define TABLE 16384 /* a power of two */

/* True: it has a /64 around it, ret_net. */
static bool key_of(const struct sockaddr *from, uint8_t ret[FAIR_KEY], uint8_t ret_net[FAIR_KEY])
{
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)from;
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)from;

        memset(ret, 0, FAIR_KEY);
        memset(ret_net, 0, FAIR_KEY);
        if (from->sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
                memcpy(ret, &six->sin6_addr, 16);
                memcpy(ret_net, &six->sin6_addr, 8);
                ret_net[16] = 1; /* 2001:db8::/64 is not 2001:db8:: */
                return true;
        }
        ret[10] = ret[11] = 0xff;
        if (from->sa_family == AF_INET)
                memcpy(ret + 12, &four->sin_addr, 4);
        else if (from->sa_family == AF_INET6)
                memcpy(ret + 12, (const uint8_t *)&six->sin6_addr + 12, 4);
        return false;
}

/* Salted, so that nobody can choose addresses that share a chain. */
static size_t slot(const struct fair *f, const uint8_t key[FAIR_KEY])
{
        uint64_t w[2];
        uint64_t h;

        memcpy(w, key, 16);
        h = (w[0] ^ f->salt[0]) * 0x9e3779b97f4a7c15u;
        h = ((h ^ (h >> 29)) + (w[1] ^ f->salt[1])) * 0xbf58476d1ce4e5b9u;
        h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
        return (size_t)(h >> 33) & (TABLE - 1);
}

int groups_new(struct fair *f)
{
        f->table = calloc(TABLE, sizeof(struct fair_group *));
        if (!f->table)
                return -ENOMEM;
        return RAND_bytes((unsigned char *)f->salt, sizeof(f->salt)) == 1 ? 0 : -EIO;
}

static void unchain(struct fair *f, struct fair_group *g)
{
        struct fair_group **p = &f->table[slot(f, g->key)];

        while (*p && *p != g)
                p = &(*p)->chain;
        if (*p)
                *p = g->chain;
        free(g);
}

/* A /64's record lives as long as one of an address in it. */
static void forget(struct fair *f, struct fair_group *g)
{
        struct fair_group *net = g->net;

        unchain(f, g);
        if (net && --net->refs == 0)
                unchain(f, net);
}

void groups_free(struct fair *f)
{
        for (size_t i = 0; f->table && i < TABLE; i++)
                for (struct fair_group *g = f->table[i], *next; g; g = next) {
                        next = g->chain;
                        free(g);
                }
        free(f->table);
}

static void idle_remove(struct fair *f, struct fair_group *g)
{
        struct idle *l = &f->idle[g->known];

        *(g->idle_prev ? &g->idle_prev->idle_next : &l->first) = g->idle_next;
        *(g->idle_next ? &g->idle_next->idle_prev : &l->last) = g->idle_prev;
        g->idle_prev = g->idle_next = NULL;
        l->n--;
}

static void idle_add(struct fair *f, struct fair_group *g)
{
        struct idle *l = &f->idle[g->known];

        g->idle_prev = l->last;
        *(l->last ? &l->last->idle_next : &l->first) = g;
        l->last = g;
        l->n++;
}

static void forget_one(struct fair *f)
{
        struct fair_group *g = f->idle[0].first ? f->idle[0].first : f->idle[1].first;

        idle_remove(f, g);
        forget(f, g);
}

static struct fair_group *find(const struct fair *f, const uint8_t key[FAIR_KEY])
{
        for (struct fair_group *g = f->table[slot(f, key)]; g; g = g->chain)
                if (memcmp(g->key, key, FAIR_KEY) == 0)
                        return g;
        return NULL;
}

/* With all the tokens that `times` addresses may save up. */
static struct fair_group *make(struct fair *f, const uint8_t key[FAIR_KEY], int64_t times, int64_t now)
{
        struct fair_group *g = calloc(1, sizeof(*g));
        size_t i = slot(f, key);

        if (!g)
                return NULL;
        memcpy(g->key, key, FAIR_KEY);
        g->work.all = (struct tokens){ times * f->limits.rate_address * FAIR_BURST * 1000, now };
        g->work.seldom = (struct tokens){ times * seldom_rate(f) * FAIR_BURST * 1000, now };
        for (unsigned s = 0; s < FAIR_SIDES; s++)
                g->side[s].come = g->work;
        g->chain = f->table[i];
        f->table[i] = g;
        return g;
}

struct fair_group *group_get(struct fair *f, const struct sockaddr *from, int64_t now)
{
        uint8_t key[FAIR_KEY];
        uint8_t net_key[FAIR_KEY];
        bool has_net = key_of(from, key, net_key);
        struct fair_group *g = find(f, key);
        struct fair_group *net;

        if (g)
                return g;
        if (f->idle[0].n + f->idle[1].n >= FAIR_REMEMBERED)
                forget_one(f);
        net = has_net ? find(f, net_key) : NULL;
        if (has_net && !net)
                net = make(f, net_key, FAIR_NET, now);
        if (has_net && !net)
                return NULL;
        g = make(f, key, 1, now);
        if (!g) {
                if (net && net->refs == 0)
                        unchain(f, net);
                return NULL;
        }
        g->net = net;
        if (net)
                net->refs++;
        idle_add(f, g);
        return g;
}

void group_hold(struct fair *f, struct fair_group *g)
{
        if (g->refs++ == 0)
                idle_remove(f, g);
}

void group_drop(struct fair *f, struct fair_group *g)
{
        if (--g->refs > 0)
                return;
        if (f->idle[0].n + f->idle[1].n >= FAIR_REMEMBERED)
                forget_one(f);
        idle_add(f, g);
}

void group_rank(struct fair *f, struct fair_group *g, unsigned lane)
{
        struct lane *l = &g->lane[lane];
        unsigned n = l->open < BUCKETS ? l->open : BUCKETS - 1;
        struct rank *want = n == 0 ? NULL : &f->ranks[lane][g->known][n];

        if (l->rank == want)
                return;
        if (l->rank) {
                *(l->prev ? &l->prev->lane[lane].next : &l->rank->first) = l->next;
                *(l->next ? &l->next->lane[lane].prev : &l->rank->last) = l->prev;
        }
        l->rank = want;
        l->prev = l->next = NULL;
        if (!want)
                return;
        l->prev = want->last;
        *(want->last ? &want->last->lane[lane].next : &want->first) = g;
        want->last = g;
}
