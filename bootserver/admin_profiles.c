/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "decide.h"
#include "explain.h"
#include "nodes.h"

#define BOOTS_MAX 256

static const char *const slots[PROFILE_SLOTS] = { "current", "previous", "proposed" };

static void profile_out(struct jout *o, const char *name, const char *const json[PROFILE_SLOTS])
{
        jout_obj(o, NULL);
        jout_str(o, "name", name);
        for (int i = 0; i < PROFILE_SLOTS; i++) {
                if (json && json[i])
                        jout_raw(o, slots[i], json[i], strlen(json[i]));
                else
                        jout_null(o, slots[i]);
        }
        jout_end(o, '}');
}

enum MHD_Result on_profiles(struct call *c)
{
        struct jout o = { 0 };

        jout_obj(&o, NULL);
        jout_arr(&o, "profiles");
        catalog_read(c->srv->catalog);
        for (const struct catalog_profile *p = catalog_profiles(c->srv->catalog); p; p = p->next)
                profile_out(&o, p->name, (const char *const *)p->json);
        catalog_done(c->srv->catalog);
        jout_end(&o, ']');
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

static enum MHD_Result reply_profile(struct call *c, const char *name)
{
        const struct catalog_profile *p;
        struct jout o = { 0 };

        catalog_read(c->srv->catalog);
        p = catalog_profile(c->srv->catalog, name);
        profile_out(&o, name, p ? (const char *const *)p->json : NULL);
        catalog_done(c->srv->catalog);
        return reply_json(c, 200, &o);
}

static int learn_from(struct call *c, const struct buf *body, struct buf *ret_json, char model[PROFILE_NAME_MAX + 1],
                      size_t *ret_own, char why[JTAB_ERR])
{
        _cleanup_(attest_request_wipe) struct attest_request req = { 0 };
        _cleanup_(evidence_freep) struct evidence *ev = NULL;
        _cleanup_(freep) struct profile *p = calloc(1, sizeof(*p));
        const struct boot_ref *boots[BOOTS_MAX];
        struct decision d;
        size_t n = 0;
        int r = wire_attest_parse(body->p, body->len, &req, why);

        if (!p)
                return -ENOMEM;
        if (r == 0)
                r = evidence_parse(&req, &ev);
        if (r == 0)
                r = evidence_read_log(ev);
        if (r < 0)
                return r;
        decide_stored(ev, &d);
        if (d.verdict != DECIDE_GO_ON) {
                (void)snprintf(why, JTAB_ERR, "the stored evidence does not hold (%s): %s", d.code, explain_meaning(d.code));
                return -EBADMSG;
        }
        for (const struct catalog_boot *b = catalog_boots(c->srv->catalog); b && n < BOOTS_MAX; b = b->next)
                if (b->usable)
                        boots[n++] = &b->ref;
        profile_name(&req.facts, model);
        r = profile_learn(ev, boots, n, catalog_ipxe(c->srv->catalog), p, why);
        *ret_own = r < 0 ? 0 : profile_own(p);
        return r < 0 ? r : profile_json_build(p, ret_json);
}

static int put_profile(struct call *c, const char *name, const char *learnt, bool promote)
{
        const struct catalog_profile *old = catalog_profile(c->srv->catalog, name);
        const char *json[PROFILE_SLOTS] = { 0 };
        struct store *s = c->srv->store;

        for (int i = 0; i < PROFILE_SLOTS && old; i++)
                json[i] = old->json[i];
        if (promote) {
                json[PROFILE_PREVIOUS] = json[PROFILE_CURRENT];
                json[PROFILE_CURRENT] = learnt;
                json[PROFILE_PROPOSED] = NULL;
        } else {
                json[PROFILE_PROPOSED] = learnt;
        }
        return s->ops->profile_put(s, name, json);
}

static void profile_detail(struct jout *o, const void *ctx)
{
        jout_str(o, "profile", ctx);
}

int admin_learn(struct call *c, struct node *n, bool promote, char why[JTAB_ERR])
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        _cleanup_(buf_wipe) struct buf json = { 0 };
        char model[PROFILE_NAME_MAX + 1];
        struct store *s = c->srv->store;
        size_t own = 0;
        int r = s->ops->evidence_get(s, n->id, &body);

