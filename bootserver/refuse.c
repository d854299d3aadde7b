/* SPDX-License-Identifier: Apache-2.0 */
#include "attest.h"

#include "explain.h"
#include "fold.h"
#include "hooks.h"
#include "journal.h"
#include "logquote.h"
#include "nodes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

#define RETRY_AFTER 30
#define BUSY_RETRY 5
#define LINE_MAX_SHOWN 500

static struct {
        pthread_mutex_t lock;
        bool begun;
        struct fold fold;
} folding = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct source {
        char address[INET6_ADDRSTRLEN];
        char kind[FOLD_SOURCE]; /* the address; of IPv6, where one has many, its /64 */
};

static void source_of(struct call *c, struct source *ret)
{
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr *sa = info ? info->client_addr : NULL;

        *ret = (struct source){ .address = "unknown", .kind = "unknown" };
        if (sa && sa->sa_family == AF_INET) {
                (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, ret->address,
                                sizeof(ret->address));
                (void)snprintf(ret->kind, sizeof(ret->kind), "%s", ret->address);
        } else if (sa && sa->sa_family == AF_INET6) {
                struct in6_addr six = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
                bool four = IN6_IS_ADDR_V4MAPPED(&six);

                (void)inet_ntop(AF_INET6, &six, ret->address, sizeof(ret->address));
                if (!four)
                        memset(six.s6_addr + 8, 0, 8);
                (void)inet_ntop(AF_INET6, &six, ret->kind, sizeof(ret->kind) - 4);
                if (!four)
                        memcpy(ret->kind + strlen(ret->kind), "/64", sizeof("/64"));
        }
}

/* fold_note() of this process. */
static bool in_full(const char *kind, const char *code, char incident[INCIDENT_LEN + 1])
{
        char first[FOLD_INCIDENT];
        bool full;

        (void)pthread_mutex_lock(&folding.lock);
        if (!folding.begun)
                fold_init(&folding.fold);
        folding.begun = true;
        full = fold_note(&folding.fold, server_now(), kind, code, incident, first);
        (void)pthread_mutex_unlock(&folding.lock);
        if (!full)
                memcpy(incident, first, INCIDENT_LEN + 1);
        return full;
}

static int journal_folded(struct server *srv, const struct folded *k)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        struct journal_entry e = { .event = "refused-more", .code = k->code, .incident = k->incident };
        struct jout o = { 0 };
        int r;

        if (strlen(k->source) == NODE_ID_HEX)
                e.node = k->source;
        jout_obj(&o, NULL);
        jout_int(&o, "count", (int64_t)k->count);
        jout_int(&o, "since", k->since);
        if (!e.node)
                jout_str(&o, "from", k->source[0] ? k->source : "many");
        jout_end(&o, '}');
        r = jout_take(&o, &detail);
        jout_wipe(&o);
        if (r < 0)
                return r;
        e.detail = (const char *)detail.p;
        r = store_tx_begin(&tx, srv->store);
        if (r == 0)
                r = journal_append(srv->store, server_now(), &e, NULL);
        return r < 0 ? r : store_tx_commit(&tx);
}

void refuse_flush(struct server *srv, bool all)
{
        _cleanup_(freep) struct folded *k = calloc(FOLD_KINDS, sizeof(*k));
        size_t n;

        if (!k)
                return; /* they stay counted */
        (void)pthread_mutex_lock(&folding.lock);
        n = fold_take(&folding.fold, server_now(), all, k);
        (void)pthread_mutex_unlock(&folding.lock);
        for (size_t i = 0; i < n; i++) {
                int r = journal_folded(srv, &k[i]);

                log_info("refused-more: code=%s count=%llu from=%s incident=%s%s%s", k[i].code,
                         (unsigned long long)k[i].count, k[i].source[0] ? k[i].source : "many", k[i].incident,
                         r < 0 ? ": not in the journal: " : "", r < 0 ? strerror(-r) : "");
        }
}

enum MHD_Result reply_busy(struct call *c, const char *why)
{
        struct verdict v = { .kind = VERDICT_BUSY, .code = "M-BUSY", .retry_after = BUSY_RETRY };

        struct source from;

