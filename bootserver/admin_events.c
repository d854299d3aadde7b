/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "journal.h"
#include "nodes.h"
#include "names.h"

struct listing {
        struct jout o;
        uint64_t last;
        size_t n;
};

static int event_one(void *ctx, const struct event_row *e)
{
        struct listing *l = ctx;

        jout_obj(&l->o, NULL);
        jout_int(&l->o, "seq", (int64_t)e->seq);
        jout_int(&l->o, "time", e->time);
        jout_str(&l->o, "node", e->node[0] ? e->node : NULL);
        jout_str(&l->o, "name", e->name[0] ? e->name : NULL);
        jout_str(&l->o, "event", e->event);
        jout_str(&l->o, "code", e->code[0] ? e->code : NULL);
        jout_str(&l->o, "incident", e->incident[0] ? e->incident : NULL);
        jout_raw(&l->o, "detail", e->detail, strlen(e->detail));
        jout_raw(&l->o, "explain", e->explain, strlen(e->explain));
        jout_hex(&l->o, "hash", e->hash, DIGEST_LEN);
        jout_end(&l->o, '}');
        l->last = e->seq;
        l->n++;
        return 0;
}

/* A removed node's events are found by its full id. */
static int event_node(struct call *c, const char *ref, char id[NODE_ID_HEX + 1])
{
        _cleanup_(node_wipe) struct node n = { 0 };
        int r;

        (void)snprintf(c->param, sizeof(c->param), "%s", ref);
        r = node_lookup(c->srv->store, ref, &n);
        if (r == -ENOENT && hex_ok(ref, NODE_ID_HEX)) {
                memcpy(id, ref, NODE_ID_HEX + 1);
                return 0;
        }
        if (r == 0)
                memcpy(id, n.id, NODE_ID_HEX + 1);
        return r;
}

enum MHD_Result on_events(struct call *c)
{
        const char *ref = call_arg(c, "node");
        const char *newest = call_arg(c, "newest");
        struct event_filter f = { .newest = newest && strcmp(newest, "1") == 0 };
        struct listing l = { 0 };
        char id[NODE_ID_HEX + 1];
        enum MHD_Result result = MHD_NO;
        uint64_t limit;
        int r;

        if (!admin_arg_number(c, "after", 0, 0, INT64_MAX, &f.after, &result) ||
            !admin_arg_number(c, "limit", ADMIN_PAGE, 1, ADMIN_PAGE_MAX, &limit, &result))
                return result;
        if (ref) {
                r = event_node(c, ref, id);
                if (r < 0)
                        return admin_no_node(c, r);
                f.node = id;
        }
        f.limit = limit;
        jout_obj(&l.o, NULL);
        jout_arr(&l.o, "events");
        r = c->srv->store->ops->event_list(c->srv->store, &f, event_one, &l);
        if (r < 0) {
                jout_wipe(&l.o);
                return reply_failure(c, r, "cannot read the journal");
        }
        jout_end(&l.o, ']');
        if (l.n == limit && l.n > 0)
                jout_int(&l.o, "next", (int64_t)l.last);
        else
                jout_null(&l.o, "next");
        jout_end(&l.o, '}');
        return reply_json(c, 200, &l.o);
}

enum MHD_Result on_events_verify(struct call *c)
{
        struct jout o = { 0 };
        uint64_t count = 0;
        uint64_t bad = 0;
        int r = journal_verify(c->srv->store, 0, &count, &bad);

        if (r < 0)
                return reply_failure(c, r, "cannot read the journal");
        jout_obj(&o, NULL);
        jout_bool(&o, "ok", bad == 0);
        jout_int(&o, "count", (int64_t)count);
        if (bad)
                jout_int(&o, "bad", (int64_t)bad);
        else
                jout_null(&o, "bad");
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}
