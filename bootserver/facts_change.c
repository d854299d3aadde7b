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

struct known {
        char text[WIRE_MACS][18];
        size_t n;
};

static int known_one(void *ctx, const char *mac, const char *none)
{
        struct known *k = ctx;

        (void)none;
        if (k->n < WIRE_MACS)
                (void)snprintf(k->text[k->n++], sizeof(k->text[0]), "%s", mac);
        return 0;
}

static bool is_known(const struct known *k, const char *mac)
{
        for (size_t i = 0; i < k->n; i++)
                if (strcmp(k->text[i], mac) == 0)
                        return true;
        return false;
}

/* 1: another approved node had this MAC before; it is added to `o`. */
static int add_owner(struct store *s, const struct node *n, const char *mac, struct jout *o)
{
        _cleanup_(node_wipe) struct node owner = { 0 };
        int r = s->ops->node_by_mac(s, mac, &owner);

        if (r < 0 || strcmp(owner.id, n->id) == 0 || !node_approved(&owner))
                return r == -ENOENT ? 0 : r < 0 ? r : 0;
        jout_obj(o, NULL);
        jout_str(o, "mac", mac);
        jout_str(o, "node", owner.id);
        jout_str(o, "name", owner.name);
        jout_end(o, '}');
        return 1;
}

int facts_macs_journal(struct server *srv, const struct attest *a, const struct node *was, const struct node *n,
                       const struct mac_list *macs, struct buf *ret_json)
{
        struct journal_entry e = { .node = n->id, .name = n->name, .event = "mac-shared" };
        struct store *s = srv->store;
        struct jout o = { 0 };
        struct known k = { 0 };
        size_t found = 0;
        int r = was->last_ok > 0 ? s->ops->mac_list(s, n->id, known_one, &k) : 0;

        jout_obj(&o, NULL);
        jout_arr(&o, "macs");
        for (size_t i = 0; i < macs->n && r >= 0; i++) {
                r = is_known(&k, macs->v[i]) ? 0 : add_owner(s, n, macs->v[i], &o);
                found += r > 0;
        }
        jout_end(&o, ']');
        jout_str(&o, "from", a->from);
        jout_end(&o, '}');
        if (r >= 0 && found > 0)
                r = jout_take(&o, ret_json);
        jout_wipe(&o);
        if (r < 0 || found == 0)
                return r < 0 ? r : 0;
        e.detail = (const char *)ret_json->p;
        return journal_append(s, n->last_seen, &e, NULL);
}

void facts_macs_told(struct server *srv, const struct node *n, const char *from, const struct buf *json)
{
        log_warn("node=%s name=%s has a MAC address that another enrolled node has, which keeps it: the boot script for that "
                 "address stays the other node's, from=%s. Next: see mac-shared in `muster log %s`, and remove the record of a "
                 "machine that has gone", n->id, n->name, from, n->name[0] ? n->name : n->id);
        hooks_event(srv->hooks, n, "mac-shared", (const char *)json->p);
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
