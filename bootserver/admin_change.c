/* SPDX-License-Identifier: Apache-2.0 */
/* Approve, revoke, quarantine, assign and remove. */
#include "admin.h"

#include "ek_kept.h"
#include "ek_recheck.h"
#include "hooks.h"
#include "nodes.h"
#include "wire_verdict.h"

struct approve {
        char name[NAME_MAX_LEN + 1];
        bool without;
        bool learn;
        char evidence[2 * DIGEST_LEN + 1]; /* what the admin saw; "": not said */
};

static const struct jfield approve_tab[] = {
        { "name", JT_STR, offsetof(struct approve, name), NAME_MAX_LEN, 0 },
        { "without_ek_certificate", JT_BOOL, offsetof(struct approve, without), 0, 0 },
        { "learn", JT_BOOL, offsetof(struct approve, learn), 0, 0 },
        { "evidence", JT_STR, offsetof(struct approve, evidence), 2 * DIGEST_LEN, 0 },
};

struct approved {
        const struct approve *a;
        const char *learned;
        const struct node *n;
        const char *facts_before; /* of a change that this approval accepts; NULL: none */
        int64_t cleared;          /* when its TPM was found cleared, which this approval accepts; 0: no */
};

static void approve_detail(struct jout *o, const void *ctx)
{
        const struct approved *a = ctx;

        jout_str(o, "ek_mode", a->n->without_cert ? "without" : "certificate");
        jout_str(o, "ek_chain", ek_chain_name(a->n->chain));
        jout_str(o, "profile", a->n->profile);
        jout_str(o, "learned", a->learned);
        if (a->facts_before)
                jout_raw(o, "facts_accepted_after", a->facts_before, strlen(a->facts_before));
        if (a->cleared)
                jout_int(o, "tpm_cleared_accepted", a->cleared);
}

static bool profile_missing(struct call *c, const struct node *n)
{
        const struct catalog_profile *p = catalog_profile(c->srv->catalog, n->profile);

        return n->profile[0] && (!p || !p->json[PROFILE_CURRENT]);
}

/* What is learnt and believed is what the admin looked at, not what the
 * node sent since. 0, or negative with *ret the queued answer. */
static int same_evidence(struct call *c, const struct approve *a, const struct node *n, enum MHD_Result *ret)
{
        char now[2 * DIGEST_LEN + 1];
        int r;

        if (!a->evidence[0])
                return 0;
        r = node_evidence_digest(c->srv->store, n, now);
        if (r == 0 && strcmp(now, a->evidence) == 0)
                return 0;
        *ret = r < 0 && r != -ENOENT
                       ? reply_failure(c, r, "cannot read the node's evidence")
                       : reply_error(c, 409, "look at it again with `muster node show`, and approve it if it is what you expect",
                                     "approve %s: the node has attested something else since its evidence was read", c->param);
        return -ESTALE;
}

/* With both locks: 0, or negative with *ret the queued answer. */
static int approve_locked(struct call *c, const struct approve *a, struct node *n, bool *ret_learned, enum MHD_Result *ret)
{
        char why[JTAB_ERR] = "";
        char name[NAME_MAX_LEN + 1];
        struct approved detail = { .a = a, .n = n };
        _cleanup_(freep) char *facts_before = NULL;
        int r = 0;

        if (n->state == NODE_REVOKED) {
                *ret = reply_error(c, 409, "remove it with `muster node remove`, then it may enrol anew",
                                   "node %s is revoked", c->param);
                return -EPERM;
        }
        r = same_evidence(c, a, n, ret);
        if (r < 0)
                return r;
        if (n->chain != EK_CHAIN_OK && ek_recheck_chain(c->srv, n->id) == EK_CHAIN_OK)
                n->chain = EK_CHAIN_OK; /* its CA was added since it asked */
        if (n->chain != EK_CHAIN_OK && !n->without_cert && !a->without) {
                *ret = reply_error(c, 409, "add its vendor's CA to ek-ca-dir and reload, or approve with "
                                           "--without-ek-certificate if you know this machine",
                                   "approve %s: its EK certificate chains to no known CA (%s)", c->param,
                                   ek_chain_name(n->chain));
                return -EPERM;
        }
        if (n->state != NODE_PENDING && a->name[0] && n->name[0] && strcmp(a->name, n->name) != 0) {
                *ret = reply_error(c, 409, "leave --name out; another name is given by `muster node rename`",
                                   "approve %s: it is enrolled already, as %s", c->param, n->name);
                return -EPERM;
        }
        if (profile_missing(c, n) && n->state == NODE_PENDING) {
                if (!a->learn) {
                        *ret = reply_error(c, 409, "approve with learn (muster node approve --learn) if you trust this boot",
                                           "approve %s: there is no firmware profile for its model %s yet", c->param,
                                           n->profile);
                        return -EPERM;
                }
                r = admin_learn(c, n, true, why);
                if (r < 0) {
                        *ret = reply_error(c, 409, r == -EPERM ? "muster policy learn NODE, compare them in muster policy show with "
                                           "another machine of this model, muster policy promote PROFILE, then approve again" :
                                           "boot it with an entry this parent serves, then approve again",
                                           "approve %s: cannot learn its firmware profile: %s", c->param, why);
                        return r;
                }
                *ret_learned = true;
                detail.learned = n->profile;
        }
        (void)snprintf(name, sizeof(name), a->name[0] ? "%s" : n->name[0] ? "%s" : "node-%.12s",
                       a->name[0] ? a->name : n->name[0] ? n->name : n->id);
        node_rename(n, name);
        n->without_cert = n->chain != EK_CHAIN_OK && (n->without_cert || a->without);
        if (!node_approved(n))
                n->state = NODE_ENROLLED;
        n->reason[0] = n->why[0] = '\0';
        facts_before = take_ptr(n->facts_before);
        detail.facts_before = facts_before;
        detail.cleared = n->cleared;
        n->cleared = 0;
        r = c->srv->store->ops->node_put(c->srv->store, n, NULL, 0);
        if (r == 0)
                r = admin_journal(c, n, "approved", approve_detail, &detail);
        if (r == -EEXIST)
                *ret = reply_error(c, 409, "choose another name", "the name %s is taken by another node", n->name);
        else if (r < 0)
                *ret = reply_failure(c, r, "cannot record the approval");
        return r;
}

