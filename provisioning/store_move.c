/* SPDX-License-Identifier: Apache-2.0 */
#include "store_move.h"

#include "cli.h"
#include "journal.h"

#include <inttypes.h>

#define MACS_MAX 64

struct move {
        struct store *from;
        struct store *to;
        char *mac[MACS_MAX]; /* of the node at hand */
        size_t macs;
        uint64_t nodes;
};

static int on_mac(void *ctx, const char *mac, const char *none)
{
        struct move *m = ctx;

        (void)none;
        if (m->macs == MACS_MAX)
                return -E2BIG;
        m->mac[m->macs] = strdup(mac);
        return m->mac[m->macs] ? (m->macs++, 0) : -ENOMEM;
}

static int on_node(void *ctx, const struct node *n)
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        struct move *m = ctx;
        int r = m->from->ops->mac_list(m->from, n->id, on_mac, m);

        if (r == 0)
                r = m->to->ops->node_put(m->to, n, (const char *const *)m->mac, m->macs);
        while (m->macs > 0)
                free(m->mac[--m->macs]);
        if (r == 0) {
                r = m->from->ops->evidence_get(m->from, n->id, &body);
                if (r == 0)
                        r = m->to->ops->evidence_put(m->to, n->id, n->last_seen, body.p, body.len);
                else if (r == -ENOENT)
                        r = 0;
        }
        m->nodes++;
        return r;
}

static int on_boot(void *ctx, const struct boot_row *b)
{
        struct store *to = ((struct move *)ctx)->to;

        return to->ops->boot_put(to, b);
}

static int on_image(void *ctx, const struct image_row *i)
{
        struct store *to = ((struct move *)ctx)->to;

        return to->ops->image_put(to, i);
}

static int on_profile(void *ctx, const char *name, const char *const json[PROFILE_SLOTS])
{
        struct store *to = ((struct move *)ctx)->to;

        return to->ops->profile_put(to, name, json);
}

static int on_setting(void *ctx, const char *key, const char *value)
{
        struct store *to = ((struct move *)ctx)->to;

        return to->ops->setting_put(to, key, value);
}

static int on_event(void *ctx, const struct event_row *e)
{
        struct store *to = ((struct move *)ctx)->to;

        return to->ops->event_put(to, e);
}

static int any_boot(void *ctx, const struct boot_row *b)
{
        (void)ctx;
        (void)b;
        return -ENOTEMPTY;
}

static int any_image(void *ctx, const struct image_row *i)
{
        (void)ctx;
        (void)i;
        return -ENOTEMPTY;
}

static int any_profile(void *ctx, const char *name, const char *const json[PROFILE_SLOTS])
{
        (void)ctx;
        (void)name;
        (void)json;
        return -ENOTEMPTY;
}

static int any_text(void *ctx, const char *a, const char *b)
{
        (void)ctx;
        (void)a;
        (void)b;
        return -ENOTEMPTY;
}

static uint64_t sum(const uint64_t counts[NODE_STATES])
{
        uint64_t all = 0;

        for (int i = 0; i < NODE_STATES; i++)
                all += counts[i];
        return all;
}

static int empty(struct store *s)
{
        uint64_t counts[NODE_STATES] = { 0 };
        uint8_t hash[DIGEST_LEN];
        uint64_t seq = 0;
        int r = s->ops->event_head(s, &seq, hash);

        if (r == 0)
                r = s->ops->node_counts(s, counts);
        if (r == 0 && (seq > 0 || sum(counts) > 0))
                r = -ENOTEMPTY;
        if (r == 0)
                r = s->ops->boot_list(s, any_boot, NULL);
        if (r == 0)
                r = s->ops->image_list(s, any_image, NULL);
        if (r == 0)
                r = s->ops->profile_list(s, NULL, any_profile, NULL);
        return r < 0 ? r : s->ops->setting_list(s, any_text, NULL);
}

static int copy(struct move *m)
{
        const struct event_filter all = { .limit = STORE_ALL };
        const struct store_ops *from = m->from->ops;
        int r = from->node_list(m->from, -1, NULL, STORE_ALL, on_node, m);

        if (r == 0)
                r = from->boot_list(m->from, on_boot, m);
        if (r == 0)
                r = from->image_list(m->from, on_image, m);
        if (r == 0)
                r = from->profile_list(m->from, NULL, on_profile, m);
        if (r == 0)
                r = from->setting_list(m->from, on_setting, m);
        return r < 0 ? r : from->event_list(m->from, &all, on_event, m);
}

/* As it now stands in `to`, against what `from` says. */
static int compare(struct move *m, uint64_t *ret_events, struct fail *fail)
{
        uint64_t counts[NODE_STATES] = { 0 };
        uint8_t want[DIGEST_LEN];
        uint8_t got[DIGEST_LEN];
        uint64_t last = 0;
        uint64_t seq = 0;
        uint64_t bad = 0;
        int r = journal_verify(m->to, 0, ret_events, &bad);

        if (r == 0 && bad)
                return fail_set(fail, MUSTER_NO, "", "find out who changed the database, or restore a backup first",
                                "the journal was altered: event %" PRIu64 " does not follow from the ones before it", bad);
        if (r == 0)
                r = m->from->ops->event_head(m->from, &last, want);
        if (r == 0)
                r = m->to->ops->event_head(m->to, &seq, got);
        if (r == 0)
                r = m->to->ops->node_counts(m->to, counts);
        if (r < 0)
                return fail_set(fail, MUSTER_NO, "", "see the line before", "cannot compare the stores: %s", strerror(-r));
        if (seq != last || !same_bytes(want, DIGEST_LEN, got, DIGEST_LEN) || sum(counts) != m->nodes)
                return fail_set(fail, MUSTER_NO, "", "", "PostgreSQL does not hold what was written to it");
        return MUSTER_OK;
}

int store_move(struct store *from, struct store *to, struct store_moved *ret, struct fail *fail)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct move m = { .from = from, .to = to };
        uint64_t events = 0;
        int r = store_tx_begin(&tx, to);

        if (r == 0)
                r = empty(to);
        if (r == -ENOTEMPTY)
                return fail_set(fail, MUSTER_NO, "", "name an empty database", "the PostgreSQL database holds a store already");
        if (r == 0)
                r = copy(&m);
        if (r < 0)
                return fail_set(fail, MUSTER_NO, "", "see the line before", "cannot move the store: %s", strerror(-r));
        r = compare(&m, &events, fail);
        if (r != MUSTER_OK)
                return r;
        r = store_tx_commit(&tx);
        if (r < 0)
                return fail_set(fail, MUSTER_NO, "", "look whether it did: a second attempt says so",
                                "PostgreSQL did not say that it committed");
        *ret = (struct store_moved){ .nodes = m.nodes, .events = events };
        return MUSTER_OK;
}
