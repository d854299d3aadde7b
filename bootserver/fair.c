/* SPDX-License-Identifier: Apache-2.0 */
#include "fair_impl.h"

#include "mem.h"

int fair_new(const struct fair_limits *limits, struct fair **ret)
{
        struct fair *f = calloc(1, sizeof(*f));
        int r;

        if (!f)
                return -ENOMEM;
        f->limits = *limits;
        r = groups_new(f);
        if (r < 0) {
                fair_free(f);
                return r;
        }
        f->strangers_work.seldom.milli = (int64_t)limits->rate_strangers * FAIR_BURST * 1000;
        f->strangers_work.often = f->strangers_work.seldom;
        for (unsigned s = 0; s < FAIR_SIDES; s++)
                f->strangers[s] = f->strangers_work;
        *ret = f;
        return 0;
}

void fair_free(struct fair *f)
{
        if (!f)
                return;
        groups_free(f);
        free(f);
}

/* ---- tokens ---------------------------------------------------------------- */

static void refill(struct tokens *t, unsigned rate, int64_t now)
{
        int64_t full = (int64_t)rate * FAIR_BURST * 1000;
        int64_t passed = now - t->last;

        t->last = now;
        if (passed >= (int64_t)FAIR_BURST * 1000)
                t->milli = full;
        else if (passed > 0)
                t->milli += passed * (int64_t)rate;
        if (t->milli > full)
                t->milli = full;
}

unsigned seldom_rate(const struct fair *f)
{
        return f->limits.rate_address < 50 ? 1 : f->limits.rate_address / 50;
}

static void refill_purse(const struct fair *f, struct purse *p, unsigned times, int64_t now)
{
        refill(&p->all, times * f->limits.rate_address, now);
        refill(&p->seldom, times * seldom_rate(f), now);
}

/* From the address's, its /64's and the strangers' or from none; `net` and
 * `all` may be NULL. *ret_seldom: it had some of those too. */
static bool spend(struct fair *f, struct purse *own, struct purse *net, struct common *all, unsigned cost, int64_t now,
                  bool *ret_seldom)
{
        int64_t milli = (int64_t)cost * 1000;
        struct tokens *common = NULL;
        bool seldom;

        refill_purse(f, own, 1, now);
        if (net)
                refill_purse(f, net, FAIR_NET, now);
        seldom = own->seldom.milli >= milli && (!net || net->seldom.milli >= milli);
        if (all)
                common = seldom ? &all->seldom : &all->often;
        if (common)
                refill(common, f->limits.rate_strangers, now);
        if (own->all.milli < milli || (net && net->all.milli < milli) || (common && common->milli < milli))
                return false;
        for (struct purse *p = own; p; p = p == net ? NULL : net) {
                p->all.milli -= milli;
                if (seldom)
                        p->seldom.milli -= milli;
        }
        if (common)
                common->milli -= milli;
        *ret_seldom = seldom;
        return true;
}

/* The /64 that bounds it, or NULL. */
static struct fair_group *net_of(const struct fair_group *g)
{
        return g->known ? NULL : g->net;
}

enum fair_class fair_class(const struct fair_conn *c)
{
        if (fair_is_known(c))
                return FAIR_KNOWN;
        return c->seldom ? FAIR_SELDOM : FAIR_OFTEN;
}

bool fair_turn(struct fair *f, struct fair_conn *c, int64_t now)
{
        struct common *all = c->group && !c->group->known ? &f->strangers[c->side] : NULL;
        struct tokens *t = all && c->seldom ? &all->seldom : all ? &all->often : NULL;

        if (t) {
                refill(t, f->limits.rate_strangers, now);
                if (t->milli < 1000)
                        return false;
                t->milli -= 1000;
        }
        c->paid = FAIR_PAID;
        fair_phase(f, c, FAIR_WAIT, now);
        return true;
}

bool fair_spend(struct fair *f, struct fair_conn *c, unsigned cost, bool stranger, int64_t now)
{
        struct fair_group *g = c->group;
        bool paid = c->paid >= cost;
        struct fair_group *net = g ? net_of(g) : NULL;
        bool seldom;

        if (!g || !spend(f, &g->work, net ? &net->work : NULL, stranger && !g->known && !paid ? &f->strangers_work : NULL,
                         cost, now, &seldom))
                return false;
        c->paid -= paid ? cost : c->paid;
        return true;
}

