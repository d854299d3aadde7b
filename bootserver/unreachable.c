/* SPDX-License-Identifier: Apache-2.0 */
#include "unreachable.h"

#include "fetches.h"
#include "nodes.h"

/* -ENOENT: this one is not. */
static int look(struct store *s, int64_t now, const struct fetch *f, struct node *ret)
{
        int r = s->ops->node_prefix(s, f->prefix, ret);

        if (r == -ENOTUNIQ)
                return -ENOENT; /* a hint that may be of either */
        if (r == -ENOENT || (r == 0 && ret->last_seen >= f->when))
                fetch_answered(f);
        if (r == 0 && strcmp(node_shown_state(ret, now), "unreachable") != 0) {
                node_wipe(ret);
                r = -ENOENT;
        }
        return r;
}

int unreachable_list(struct store *s, int64_t now, const char *after, node_fn fn, void *ctx)
{
        _cleanup_(freep) struct fetch *f = NULL;
        size_t n = 0;
        int r = fetch_open(now - UNREACHABLE_AFTER, after ? after : "", &f, &n);

        for (size_t i = 0; i < n && r >= 0; i++) {
                struct node node = { 0 };

                r = look(s, now, &f[i], &node);
                if (r == 0)
                        r = fn(ctx, &node);
                else if (r == -ENOENT)
                        r = 0;
                node_wipe(&node);
        }
        return r < 0 ? r : 0;
}

static int count(void *ctx, const struct node *n)
{
        uint64_t *counts = ctx;

        counts[n->state]++;
        return 0;
}

struct recent {
        int64_t now;
        uint64_t n;
};

static int count_failed(void *ctx, const struct node *n)
{
        struct recent *r = ctx;

        r->n += strcmp(node_shown_state(n, r->now), "failed") == 0;
        return 0;
}

int unreachable_counts(struct store *s, int64_t now, struct shown_counts *ret)
{
        uint64_t all[NODE_STATES];
        uint64_t gone[NODE_STATES] = { 0 };
        struct recent failed = { .now = now };
        int r = s->ops->node_counts(s, all);

        if (r == 0)
                r = unreachable_list(s, now, NULL, count, gone);
        if (r == 0 && all[NODE_FAILED] > 0) /* a failure that passed counts as released */
                r = s->ops->node_list(s, NODE_FAILED, NULL, STORE_ALL, count_failed, &failed);
        if (r < 0)
                return r;
        *ret = (struct shown_counts){ 0 };
        for (size_t i = 0; i < NODE_STATES; i++) {
                ret->shown[i] = all[i] > gone[i] ? all[i] - gone[i] : 0; /* they were counted one after the other */
                ret->unreachable += gone[i];
        }
        if (failed.n > ret->shown[NODE_FAILED])
                failed.n = ret->shown[NODE_FAILED];
        ret->shown[NODE_RELEASED] += ret->shown[NODE_FAILED] - failed.n;
        ret->shown[NODE_FAILED] = failed.n;
        return 0;
}
