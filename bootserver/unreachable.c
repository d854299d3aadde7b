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

int unreachable_counts(struct store *s, int64_t now, uint64_t ret_all[NODE_STATES], uint64_t ret_unreachable[NODE_STATES])
{
        int r = s->ops->node_counts(s, ret_all);

        memset(ret_unreachable, 0, NODE_STATES * sizeof(ret_unreachable[0]));
        return r < 0 ? r : unreachable_list(s, now, NULL, count, ret_unreachable);
}
