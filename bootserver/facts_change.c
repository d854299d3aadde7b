/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a change of an approved node's serial, UUID or MACs.
 *
 * Called for evidence that is genuine and sound only: a stranger can claim
 * any facts, and changes nothing by it. */
#include "attest.h"

#include "facts.h"
#include "hooks.h"
#include "journal.h"
#include "nodes.h"

int facts_note(struct server *srv, const struct attest *a, const struct node *was, struct node *n, struct mac_list *macs,
               unsigned *ret_changed)
{
        unsigned changed = facts_changed_text(was->facts, &a->req.facts);
        int r = attest_facts_into(a, n, macs);

        *ret_changed = changed;
        if (r < 0 || !changed || catalog_choice(srv->catalog, CHOICE_FACTS) == FACTS_RECORD)
                return r;
        free(n->facts_before);
        n->facts_before = strdup(was->facts);
        return n->facts_before ? 0 : -ENOMEM;
}

int facts_journal(struct server *srv, const struct attest *a, const struct node *was, const struct node *n, unsigned changed,
                  struct buf *ret_json)
{
        struct journal_entry e = { .node = n->id, .name = n->name, .event = "facts-changed" };
        int r = facts_change_json(was->facts, &a->req.facts, changed, a->from, ret_json);

        if (r < 0)
                return r;
        e.detail = (const char *)ret_json->p;
        return journal_append(srv->store, server_now(), &e, NULL);
}

void facts_told(struct server *srv, const struct node *n, unsigned changed, const char *from, const struct buf *json)
{
        char words[32];

        log_warn("node=%s name=%s its machine is another one, or was changed: %s, from=%s. Next: see `muster node show %s`, "
                 "and accept it with `muster node approve`", n->id, n->name, facts_words(changed, words), from,
                 n->name[0] ? n->name : n->id);
        hooks_event(srv->hooks, n, "facts-changed", (const char *)json->p);
}

int facts_quarantine(struct server *srv, const struct attest *a, const struct node *judged)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node was = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        _cleanup_(buf_wipe) struct buf json = { 0 };
        struct store *s = srv->store;
        struct mac_list macs;
        unsigned changed = 0;
        int r = store_tx_begin(&tx, s);

        if (r == 0)
                r = s->ops->node_get(s, a->id, &was);
        if (r == 0)
                r = s->ops->node_get(s, a->id, &n);
        if (r == -ENOENT || (r == 0 && n.state != judged->state))
                return -EAGAIN;
        if (r == 0)
                r = facts_note(srv, a, &was, &n, &macs, &changed);
        if (r < 0)
                return r;
        if (!changed)
                return -EAGAIN; /* another connection of it was first */
        n.state = NODE_QUARANTINED;
        n.last_seen = server_now();
        (void)snprintf(n.reason, sizeof(n.reason), "M-QUARANTINED");
        (void)snprintf(n.address, sizeof(n.address), "%s", a->from);
        r = s->ops->node_put(s, &n, macs.v, macs.n);
        if (r == 0)
                r = facts_journal(srv, a, &was, &n, changed, &json);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r < 0)
                return r;
        facts_told(srv, &n, changed, a->from, &json);
        hooks_send(srv->hooks, &n, node_state_text(was.state), "quarantined", "M-QUARANTINED", NULL);
        return 0;
}