enum MHD_Result on_node_approve(struct call *c)
{
        _cleanup_(node_wipe) struct node n = { 0 };
        struct server *srv = c->srv;
        struct approve a = { 0 };
        enum MHD_Result result = MHD_NO;
        enum node_state before = NODE_PENDING;
        bool learned = false;
        int r;

        if (!admin_body(c, approve_tab, ELEMENTSOF(approve_tab), &a, &result))
                return result;
        if (a.name[0] && !wire_name_ok(a.name))
                return reply_error(c, 400, "use a-z, 0-9 and -, at most 63", "%s is no name for a node", a.name);
        if (a.name[0] && wire_name_like_id(a.name))
                return reply_error(c, 400, "choose another name, for example with another letter before it",
                                   "%s is no name for a node: it could be the beginning of a node's id", a.name);
        catalog_write(srv->catalog);
        {
                _cleanup_(store_tx_end) struct store_tx tx = { 0 };

                r = store_tx_begin(&tx, srv->store);
                if (r == 0)
                        r = node_lookup(srv->store, c->param, &n);
                if (r < 0) {
                        result = admin_no_node(c, r);
                } else {
                        before = n.state;
                        r = approve_locked(c, &a, &n, &learned, &result);
                        if (r == 0) {
                                r = store_tx_commit(&tx);
                                result = r < 0 ? reply_failure(c, r, "cannot record the approval") : MHD_YES;
                        }
                }
        }
        if (r == 0 && learned)
                (void)catalog_reload_profiles(srv->catalog);
        catalog_done(srv->catalog);
        if (r < 0)
                return result;
        log_info("node=%s name=%s approved%s", n.id, n.name, learned ? ", its firmware profile learnt" : "");
        waiters_wake(srv->waiters, n.id);
        if (before != n.state)
                hooks_send(srv->hooks, &n, node_state_text(before), node_state_text(n.state), NULL, NULL);
        return admin_reply_node(c, &n, learned ? n.profile : NULL, true);
}

struct reason {
        char text[256];
};

static const struct jfield reason_tab[] = { { "reason", JT_STR, offsetof(struct reason, text), 255, 0 } };

static void reason_detail(struct jout *o, const void *ctx)
{
        const struct reason *r = ctx;

        if (r->text[0])
                jout_str(o, "reason", r->text);
}

static enum MHD_Result set_state(struct call *c, enum node_state to, const char *code)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        struct server *srv = c->srv;
        struct reason why = { 0 };
        enum MHD_Result result = MHD_NO;
        enum node_state before;
        int r;

        if (!admin_body(c, reason_tab, ELEMENTSOF(reason_tab), &why, &result))
                return result;
        r = store_tx_begin(&tx, srv->store);
        if (r == 0)
                r = node_lookup(srv->store, c->param, &n);
        if (r < 0)
                return admin_no_node(c, r);
        before = n.state;
        if (before == NODE_REVOKED && to == NODE_QUARANTINED)
                return reply_error(c, 409, "a revoked node stays so until it is removed", "node %s is revoked", c->param);
        n.state = to;
        (void)snprintf(n.reason, sizeof(n.reason), "%s", code);
        (void)snprintf(n.why, sizeof(n.why), "%s", why.text);
        r = srv->store->ops->node_put(srv->store, &n, NULL, 0);
        if (r == 0)
                r = admin_journal(c, &n, node_state_text(to), reason_detail, &why);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r < 0)
                return reply_failure(c, r, "cannot record the change");
        log_info("node=%s name=%s %s", n.id, n.name, node_state_text(to));
        waiters_wake(srv->waiters, n.id);
        if (before != to)
                hooks_send(srv->hooks, &n, node_state_text(before), node_state_text(to), code, NULL);
        return admin_reply_node(c, &n, NULL, false);
}

enum MHD_Result on_node_revoke(struct call *c)
{
        return set_state(c, NODE_REVOKED, "M-REVOKED");
}

enum MHD_Result on_node_quarantine(struct call *c)
{
        return set_state(c, NODE_QUARANTINED, "M-QUARANTINED");
}

enum MHD_Result on_node_delete(struct call *c)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        struct server *srv = c->srv;
        struct jout o = { 0 };
        int r = store_tx_begin(&tx, srv->store);

        if (r == 0)
                r = node_lookup(srv->store, c->param, &n);
        if (r < 0)
                return admin_no_node(c, r);
        r = srv->store->ops->node_delete(srv->store, n.id);
        if (r == 0)
                r = ek_kept_forget(srv->store, n.id);
        if (r == 0)
                r = admin_journal(c, &n, "removed", NULL, NULL);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r < 0)
                return reply_failure(c, r, "cannot remove the node");
        log_info("node=%s name=%s removed", n.id, n.name);
        waiters_wake(srv->waiters, n.id);
        hooks_send(srv->hooks, &n, node_state_text(n.state), "removed", NULL, NULL);
        jout_obj(&o, NULL);
        jout_str(&o, "removed", n.id);
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}