        if (r < 0) {
                (void)snprintf(why, JTAB_ERR, "%s", r == -ENOENT ? "this node has not attested yet" : strerror(-r));
                return r;
        }
        (void)snprintf(why, JTAB_ERR, "the stored evidence cannot be used");
        r = learn_from(c, &body, &json, model, &own, why);
        if (r < 0)
                return r;
        if (own > 0 && promote) { /* that its log says where they come from vouches for nothing: an admin looks first */
                (void)snprintf(why, JTAB_ERR, "it starts %zu application%s of its own behind PCR 4's separator", own, own == 1 ? "" : "s");
                return -EPERM;
        }
        if (own > 0)
                log_warn("node=%s the proposed profile %s has %zu application%s of the firmware's own behind PCR 4's separator. Next: "
                         "compare the digests with those of another machine of this model (muster policy show), then promote it",
                         n->id, n->profile[0] ? n->profile : model, own, own == 1 ? "" : "s");
        if (!n->profile[0])
                (void)snprintf(n->profile, sizeof(n->profile), "%s", model);
        r = put_profile(c, n->profile, (const char *)json.p, promote);
        if (r == 0)
                r = admin_journal(c, n, "profile-learned", profile_detail, n->profile);
        if (r == 0 && promote)
                r = admin_journal(c, n, "profile-promoted", profile_detail, n->profile);
        if (r < 0)
                (void)snprintf(why, JTAB_ERR, "cannot record it: %s", strerror(-r));
        return r;
}

struct learn {
        char node[128];
};

static const struct jfield learn_tab[] = { { "node", JT_STR, offsetof(struct learn, node), 127, JF_REQUIRED } };

static int learn_locked(struct call *c, struct node *n, char why[JTAB_ERR])
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        bool had_profile;
        int r = store_tx_begin(&tx, c->srv->store);

        if (r == 0)
                r = node_lookup(c->srv->store, c->param, n);
        if (r < 0)
                return r;
        had_profile = n->profile[0] != '\0';
        r = admin_learn(c, n, false, why);
        if (r == 0 && !had_profile)
                r = c->srv->store->ops->node_put(c->srv->store, n, NULL, 0);
        if (r == 0)
                r = store_tx_commit(&tx);
        return r < 0 ? r : catalog_reload_profiles(c->srv->catalog);
}

enum MHD_Result on_profile_learn(struct call *c)
{
        _cleanup_(node_wipe) struct node n = { 0 };
        struct learn l = { 0 };
        char why[JTAB_ERR] = "";
        enum MHD_Result result = MHD_NO;
        int r;

        if (!admin_body(c, learn_tab, ELEMENTSOF(learn_tab), &l, &result))
                return result;
        (void)snprintf(c->param, sizeof(c->param), "%s", l.node);
        catalog_write(c->srv->catalog);
        r = learn_locked(c, &n, why);
        catalog_done(c->srv->catalog);
        if (r < 0 && why[0])
                return reply_error(c, 409, "let it boot once from what this parent serves, then learn again",
                                   "learn the firmware profile of %s: %s", l.node, why);
        if (r < 0)
                return admin_no_node(c, r);
        return reply_profile(c, n.profile);
}

static int promote_locked(struct call *c)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        const struct catalog_profile *p = catalog_profile(c->srv->catalog, c->param);
        int r;

        if (!p)
                return -ENOENT;
        if (!p->json[PROFILE_PROPOSED])
                return -ENODATA;
        r = store_tx_begin(&tx, c->srv->store);
        if (r == 0)
                r = put_profile(c, p->name, p->json[PROFILE_PROPOSED], true);
        if (r == 0)
                r = admin_journal(c, NULL, "profile-promoted", profile_detail, p->name);
        if (r == 0)
                r = store_tx_commit(&tx);
        return r < 0 ? r : catalog_reload_profiles(c->srv->catalog);
}

enum MHD_Result on_profile_promote(struct call *c)
{
        int r;

        catalog_write(c->srv->catalog);
        r = promote_locked(c);
        catalog_done(c->srv->catalog);
        if (r == -ENOENT)
                return reply_error(c, 404, "see `muster policy show`", "there is no profile %s", c->param);
        if (r == -ENODATA)
                return reply_error(c, 409, "learn one first: muster policy learn NODE", "profile %s has nothing proposed",
                                   c->param);
        if (r < 0)
                return reply_failure(c, r, "cannot promote the profile");
        log_info("profile %s promoted", c->param);
        return reply_profile(c, c->param);
}