static void owe(struct tokens *t, unsigned rate, unsigned cost, int64_t now)
{
        int64_t milli = (int64_t)cost * 1000;
        int64_t least = -(int64_t)rate * FAIR_BURST * 1000;

        refill(t, rate, now);
        t->milli = t->milli - milli > least ? t->milli - milli : least;
}

void fair_charge(struct fair *f, struct fair_conn *c, unsigned cost, int64_t now)
{
        struct fair_group *g = c->group;
        struct fair_group *net = g ? net_of(g) : NULL;

        if (!g)
                return;
        owe(&g->work.all, f->limits.rate_address, cost, now);
        owe(&g->work.seldom, seldom_rate(f), cost, now);
        if (!net)
                return;
        owe(&net->work.all, FAIR_NET * f->limits.rate_address, cost, now);
        owe(&net->work.seldom, FAIR_NET * seldom_rate(f), cost, now);
}

/* ---- the lists of one address ------------------------------------------------ */

static bool may_go(const struct fair_conn *c)
{
        return c->phase != FAIR_WORK && !c->doomed;
}

static unsigned lane_of(const struct fair_conn *c)
{
        return c->phase == FAIR_QUEUE ? QUEUED(c->side) : c->side;
}

static void unlist(struct fair *f, struct fair_conn *c)
{
        struct lane *l = &c->group->lane[lane_of(c)];

        *(c->prev ? &c->prev->next : &l->first) = c->next;
        *(c->next ? &c->next->prev : &l->last) = c->prev;
        c->prev = c->next = NULL;
        l->open--;
        group_rank(f, c->group, lane_of(c));
}

static void list(struct fair *f, struct fair_conn *c)
{
        struct lane *l = &c->group->lane[lane_of(c)];

        c->prev = l->last;
        c->next = NULL;
        *(l->last ? &l->last->next : &l->first) = c;
        l->last = c;
        l->open++;
        group_rank(f, c->group, lane_of(c));
}

int fair_add(struct fair *f, struct fair_conn *c, const struct sockaddr *from, unsigned side, int fd, int64_t now)
{
        struct fair_group *g = group_get(f, from, now);

        if (!g)
                return -ENOMEM;
        group_hold(f, g);
        c->group = g;
        c->fd = fd;
        c->side = side;
        c->seldom = g->side[side].seldom;
        c->phase = FAIR_WAIT;
        c->since = now;
        c->all_next = f->all[side];
        if (c->all_next)
                c->all_next->all_prev = c;
        f->all[side] = c;
        f->count[side]++;
        g->side[side].count++;
        if (net_of(g))
                g->net->side[side].count++;
        list(f, c);
        return 0;
}

void fair_doom(struct fair *f, struct fair_conn *c)
{
        if (!c->group || c->doomed)
                return;
        if (may_go(c))
                unlist(f, c);
        c->doomed = true;
        c->group->side[c->side].count--;
        if (net_of(c->group))
                c->group->net->side[c->side].count--;
        f->count[c->side]--;
        fair_body(c, 0);
}

void fair_remove(struct fair *f, struct fair_conn *c)
{
        if (!c->group)
                return;
        fair_doom(f, c);
        *(c->all_prev ? &c->all_prev->all_next : &f->all[c->side]) = c->all_next;
        if (c->all_next)
                c->all_next->all_prev = c->all_prev;
        group_drop(f, c->group);
        c->group = NULL;
}

void fair_phase(struct fair *f, struct fair_conn *c, enum fair_phase phase, int64_t now)
{
        if (!c->group)
                return;
        if (may_go(c))
                unlist(f, c);
        c->phase = phase;
        c->since = now;
        if (phase != FAIR_WAIT) /* the end of an answer may be on its way */
                c->looked = 0;
        if (may_go(c))
                list(f, c);
}

void fair_known(struct fair *f, struct fair_conn *c)
{
        struct fair_group *g = c->group;

        if (!g || g->known) /* it has a connection: it is on no idle list */
                return;
        for (unsigned s = 0; s < FAIR_SIDES && g->net; s++)
                g->net->side[s].count -= g->side[s].count;
        g->known = true;
        for (unsigned l = 0; l < LANES; l++)
                group_rank(f, g, l);
}

bool fair_is_known(const struct fair_conn *c)
{
        return c->group && c->group->known;
}

