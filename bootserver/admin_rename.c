/* SPDX-License-Identifier: Apache-2.0 */
/* Another name for a node: its record, assignment and history stay, which are
 * its id's. Its certificates name it, so its next boot gets new ones; a node
 * that runs goes on with those that it has. */
#include "admin.h"

#include "hooks.h"
#include "nodes.h"
#include "wire_verdict.h"

struct rename {
        char name[NAME_MAX_LEN + 1];
};

static const struct jfield rename_tab[] = { { "name", JT_STR, offsetof(struct rename, name), NAME_MAX_LEN, JF_REQUIRED } };

struct renamed {
        const char *from;
        const char *to;
};

static void renamed_detail(struct jout *o, const void *ctx)
{
        const struct renamed *r = ctx;

        jout_str(o, "from", r->from[0] ? r->from : NULL);
        jout_str(o, "to", r->to);
}

enum MHD_Result on_node_rename(struct call *c)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        struct store *s = c->srv->store;
        char from[NAME_MAX_LEN + 1];
        struct rename want = { 0 };
        struct renamed done = { from, want.name };
        enum MHD_Result result = MHD_NO;
        int r;

        if (!admin_body(c, rename_tab, ELEMENTSOF(rename_tab), &want, &result))
                return result;
        if (!wire_name_ok(want.name) || wire_name_like_id(want.name))
                return reply_error(c, 400, "use a-z, 0-9 and -, at most 63, and not hexadecimal digits alone",
                                   "%s is no name for a node", want.name);
        r = store_tx_begin(&tx, s);
        if (r == 0)
                r = node_lookup(s, c->param, &n);
        if (r < 0)
                return admin_no_node(c, r);
        if (n.state == NODE_PENDING)
                return reply_error(c, 409, "approve it with `muster node approve --name`", "node %s is pending and has no name yet", c->param);
        memcpy(from, n.name, sizeof(from));
        node_rename(&n, want.name);
        r = s->ops->node_put(s, &n, NULL, 0);
        if (r == 0)
                r = admin_journal(c, &n, "renamed", renamed_detail, &done);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r == -EEXIST)
                return reply_error(c, 409, "choose another name", "the name %s is taken by another node", want.name);
        if (r < 0)
                return reply_failure(c, r, "cannot record the new name");
        log_info("node=%s name=%s renamed from %s", n.id, n.name, from);
        waiters_wake(c->srv->waiters, n.id);
        return admin_reply_node(c, &n, NULL, false);
}
