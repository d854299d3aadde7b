/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "evidence.h"
#include "nodes.h"

#define LIST_MAX 1000

struct listing {
        struct call *c;
        struct jout o;
        const char *shown; /* only nodes shown in this state; NULL: all */
        size_t left;
        int64_t now;
        char last[NODE_ID_HEX + 1];
        bool more;
};

static int list_one(void *ctx, const struct node *n)
{
        struct listing *l = ctx;

        if (l->shown && strcmp(node_shown_state(n, l->now), l->shown) != 0)
                return 0;
        if (l->left == 0) {
                l->more = true;
                return -ECANCELED;
        }
        node_json(&l->o, NULL, l->c->srv->catalog, n, l->now, false);
        (void)snprintf(l->last, sizeof(l->last), "%s", n->id);
        l->left--;
        return 0;
}

enum MHD_Result on_nodes(struct call *c)
{
        struct listing l = { .c = c, .shown = call_arg(c, "state"), .now = server_now() };
        const char *after = call_arg(c, "after");
        enum node_state state;
        uint64_t limit;
        int r;

        if (l.shown && strcmp(l.shown, "unreachable") != 0 && node_state_parse(l.shown, &state) < 0)
                return reply_error(c, 400, "pending, enrolled, ok, refused, unreachable, quarantined or revoked",
                                   "there is no state of this name");
        if (!admin_arg_number(c, "limit", LIST_MAX, LIST_MAX, &limit))
                return reply_error(c, 400, "give a number", "limit is no number");
        l.left = limit;
        jout_obj(&l.o, NULL);
        jout_arr(&l.o, "nodes");
        catalog_read(c->srv->catalog);
        r = c->srv->store->ops->node_list(c->srv->store, -1, after, STORE_ALL, list_one, &l);
        catalog_done(c->srv->catalog);
        if (r < 0 && r != -ECANCELED) {
                jout_wipe(&l.o);
                return reply_failure(c, r, "cannot list nodes");
        }
        jout_end(&l.o, ']');
        jout_str(&l.o, "next", l.more ? l.last : NULL);
        jout_end(&l.o, '}');
        return reply_json(c, 200, &l.o);
}

static void evidence_json(struct jout *o, const struct attest_request *req, const char *digest)
{
        char pcr[4];

        jout_obj(o, "evidence");
        jout_str(o, "digest", digest);
        jout_obj(o, "pcrs");
        for (size_t i = 0; i < POLICY_PCRS; i++) {
                (void)snprintf(pcr, sizeof(pcr), "%u", policy_pcrs[i]);
                jout_hex(o, pcr, req->pcrs[i], DIGEST_LEN);
        }
        jout_end(o, '}');
        jout_obj(o, "nv");
        jout_str(o, "ssh", nv_state_name(req->nv_ssh));
        jout_str(o, "tls", nv_state_name(req->nv_tls));
        jout_end(o, '}');
        wire_facts_out(o, "facts", &req->facts);
        jout_arr(o, "ek_certificates");
        for (size_t i = 0; i < req->ek_certs.n; i++)
                jout_b64(o, NULL, req->ek_certs.v[i].p, req->ek_certs.v[i].len);
        jout_end(o, ']');
        jout_b64(o, "ek_public", req->ek_public.p, req->ek_public.len);
        jout_b64(o, "ak_public", req->ak_public.p, req->ak_public.len);
        jout_b64(o, "eventlog", req->eventlog.p, req->eventlog.len);
        jout_b64(o, "quote", req->quote.p, req->quote.len);
        jout_end(o, '}');
}

enum MHD_Result on_node(struct call *c)
{
        _cleanup_(node_wipe) struct node n = { 0 };
        _cleanup_(buf_wipe) struct buf body = { 0 };
        struct attest_request req = { 0 };
        struct jout o = { 0 };
        char digest[2 * DIGEST_LEN + 1] = "";
        char err[JTAB_ERR];
        int r = node_lookup(c->srv->store, c->param, &n);

        if (r < 0)
                return admin_no_node(c, r);
        catalog_read(c->srv->catalog);
        node_json(&o, NULL, c->srv->catalog, &n, server_now(), true);
        catalog_done(c->srv->catalog);
        if (c->srv->store->ops->evidence_get(c->srv->store, n.id, &body) == 0 &&
            node_evidence_digest(c->srv->store, &n, digest) == 0 && wire_attest_parse(body.p, body.len, &req, err) == 0) {
                evidence_json(&o, &req, digest);
                attest_request_wipe(&req);
        } else {
                jout_null(&o, "evidence");
        }
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}