/* ---- who has to go ------------------------------------------------------------ */

static const struct fair_group *largest(const struct fair *f, unsigned lane, bool known)
{
        for (unsigned n = BUCKETS - 1; n > 0; n--)
                if (f->ranks[lane][known][n].first)
                        return f->ranks[lane][known][n].first;
        return NULL;
}

static bool rests(const struct fair_conn *c, int64_t now)
{
        return now - c->since >= FAIR_GRACE;
}

/* For one more of `g` on a full side. Those that wait for us have done their
 * part: they rest never, and the last to come goes first. */
static struct fair_conn *victim(const struct fair *f, const struct fair_group *g, unsigned side, int64_t now)
{
        for (int known = 0; known <= (g->known ? 1 : 0); known++) {
                const struct fair_group *most = largest(f, side, known == 1);
                const struct lane *l = most ? &most->lane[side] : NULL;

                if (l && (l->open > g->side[side].count + 1 || most->known < g->known || rests(l->first, now)))
                        return l->first;
                most = largest(f, QUEUED(side), known == 1);
                l = most ? &most->lane[QUEUED(side)] : NULL;
                if (l && (l->open > g->side[side].count + 1 || most->known < g->known))
                        return l->last;
        }
        return NULL;
}

/* For one more of `g` of the strangers of a full /64. */
static struct fair_conn *net_victim(const struct fair *f, const struct fair_group *g, unsigned side, int64_t now)
{
        struct fair_conn *worst = NULL;
        unsigned most = 0;

        for (struct fair_conn *c = f->all[side]; c; c = c->all_next) {
                unsigned open = c->group->lane[lane_of(c)].open;

                if (!may_go(c) || net_of(c->group) != g->net ||
                    (open <= g->side[side].count + 1 && (c->phase == FAIR_QUEUE || !rests(c, now))))
                        continue;
                if (worst && (open < most || (open == most && c->since >= worst->since)))
                        continue;
                worst = c;
                most = open;
        }
        return worst;
}

enum fair_answer fair_admit(struct fair *f, const struct sockaddr *from, unsigned side, int64_t now,
                            struct fair_conn **ret_victim)
{
        struct fair_group *g = group_get(f, from, now);
        struct fair_conn *go = NULL;
        struct fair_group *net;
        struct share *s;
        bool stranger;

        *ret_victim = NULL;
        if (!g)
                return FAIR_FULL;
        s = &g->side[side];
        net = net_of(g);
        stranger = !g->known && !f->limits.queues[side];
        if (!spend(f, &s->come, net ? &net->side[side].come : NULL, stranger ? &f->strangers[side] : NULL, 1, now, &s->seldom))
                return FAIR_TOO_FAST;
        if (s->count >= f->limits.per_address) {
                go = g->lane[side].first;
                if (!go || !rests(go, now))
                        return FAIR_TOO_MANY;
        } else if (net && net->side[side].count / FAIR_NET >= f->limits.per_address) {
                go = net_victim(f, g, side, now);
                if (!go)
                        return FAIR_TOO_MANY;
        } else if (f->count[side] >= f->limits.connections[side]) {
                go = victim(f, g, side, now);
                if (!go)
                        return FAIR_FULL;
        }
        if (go)
                fair_doom(f, go);
        *ret_victim = go;
        return FAIR_COME;
}

/* ---- bodies --------------------------------------------------------------------- */

void fair_body(struct fair_conn *c, size_t bytes)
{
        if (!c->group)
                return;
        c->group->body = c->group->body - c->body + bytes;
        c->body = bytes;
}

struct fair_conn *fair_hog(struct fair *f, const struct fair_conn *me)
{
        struct fair_conn *worst = NULL;

        for (unsigned side = 0; side < FAIR_SIDES; side++)
                for (struct fair_conn *c = f->all[side]; c; c = c->all_next) {
                        if (c == me || c->phase != FAIR_BODY || c->doomed || c->body == 0 ||
                            (c->group->known && !fair_is_known(me)))
                                continue;
                        if (!worst || c->group->body > worst->group->body ||
                            (c->group == worst->group && c->since < worst->since))
                                worst = c;
                }
        return worst;
}

struct fair_conn *fair_first(const struct fair *f, unsigned side)
{
        return f->all[side];
}

unsigned fair_count(const struct fair *f, unsigned side)
{
        return f->count[side];
}
