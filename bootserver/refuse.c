/* SPDX-License-Identifier: Apache-2.0 */
#include "attest.h"

#include "explain.h"
#include "hooks.h"
#include "journal.h"
#include "nodes.h"

#include <pthread.h>

#define RETRY_AFTER 30
#define BUSY_RETRY 5
#define FLOOD_BURST 200  /* unproven refusals journalled at once */
#define FLOOD_PER_SECOND 10

/* A token bucket for refusals that anyone can cause. */
static bool flood_allows(void)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static double tokens = FLOOD_BURST;
        static int64_t last;
        int64_t now = server_now();
        bool ok;

        (void)pthread_mutex_lock(&lock);
        if (now > last) {
                tokens += (double)(now - last) * FLOOD_PER_SECOND;
                tokens = tokens > FLOOD_BURST ? FLOOD_BURST : tokens;
                last = now;
        }
        ok = tokens >= 1;
        if (ok)
                tokens -= 1;
        (void)pthread_mutex_unlock(&lock);
        return ok;
}

enum MHD_Result reply_busy(struct call *c, const char *why)
{
        struct verdict v = { .kind = VERDICT_BUSY, .code = "M-BUSY", .retry_after = BUSY_RETRY };

        if (journal_incident(v.incident) < 0)
                return MHD_NO;
        log_warn("busy: %s incident=%s", why, v.incident);
        return reply_verdict(c, &v);
}

static enum MHD_Result answer(struct call *c, const char *code, const char *incident)
{
        struct verdict v = { .kind = strcmp(code, "M-MALFORMED") == 0 ? VERDICT_MALFORMED : VERDICT_REFUSED,
                             .retry_after = RETRY_AFTER };

        (void)snprintf(v.code, sizeof(v.code), "%s", code);
        (void)snprintf(v.incident, sizeof(v.incident), "%s", incident);
        return reply_verdict(c, &v);
}

static int lines_json(const struct jstrs *lines, struct buf *ret)
{
        struct jout o = { 0 };
        int r;

        jout_arr(&o, NULL);
        for (size_t i = 0; i < lines->n; i++)
                jout_str(&o, NULL, lines->v[i]);
        jout_end(&o, ']');
        r = jout_take(&o, ret);
        jout_wipe(&o);
        return r;
}

static int detail_json(const struct attest *a, const struct decision *d, struct buf *ret)
{
        struct jout o = { 0 };
        int r;

        jout_obj(&o, NULL);
        jout_bool(&o, "genuine", d->genuine);
        jout_int(&o, "reset_count", evidence_reset_count(a->ev));
        if (d->boot)
                jout_str(&o, "boot", d->boot->name);
        wire_facts_out(&o, "facts", &a->req.facts);
        jout_end(&o, '}');
        r = jout_take(&o, ret);
        jout_wipe(&o);
        return r;
}

/* A genuine refusal of an approved node is the node's new state. */
static int record(struct server *srv, const struct attest *a, struct node *now, const struct decision *d)
{
        struct store *s = srv->store;
        int r = s->ops->node_get(s, a->id, now);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        now->last_seen = server_now();
        if (node_approved(now)) {
                now->state = NODE_REFUSED;
                (void)snprintf(now->reason, sizeof(now->reason), "%s", d->code);
        }
        r = d->sound ? attest_store_evidence(srv, a, now) : 0;
        return r < 0 ? r : s->ops->node_put(s, now, NULL, 0);
}

static int commit_refusal(struct server *srv, const struct attest *a, const struct decision *d, struct node *now,
                          const struct journal_entry *e)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        int r = store_tx_begin(&tx, srv->store);

        if (r == 0 && d->genuine)
                r = record(srv, a, now, d);
        if (r == 0)
                r = journal_append(srv->store, server_now(), e, NULL);
        return r < 0 ? r : store_tx_commit(&tx);
}

/* A client waits RETRY_AFTER after a refusal. One that does not, such as
 * root's on a running node, is no better than a stranger. */
static bool in_haste(const struct node *n)
{
        return n && n->state != NODE_OK && server_now() - n->last_seen < RETRY_AFTER / 2;
}

enum MHD_Result refuse_decided(struct call *c, const struct attest *a, const struct node *n, const struct decision *d,
                               const struct decide_refs *refs)
{
        _cleanup_(node_wipe) struct node now = { 0 };
        _cleanup_(buf_wipe) struct buf explain = { 0 };
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        _cleanup_(jstrs_free) struct jstrs lines = { 0 };
        char incident[INCIDENT_LEN + 1];
        struct journal_entry e = { .node = a->id, .name = n ? n->name : "", .event = "refused", .code = d->code,
                                   .incident = incident };
        int r;

        if ((!d->genuine || in_haste(n)) && !flood_allows())
                return reply_busy(c, "too many refusals that prove nothing, or of one node");
        r = journal_incident(incident);
        if (r == 0)
                r = explain_decision(d, a->ev, refs, &lines);
        if (r == 0)
                r = lines_json(&lines, &explain);
        if (r == 0)
                r = detail_json(a, d, &detail);
        if (r < 0)
                return reply_busy(c, "cannot write down a refusal");
        e.explain = (const char *)explain.p;
        e.detail = (const char *)detail.p;
        r = commit_refusal(c->srv, a, d, &now, &e);
        if (r < 0)
                return reply_busy(c, "cannot commit the journal");
        log_info("node=%s name=%s refused: %s incident=%s: %s", a->id, n ? n->name : "", d->code, incident,
                 lines.n > 0 ? lines.v[0] : explain_meaning(d->code));
        if (d->genuine && n && node_approved(&now) && (n->state != NODE_REFUSED || strcmp(n->reason, d->code) != 0))
                hooks_send(c->srv->hooks, &now, node_state_text(n->state), "refused", d->code, incident);
        return answer(c, d->code, incident);
}

enum MHD_Result refuse_code(struct call *c, const char *node, const char *code, const char *why)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(jstrs_free) struct jstrs lines = { 0 };
        _cleanup_(buf_wipe) struct buf explain = { 0 };
        char incident[INCIDENT_LEN + 1];
        struct journal_entry e = { .node = node, .event = "refused", .code = code, .incident = incident };
        int r;

        if (!flood_allows())
                return reply_busy(c, "too many refusals that prove nothing");
        r = journal_incident(incident);
        if (r == 0)
                r = jstrs_add(&lines, explain_meaning(code));
        if (r == 0)
                r = jstrs_add(&lines, why);
        if (r == 0)
                r = jstrs_add(&lines, explain_next(code));
        if (r == 0)
                r = lines_json(&lines, &explain);
        e.explain = (const char *)explain.p;
        if (r == 0)
                r = store_tx_begin(&tx, c->srv->store);
        if (r == 0)
                r = journal_append(c->srv->store, server_now(), &e, NULL);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r < 0)
                return reply_busy(c, "cannot commit the journal");
        log_info("node=%s refused: %s incident=%s: %s", node ? node : "", code, incident, why);
        return answer(c, code, incident);
}
