/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-enrolment: one node, or many in one transaction. */
#include "admin.h"

#include "ek_cas.h"
#include "ek_kept.h"
#include "hex.h"
#include "hooks.h"
#include "names.h"
#include "nodes.h"
#include "tpmpub.h"
#include "wire_verdict.h"

#include <stdarg.h>

#define ENROL_MAX 500 /* nodes in one transaction, which others wait for */

struct add {
        char name[NAME_MAX_LEN + 1];
        char id[NODE_ID_HEX + 1];
        char profile[PROFILE_NAME_MAX + 1];
        struct buf certificate;
        struct buf ek_public;
        bool without;
};

/* One of a request's nodes: what was asked for and, in words for the admin,
 * why it was not done. */
struct enrol {
        struct add a;
        struct node n;
        char why[600];
        const char *next;
        unsigned status; /* of a refusal; 0: none */
        bool known;      /* it is there as asked for: nothing was done */
};

static const struct jfield add_tab[] = {
        { "name", JT_STR, offsetof(struct add, name), NAME_MAX_LEN, JF_REQUIRED },
        { "id", JT_STR, offsetof(struct add, id), NODE_ID_HEX, 0 },
        { "profile", JT_STR, offsetof(struct add, profile), PROFILE_NAME_MAX, 0 },
        { "ek_certificate", JT_B64, offsetof(struct add, certificate), 4096, 0 },
        { "ek_public", JT_B64, offsetof(struct add, ek_public), 1024, 0 },
        { "without_ek_certificate", JT_BOOL, offsetof(struct add, without), 0, 0 },
};

static void enrol_wipe(struct enrol *e)
{
        jtab_wipe(add_tab, ELEMENTSOF(add_tab), &e->a);
        node_wipe(&e->n);
}

static void _printf_(4, 5) refuse(struct enrol *e, unsigned status, const char *next, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(e->why, sizeof(e->why), fmt, ap);
        va_end(ap);
        e->next = next;
        e->status = status;
}

/* All that name the EK must name the same one. A static text when not. */
static const char *same_id(struct node *n, const uint8_t id[DIGEST_LEN])
{
        char hex[NODE_ID_HEX + 1];

        hex_encode(id, DIGEST_LEN, hex);
        if (n->id[0] && strcmp(n->id, hex) != 0)
                return "id, certificate and public key are not of the same EK";
        memcpy(n->id, hex, sizeof(hex));
        return NULL;
}

static const char *identify(struct server *srv, const struct add *a, struct node *n)
{
        struct jbufs certs = { .v = (struct buf *)(uintptr_t)&a->certificate, .n = a->certificate.len > 0 };
        const char *why = NULL;
        uint8_t id[DIGEST_LEN];

        n->chain = EK_CHAIN_NONE;
        if (a->id[0]) {
                if (!hex_ok(a->id, NODE_ID_HEX))
                        return "an id is 64 hex digits";
                memcpy(n->id, a->id, sizeof(n->id));
        }
        if (a->ek_public.len > 0) {
                struct tpmpub pub;

                if (tpmpub_parse_any(a->ek_public.p, a->ek_public.len, &pub) < 0 || tpmpub_is_ek(&pub, &why) < 0 ||
                    tpmpub_id(&pub, id) < 0)
                        return why ? why : "the EK's public area does not parse";
                why = same_id(n, id);
        }
        if (!why && certs.n > 0) {
                struct ekcert leaf = { 0 };

                if (ekcert_parse(certs.v[0].p, certs.v[0].len, &leaf, &why) < 0)
                        return why;
                why = leaf.not_ek ? leaf.not_ek : same_id(n, leaf.id);
                if (!why)
                        n->chain = ek_cas_check(srv->ek_cas, &certs, leaf.id);
                ekcert_free(&leaf);
        }
        return why ? why : n->id[0] ? NULL : "give id, ek_certificate or ek_public";
}

/* Everything that can be said before the store is held. */
static void check(struct server *srv, const char *text, size_t len, struct enrol *e)
{
        char err[JTAB_ERR];
        const char *why;

        e->n.state = NODE_ENROLLED;
        if (jtab_parse(text, len, ADMIN_BODY_MAX, add_tab, ELEMENTSOF(add_tab), &e->a, err) < 0) {
                refuse(e, 400, "see bootserver/API.md", "add node: %s", err);
                return;
        }
        if (!wire_name_ok(e->a.name)) {
                refuse(e, 400, "use a-z, 0-9 and -, at most 63", "%s is no name for a node", e->a.name);
                return;
        }
        if (wire_name_like_id(e->a.name)) {
                refuse(e, 400, "choose another name, for example with another letter before it", "%s is no name for a node: it could be the beginning of a node's id",
                       e->a.name);
                return;
        }
        why = identify(srv, &e->a, &e->n);
        if (why) {
                refuse(e, 400, "see muster(8), node add", "add node %s: %s", e->a.name, why);
                return;
        }
        e->n.without_cert = e->a.without;
        e->n.first_seen = server_now();
        (void)snprintf(e->n.name, sizeof(e->n.name), "%s", e->a.name);
        (void)snprintf(e->n.profile, sizeof(e->n.profile), "%s", e->a.profile);
}

/* So that a list that was cut off can be sent again, whole. */
static bool as_asked(const struct enrol *e, const struct node *old)
{
        return strcmp(old->id, e->n.id) == 0 && strcmp(old->name, e->n.name) == 0 && node_approved(old) &&
               (!e->n.profile[0] || strcmp(old->profile, e->n.profile) == 0) && (!e->n.without_cert || old->without_cert);
}