        source_of(c, &from);
        if (journal_incident(v.incident) < 0)
                return MHD_NO;
        if (in_full(from.kind, v.code, v.incident))
                log_warn("busy: %s from=%s incident=%s", why, from.address, v.incident);
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

static int detail_json(const struct attest *a, const struct decision *d, const struct source *from, struct buf *ret)
{
        struct jout o = { 0 };
        int r;

        jout_obj(&o, NULL);
        jout_bool(&o, "genuine", d->genuine);
        jout_str(&o, "from", from->address);
        jout_int(&o, "reset_count", evidence_counters(a->ev).reset_count);
        if (d->boot)
                jout_str(&o, "boot", d->boot->name);
        wire_facts_out(&o, "facts", &a->req.facts);
        jout_end(&o, '}');
        r = jout_take(&o, ret);
        jout_wipe(&o);
        return r;
}

static int from_json(const struct source *from, struct buf *ret)
{
        struct jout o = { 0 };
        int r;

        jout_obj(&o, NULL);
        jout_str(&o, "from", from->address);
        jout_end(&o, '}');
        r = jout_take(&o, ret);
        jout_wipe(&o);
        return r;
}

/* A genuine refusal of an approved node is the node's new state. */
static int record(struct server *srv, const struct attest *a, struct node *now, const struct decision *d)
{
        struct store *s = srv->store;
        int64_t seen;
        int r = s->ops->node_get(s, a->id, now);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        seen = now->last_seen;
        now->last_seen = server_now();
        if (node_approved(now)) {
                now->state = NODE_REFUSED;
                (void)snprintf(now->reason, sizeof(now->reason), "%s", d->code);
        }
        r = d->sound ? attest_store_evidence(srv, a, now, seen) : 0;
        if (d->sound)
                attest_tpm_into(a, false, now);
        return r < 0 ? r : s->ops->node_seen(s, now);
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
        return n && n->state != NODE_RELEASED && n->state != NODE_FAILED && (uint64_t)(server_now() - n->last_seen) < RETRY_AFTER / 2;
}

enum MHD_Result refuse_decided(struct call *c, const struct attest *a, const struct node *n, const struct decision *d,
                               const struct decide_refs *refs)
{
        _cleanup_(node_wipe) struct node now = { 0 };
        _cleanup_(buf_wipe) struct buf explain = { 0 };
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        _cleanup_(jstrs_free) struct jstrs lines = { 0 };
        char incident[INCIDENT_LEN + 1];
        char why[LINE_MAX_SHOWN];
        struct source from;
        struct journal_entry e = { .node = a->id, .name = n ? n->name : "", .event = "refused", .code = d->code,
                                   .incident = incident };
        int r;

        source_of(c, &from);
        r = journal_incident(incident);
        if (r == 0 && (!d->genuine || in_haste(n)) && !in_full(d->genuine ? a->id : from.kind, d->code, incident))
                return answer(c, d->code, incident);
        if (r == 0)
                r = explain_decision(d, a->ev, refs, &lines);
        if (r == 0)
                r = lines_json(&lines, &explain);
        if (r == 0)
                r = detail_json(a, d, &from, &detail);
        if (r < 0)
                return reply_busy(c, "cannot write down a refusal");
        e.explain = (const char *)explain.p;
        e.detail = (const char *)detail.p;
        r = commit_refusal(c->srv, a, d, &now, &e);
        if (r < 0)
                return reply_busy(c, "cannot commit the journal");
        log_info("node=%s name=%s refused: code=%s incident=%s from=%s why=%s", a->id, n ? n->name : "", d->code, incident,
                 from.address, log_quote(lines.n > 0 ? lines.v[0] : explain_meaning(d->code), why, sizeof(why)));
        if (d->genuine && n && node_approved(&now) && (n->state != NODE_REFUSED || strcmp(n->reason, d->code) != 0))
                hooks_send(c->srv->hooks, &now, node_state_text(n->state), "refused", d->code, incident);
        return answer(c, d->code, incident);
}

enum MHD_Result refuse_code(struct call *c, const char *node, const char *code, const char *why)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(jstrs_free) struct jstrs lines = { 0 };
        _cleanup_(buf_wipe) struct buf explain = { 0 };
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        char incident[INCIDENT_LEN + 1];
        char shown[LINE_MAX_SHOWN];
        struct journal_entry e = { .node = node, .event = "refused", .code = code, .incident = incident };
        struct source from;
        int r;

        source_of(c, &from);
        r = journal_incident(incident);
        if (r == 0 && !in_full(from.kind, code, incident))
                return answer(c, code, incident);
        if (r == 0)
                r = from_json(&from, &detail);
        if (r == 0)
                r = jstrs_add(&lines, explain_meaning(code));
        if (r == 0)
                r = jstrs_add(&lines, why);
        if (r == 0)
                r = jstrs_add(&lines, explain_next(code));
        if (r == 0)
                r = lines_json(&lines, &explain);
        e.explain = (const char *)explain.p;
        e.detail = (const char *)detail.p;
        if (r == 0)
                r = store_tx_begin(&tx, c->srv->store);
        if (r == 0)
                r = journal_append(c->srv->store, server_now(), &e, NULL);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r < 0)
                return reply_busy(c, "cannot commit the journal");
        log_info("node=%s refused: code=%s incident=%s from=%s why=%s", node ? node : "", code, incident, from.address,
                 log_quote(why, shown, sizeof(shown)));
        return answer(c, code, incident);
}
