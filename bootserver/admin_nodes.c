/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "evidence.h"
#include "names.h"
#include "nodes.h"
#include "unreachable.h"

struct listing {
        struct call *c;
        struct jout o;
        const char *shown; /* only nodes shown in this state; NULL: all */
        size_t left;       /* records to look at */
        int64_t now;
        char last[NODE_ID_HEX + 1];
        bool more;
};

/* A page ends after so many records, shown or not: none takes long. */
static int list_one(void *ctx, const struct node *n)
{
        struct listing *l = ctx;

        if (l->left == 0) {
                l->more = true;
                return -ECANCELED;
        }
        l->left--;
        (void)snprintf(l->last, sizeof(l->last), "%s", n->id);
        if (!l->shown || strcmp(node_shown_state(n, l->now), l->shown) == 0)
                node_json(&l->o, NULL, l->c->srv->catalog, n, l->now, false);
        return 0;
}

static int list_page(struct listing *l, const char *after)
{
        struct store *s = l->c->srv->store;
        enum node_state state;
        int r;

        catalog_read(l->c->srv->catalog);
        if (!l->shown)
                r = s->ops->node_list(s, -1, after, l->left + 1, list_one, l);
        else if (strcmp(l->shown, "released") == 0) /* of two stored states, in the order of their ids */
                r = s->ops->node_list(s, -1, after, l->left + 1, list_one, l);
        else if (node_state_parse(l->shown, &state) == 0)
                r = s->ops->node_list(s, (int)state, after, l->left + 1, list_one, l);
        else
                r = unreachable_list(s, l->now, after, list_one, l);
        catalog_done(l->c->srv->catalog);
        return r == -ECANCELED ? 0 : r;
}

enum MHD_Result on_nodes(struct call *c)
{
        struct listing l = { .c = c, .shown = call_arg(c, "state"), .now = server_now() };
        const char *after = call_arg(c, "after");
        enum MHD_Result result = MHD_NO;
        enum node_state state;
        uint64_t limit;
        int r;

        if (l.shown && strcmp(l.shown, "unreachable") != 0 && node_state_parse(l.shown, &state) < 0)
                return reply_error(c, 400, "pending, enrolled, released, failed, refused, unreachable, quarantined or revoked",
                                   "there is no state of this name");
        if (after && !hex_ok(after, NODE_ID_HEX))
                return reply_error(c, 400, "give `next` of the page before, or leave it out for the first page",
                                   "after is no node id");
        if (!admin_arg_number(c, "limit", ADMIN_PAGE, 1, ADMIN_PAGE_MAX, &limit, &result))
                return result;
        l.left = limit;
        jout_obj(&l.o, NULL);
        jout_arr(&l.o, "nodes");
        r = list_page(&l, after);
        if (r < 0) {
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
        const char *evidence = call_arg(c, "evidence");
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
        if (evidence && strcmp(evidence, "0") == 0) {
                jout_end(&o, '}');
                return reply_json(c, 200, &o);
        }
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