/* -ENOENT: neither the name nor the EK is there yet. Asked first, so that a
 * node that is refused leaves the transaction as it was. */
static int there(struct store *s, const struct node *n, struct node *ret)
{
        int r = s->ops->node_get(s, n->id, ret);

        return r == -ENOENT ? s->ops->node_find(s, n->name, ret) : r;
}

static void refuse_known(struct enrol *e, const struct node *old)
{
        const char *state = node_state_text(old->state);

        if (strcmp(old->id, e->n.id) != 0)
                refuse(e, 409, "choose another name; if this TPM takes that node's place, `muster node remove` that one first",
                       "add node %s: the name is there already: it is of the %s node with the id %s", e->a.name, state, old->id);
        else if (old->state == NODE_PENDING)
                refuse(e, 409, "approve it with `muster node approve`", "add node %s: this EK is there already: as the pending node %s",
                       e->a.name, old->id);
        else
                refuse(e, 409, "see `muster node list`", "add node %s: this EK is there already: as the %s node %s", e->a.name, state,
                       old->name[0] ? old->name : old->id);
}

/* Inside a transaction: 0, also when it was refused. */
static int add_one(struct call *c, bool again, struct enrol *e)
{
        const struct jbufs certs = { .v = &e->a.certificate, .n = e->a.certificate.len > 0 };
        _cleanup_(node_wipe) struct node old = { 0 };
        struct store *s = c->srv->store;
        int r = there(s, &e->n, &old);

        if (r == 0) {
                e->known = again && as_asked(e, &old);
                if (e->known) {
                        node_wipe(&e->n);
                        e->n = old;
                        old = (struct node){ 0 };
                } else {
                        refuse_known(e, &old);
                }
                return 0;
        }
        if (r == -ENOENT)
                r = s->ops->node_put(s, &e->n, NULL, 0);
        if (r == 0)
                r = ek_kept_put(s, e->n.id, &certs);
        return r < 0 ? r : admin_journal(c, &e->n, "enrolled", NULL, NULL);
}

/* All that were not refused, or on an error none. */
static int add_all(struct call *c, bool again, struct enrol *e, size_t n)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        size_t added = 0;
        int r = store_tx_begin(&tx, c->srv->store);

        for (size_t i = 0; i < n && r == 0; i++) {
                if (e[i].status)
                        continue;
                r = add_one(c, again, &e[i]);
                added += r == 0 && !e[i].status && !e[i].known;
        }
        if (r == 0 && added > 0)
                r = store_tx_commit(&tx);
        for (size_t i = 0; i < n && r == 0; i++) {
                if (e[i].status || e[i].known)
                        continue;
                waiters_wake(c->srv->waiters, e[i].n.id);
                hooks_send(c->srv->hooks, &e[i].n, "", "enrolled", NULL, NULL);
        }
        return r;
}

enum MHD_Result on_node_add(struct call *c)
{
        _cleanup_(enrol_wipe) struct enrol e = { 0 };
        int r = 0;

        check(c->srv, c->body.len > 0 ? (const char *)c->body.p : "{}", c->body.len > 0 ? c->body.len : 2, &e);
        if (!e.status)
                r = add_all(c, false, &e, 1);
        if (r < 0)
                return reply_failure(c, r, "cannot add the node");
        return e.status ? reply_error(c, e.status, e.next, "%s", e.why) : admin_reply_node(c, &e.n, NULL, false);
}

static void enrol_free(struct enrol **e)
{
        for (size_t i = 0; *e && i < ENROL_MAX; i++)
                enrol_wipe(&(*e)[i]);
        free(*e);
}

/* A line each; -E2BIG: more than ENROL_MAX. */
static int read_lines(struct call *c, struct enrol *e, size_t *ret_n)
{
        const char *p = (const char *)c->body.p;
        const char *end = p + c->body.len;

        for (*ret_n = 0; p < end; (*ret_n)++) {
                const char *nl = memchr(p, '\n', (size_t)(end - p));

                if (*ret_n == ENROL_MAX)
                        return -E2BIG;
                if (!nl)
                        nl = end;
                check(c->srv, p, (size_t)(nl - p), &e[*ret_n]);
                p = nl + 1;
        }
        return *ret_n > 0 ? 0 : -ENODATA;
}

enum MHD_Result on_enrol(struct call *c)
{
        _cleanup_(enrol_free) struct enrol *e = calloc(ENROL_MAX, sizeof(*e));
        struct jout o = { 0 };
        int64_t now = server_now();
        size_t n = 0;
        int r = e ? read_lines(c, e, &n) : -ENOMEM;

        if (r == -E2BIG || r == -ENODATA)
                return reply_error(c, 400, "see bootserver/API.md", "the body has to have 1 to %d nodes, a line each", ENROL_MAX);
        if (r == 0)
                r = add_all(c, true, e, n);
        if (r < 0)
                return reply_failure(c, r, "cannot add the nodes");
        jout_obj(&o, NULL);
        jout_arr(&o, "nodes");
        catalog_read(c->srv->catalog);
        for (size_t i = 0; i < n; i++) {
                if (!e[i].status) {
                        node_json(&o, NULL, c->srv->catalog, &e[i].n, now, true);
                        jout_bool(&o, "known", e[i].known);
                        jout_end(&o, '}');
                        continue;
                }
                jout_obj(&o, NULL);
                jout_str(&o, "error", e[i].why);
                jout_str(&o, "next", e[i].next);
                jout_end(&o, '}');
        }
        catalog_done(c->srv->catalog);
        jout_end(&o, ']');
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}
