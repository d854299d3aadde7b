/* SPDX-License-Identifier: Apache-2.0 */
#include "attest.h"

#include "ek_cas.h"
#include "ek_kept.h"
#include "facts.h"
#include "hex.h"
#include "journal.h"
#include "keycache.h"
#include "nodes.h"
#include "routes.h"
#include "tls_server.h"
#include "wire_frame.h"

#include <arpa/inet.h>
#include <time.h>

#define EXPORTER_LABEL "EXPORTER-muster-attest-v2"
#define CHALLENGE_SECONDS 30 /* a slow TPM needs ten */
#define HOLD_SECONDS 25
#define PENDING_RETRY 2
#define RATE_RETRY 5

/* Tokens (fair.h) that an exchange takes: before it is looked at ... */
#define ATTEST_COST(body) (1 + (unsigned)((body) / 65536))
#define ACTIVATE_COST 1
#define CHALLENGE_COST 2 /* beside the attestation's own */
/* ... and afterwards, for each further millisecond of CPU time, when it took more than: */
#define COST_MS 2

static int64_t monotonic(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec;
}

void attest_drop_request(struct attest *a)
{
        evidence_free(a->ev);
        a->ev = NULL;
        if (a->has_request)
                attest_request_wipe(&a->req);
        a->has_request = false;
        buf_wipe(&a->body);
        if (a->srv)
                (void)atomic_fetch_sub(&a->srv->body_bytes, a->counted);
        a->counted = 0;
}

bool attest_is_activated(const struct attest *a)
{
        const uint8_t *name = evidence_ak_name(a->ev);

        return a->activated && name && same_bytes(a->activated_node, DIGEST_LEN, a->req.node, DIGEST_LEN) &&
               same_bytes(a->activated_name, POLICY_NAME_LEN, name, POLICY_NAME_LEN);
}

const uint8_t *attest_token(const struct attest *a, const struct node *n)
{
        return attest_is_activated(a) ? a->token : n->has_token ? n->ak_token : NULL;
}

void attest_free(struct attest *a)
{
        if (!a)
                return;
        attest_drop_request(a);
        release_free(a->release);
        wipe(a, sizeof(*a));
        free(a);
}

/* The connection's part, made on first use: -EPROTO unless it is TLS 1.3. */
static int attest_of(struct call *c, struct attest **ret)
{
        struct attest *a = c->session->attest;

        if (!a) {
                a = calloc(1, sizeof(*a));
                if (!a)
                        return -ENOMEM;
                a->srv = c->srv;
                c->session->attest = a;
        }
        *ret = a;
        if (a->have_exporter)
                return 0;
        if (tls_export_of(c->conn, EXPORTER_LABEL, a->exporter) < 0 || tls_issuer_of(c->conn, a->parent_ca) < 0)
                return -EPROTO;
        a->have_exporter = true;
        return 0;
}

enum MHD_Result reply_verdict(struct call *c, const struct verdict *v)
{
        static const enum metric counters[] = {
                [VERDICT_OK] = M_VERDICT_OK, [VERDICT_CHALLENGE] = M_VERDICT_CHALLENGE,
                [VERDICT_PENDING] = M_VERDICT_PENDING, [VERDICT_REFUSED] = M_VERDICT_REFUSED,
                [VERDICT_MALFORMED] = M_VERDICT_MALFORMED, [VERDICT_BUSY] = M_VERDICT_BUSY,
        };
        struct buf body = { 0 };
        int r = wire_verdict_build(v, &body);

        if (r < 0) {
                log_err("cannot build a verdict: %s", strerror(-r));
                return MHD_NO;
        }
        metric_add(&c->srv->metrics, counters[v->kind], 1);
        if (v->code[0])
                metric_code(&c->srv->metrics, v->code);
        return reply_buf(c, wire_verdict_status(v->kind), WIRE_TYPE, &body);
}

static enum MHD_Result send_challenge(struct call *c, struct attest *a)
{
        _cleanup_(verdict_wipe) struct verdict v = { .kind = VERDICT_CHALLENGE };
        struct signer_credential cred = { 0 };
        const uint8_t *name = evidence_ak_name(a->ev);
        int r = name ? signer_challenge(c->srv->signer, a->req.node, &a->req.ek_public, &a->req.ak_public, &cred) : -EINVAL;

        v.credential_blob = cred.blob;
        v.secret = cred.secret;
        if (r < 0)
                return reply_busy(c, "cannot make a credential challenge");
        memcpy(a->challenge_name, name, POLICY_NAME_LEN);
        memcpy(a->ticket, cred.ticket, sizeof(a->ticket));
        a->challenged = true;
        a->challenge_until = monotonic() + CHALLENGE_SECONDS;
        return reply_verdict(c, &v);
}

/* Verifying and challenging cost more than asking: what one address, and
 * all strangers together, may cause is limited before it is done. Nothing
 * is logged: metrics count them. */
static bool may_ask(struct call *c, unsigned cost)
{
        return guard_work(c->srv->guard, &c->session->conn, cost, true);
}

static enum MHD_Result too_fast(struct call *c)
{
        struct verdict v = { .kind = VERDICT_BUSY, .code = "M-BUSY", .retry_after = RATE_RETRY };

        return journal_incident(v.incident) < 0 ? MHD_NO : reply_verdict(c, &v);
}

static enum MHD_Result send_pending(struct call *c, struct attest *a)
{
        struct verdict v = { .kind = VERDICT_PENDING, .retry_after = PENDING_RETRY };

        memcpy(v.node, a->req.node, DIGEST_LEN);
        attest_drop_request(a);
        return reply_verdict(c, &v);
}

/* The references for this node, with the catalogue's read lock held. */
static void refs_for(struct server *srv, const struct attest *a, const struct node *n, const struct boot_ref **boots,
                     struct decide_refs *ret, const struct catalog_image **ret_image)
{
        struct catalog *cat = srv->catalog;
        bool own = n->assigned_boot[0] != '\0';
        const struct catalog_boot *b = catalog_boot(cat, own ? n->assigned_boot : catalog_default(cat, false, false));
        const struct catalog_boot *before = own ? NULL : catalog_boot(cat, catalog_default(cat, false, true));
        const struct catalog_image *i =
                catalog_image(cat, n->assigned_image[0] ? n->assigned_image : catalog_default(cat, true, false));
        const struct catalog_profile *p;
        char model[PROFILE_NAME_MAX + 1];

        profile_name(&a->req.facts, model);
        p = catalog_profile(cat, n->profile[0] ? n->profile : model);
        *ret = (struct decide_refs){ .loaded = true, .has_image = i && i->usable, .boots = boots,
                                     .ipxe = catalog_ipxe(cat),
                                     .judge_settings = catalog_choice(cat, CHOICE_PCR1) == PCR1_PROFILE,
                                     .policy_keys = srv->keys.policy_id, .n_policy_keys = srv->keys.n_policy,
                                     .judge_tpm = catalog_choice(cat, CHOICE_TPM) == TPM_REFUSE,
                                     .advices = catalog_advices(cat), .tpm_maker = a->tpm_maker };
        if (b && b->usable)
                boots[ret->n_boots++] = &b->ref;
        if (before && before->usable && before != b)
                boots[ret->n_boots++] = &before->ref;
        if (p && p->json[PROFILE_CURRENT])
                ret->current = &p->parsed[PROFILE_CURRENT];
        if (p && p->json[PROFILE_PREVIOUS])
                ret->previous = &p->parsed[PROFILE_PREVIOUS];
        *ret_image = i;
}

/* Whose TPM it is, where look_at_chain() found no certificate that says it: what
 * the client says, unless one said it before. A client that did not ask its
 * TPM, because it was let in before, has its maker on record. */
static void find_maker(struct attest *a, const struct node *n)
{
        bool on_record = n->tpm_maker[0] && (n->chain == EK_CHAIN_OK || !a->req.facts.tpm[0]);

        if (!a->maker_certified)
                (void)snprintf(a->tpm_maker, sizeof(a->tpm_maker), "%s", on_record ? n->tpm_maker : a->req.facts.tpm);
}

/* The approved client alone tells its machine's facts as they are: they count
 * when all else is right. */
static bool is_other_machine(const struct call *c, const struct attest *a, const struct node *n, const struct decision *d)
{
        return d->verdict == DECIDE_OK && catalog_choice(c->srv->catalog, CHOICE_FACTS) == FACTS_QUARANTINE &&
               facts_changed_text(n->facts, &a->req.facts);
}

/* The last stage. -EAGAIN: the record changed meanwhile. */
static int judge_policy(struct call *c, struct attest *a, struct node *n, struct decision *d, enum MHD_Result *ret)
{
        const struct boot_ref *boots[2];
        const struct catalog_image *image = NULL;
        bool ak_changed = d->ak_changed; /* found in the stages before */
        bool cleared = d->cleared;
        struct decide_refs refs;
        int r = 0;

        catalog_read(c->srv->catalog);
        refs_for(c->srv, a, n, boots, &refs, &image);
        decide_policy(a->ev, &refs, d);
        d->ak_changed = ak_changed;
        d->cleared = cleared;
        if (is_other_machine(c, a, n, d)) {
                r = facts_quarantine(c->srv, a, n);
                decide_other_machine(d);
        }
        if (d->verdict != DECIDE_OK && r == 0)
                *ret = refuse_decided(c, a, n, d, &refs);
        else if (r == 0)
                r = release_make(c->srv, a, n, d, image, &a->release);
        catalog_done(c->srv->catalog);
        if (r == -EAGAIN)
                return r;
        /* the signer knows nothing of this AK: its record is of another store key, or of before there were tokens */
        if (r == -EACCES && !attest_is_activated(a)) {
                if (may_ask(c, CHALLENGE_COST)) {
                        *ret = send_challenge(c, a);
                        return 0;
                }
                *ret = too_fast(c);
                attest_drop_request(a);
                return 0;
        }
        if (r < 0)
                log_err("node=%s cannot be let in, or quarantined: %s. Next: see the lines of the store and of musterd-signer before this one",
                        a->id, r == -EINVAL || r == -EACCES ? "the signer refuses its quote, key or token" : strerror(-r));
        attest_drop_request(a);
        if (r < 0)
                *ret = reply_busy(c, "cannot commit or make a release, or a quarantine");
        else if (d->verdict == DECIDE_OK)
                *ret = release_send(c, a);
        return 0;
}

/* Pending: hold the request, or answer when it was held before. -EAGAIN:
 * something was decided meanwhile. */
static int judge_pending(struct call *c, struct attest *a, uint64_t generation, enum MHD_Result *ret)
{
        int r = c->held ? -ESHUTDOWN : pending_note(c->srv, a, "");

        if (r == -EBUSY || r == -EIO || r == -ENOMEM) {
                *ret = reply_busy(c, r == -EBUSY ? "pending-limit is reached" : "cannot commit the journal");
                attest_drop_request(a);
                return 0;
        }
        (void)snprintf(a->recorded, sizeof(a->recorded), "%s", a->id);
        if (r == 0 && !server_may_hold(c->srv))
                r = -ENOSPC;
        if (r == 0)
                r = waiters_hold(c->srv->waiters, &c->waiter, c->conn, a->id, generation, HOLD_SECONDS);
        if (r == -EAGAIN)
                return r;
        c->waiting = r == 0;
        if (c->waiting)
                c->held = true;
        *ret = r == 0 ? MHD_YES : send_pending(c, a);
        return 0;
}

/* A certificate that chains to its maker knows better than the TPM's answer to a question. */
static void certified_maker(const struct buf *der, struct attest *a)
{
        struct ekcert leaf = { 0 };
        const char *why = NULL;

        if (ekcert_parse(der->p, der->len, &leaf, &why) == 0)
                ekcert_maker(&leaf, a->tpm_maker);
        ekcert_free(&leaf);
        a->maker_certified = a->tpm_maker[0] != '\0';
}

static void forget_chain(struct attest *a)
{
        a->chain = EK_CHAIN_NONE;
        a->maker_certified = false;
        a->tpm_maker[0] = '\0';
}

/* By the CAs of now: a request may have been held while they were read anew. Of
 * a TPM without certificates: those that are kept of a known node. */
static void look_at_chain(struct call *c, struct attest *a, bool known)
{
        struct server *srv = c->srv;
        struct jbufs kept = { 0 };
        bool own = a->req.ek_certs.n > 0;
        const struct jbufs *certs = own ? &a->req.ek_certs : &kept;

        forget_chain(a);
        if (own || (known && ek_kept_get(srv->store, a->id, &kept) == 0))
                a->chain = ek_cas_check(srv->ek_cas, certs, a->req.node);
        if (a->chain == EK_CHAIN_OK)
                certified_maker(&certs->v[0], a);
        jbufs_free(&kept);
}

/* Is it an unknown node that is refused for its event log alone? Its AK is
 * activated all the same, so that the record is its own and nobody else's. */
static bool lists_refused(const struct attest *a, const struct decide_node *rec, const uint8_t *activated, struct decision *d)
{
        struct decision who;

        if (!d->code || strcmp(d->code, "M-EVENTLOG") != 0 || (rec->rec != NODE_REC_NONE && rec->rec != NODE_REC_PENDING))
                return false;
        decide_identity(a->ev, rec, activated, &who);
        if (who.verdict == DECIDE_CHALLENGE)
                *d = who;
        return who.verdict == DECIDE_PENDING;
}

static int judge_once(struct call *c, struct attest *a, enum MHD_Result *ret)
{
        uint64_t generation = waiters_generation(c->srv->waiters);
        _cleanup_(node_wipe) struct node n = { 0 };
        struct decide_node rec;
        struct decision d;
        bool mine = a->activated && same_bytes(a->activated_node, DIGEST_LEN, a->req.node, DIGEST_LEN);
        int r = c->srv->store->ops->node_get(c->srv->store, a->id, &n);

        if (r < 0 && r != -ENOENT) {
                *ret = reply_busy(c, "cannot read the node's record");
                attest_drop_request(a);
                return 0;
        }
        node_for_decision(r == 0 ? &n : NULL, strcmp(a->recorded, a->id) == 0, &rec);
        decide_signed(a->ev, a->exporter, &rec, &d);
        if (d.verdict == DECIDE_GO_ON) {
                if (decide_wants_chain(&rec))
                        look_at_chain(c, a, r == 0);
                if (evidence_read_log(a->ev) < 0) {
                        *ret = reply_busy(c, "no memory for the event log");
                        attest_drop_request(a);
                        return 0;
                }
                decide_evidence(a->ev, &rec, a->chain, &d);
        }
        if (d.verdict == DECIDE_GO_ON) {
                decide_identity(a->ev, &rec, mine ? a->activated_name : NULL, &d);
        } else if (lists_refused(a, &rec, mine ? a->activated_name : NULL, &d)) {
                look_at_chain(c, a, r == 0);
                find_maker(a, &n);
                (void)pending_note(c->srv, a, d.code); /* refused all the same; that there is no place, it says */
        }
        switch (d.verdict) {
        case DECIDE_CHALLENGE:
                if (may_ask(c, CHALLENGE_COST)) {
                        *ret = send_challenge(c, a);
                        return 0;
                }
                *ret = too_fast(c);
                attest_drop_request(a);
                return 0;
        case DECIDE_PENDING:
                look_at_chain(c, a, r == 0);
                find_maker(a, &n);
                return judge_pending(c, a, generation, ret);
        case DECIDE_GO_ON:
                keycache_keep(c->srv->keycache, a->ev);
                if (!decide_wants_chain(&rec))
                        look_at_chain(c, a, r == 0); /* for the record */
                find_maker(a, &n);
                return judge_policy(c, a, &n, &d, ret);
        default:
                *ret = refuse_decided(c, a, r == 0 ? &n : NULL, &d, NULL);
                attest_drop_request(a);
                return 0;
        }
}

static enum MHD_Result judge(struct call *c, struct attest *a)
{
        enum MHD_Result result = MHD_NO;
        struct timespec from;
        struct timespec to;
        int r = -EAGAIN;

        if (a->release)
                return release_send(c, a);
        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        for (int tries = 0; tries < 5 && r == -EAGAIN; tries++)
                r = judge_once(c, a, &result);
        if (r == -EAGAIN) {
                result = reply_busy(c, "the node's record keeps changing");
                attest_drop_request(a);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        metric_add(&c->srv->metrics, M_DECIDE_US,
                   (uint64_t)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000));
        return result;
}

static void note_address(struct call *c, struct attest *a)
{
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr *sa = info ? info->client_addr : NULL;

        memset(a->from, 0, sizeof(a->from));
        if (sa && sa->sa_family == AF_INET)
                (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, a->from, sizeof(a->from));
        else if (sa && sa->sa_family == AF_INET6)
                (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, a->from, sizeof(a->from));
}

static int64_t thread_us(void)
{
        struct timespec t;

        return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 : 0;
}

/* What made more work than most is paid for afterwards. */
static enum MHD_Result charged(struct call *c, enum MHD_Result (*answer)(struct call *c))
{
        int64_t from = thread_us();
        enum MHD_Result result = answer(c);
        int64_t more = (thread_us() - from) / 1000 - COST_MS;

        if (more > 0)
                guard_charge(c->srv->guard, &c->session->conn, (unsigned)more);
        return result;
}

static enum MHD_Result attest(struct call *c)
{
        struct attest *a = NULL;
        char err[JTAB_ERR];
        int r = attest_of(c, &a);

        if (r == -EPROTO)
                return reply_error(c, 400, "connect with TLS 1.3", "this is no fresh TLS 1.3 connection");
        if (r < 0)
                return reply_busy(c, "no memory");
        if (c->held)
                return judge(c, a);
        a->challenged = false;
        attest_drop_request(a);
        if (!may_ask(c, ATTEST_COST(c->body.len)))
                return too_fast(c);
        r = wire_attest_parse(c->body.p, c->body.len, &a->req, err);
        if (r == -ENOMEM || r == -EIO)
                return reply_busy(c, r == -EIO ? "cannot make a digest" : "no memory");
        if (r < 0)
                return refuse_code(c, NULL, "M-MALFORMED", err);
        a->has_request = true;
        a->body = c->body;
        a->counted = c->counted;
        c->body = (struct buf){ 0 };
        c->counted = c->body_size = 0;
        hex_encode(a->req.node, DIGEST_LEN, a->id);
        note_address(c, a);
        r = evidence_parse(&a->req, &a->ev);
        if (r < 0) {
                attest_drop_request(a);
                return reply_busy(c, "cannot take the evidence apart");
        }
        keycache_give(c->srv->keycache, a->ev);
        forget_chain(a);
        return judge(c, a);
}

/* A challenge is spent by whatever answers it first. 0, -EKEYREJECTED, or
 * what the signer failed with. */
static int take_secret(struct call *c, struct attest *a, const struct buf *given)
{
        int r = -EKEYREJECTED;

        if (a->challenged && a->has_request && monotonic() <= a->challenge_until && given->len == SIGNER_SECRET)
                r = signer_activate(c->srv->signer, a->req.node, a->challenge_name, a->ticket, given->p, a->token);
        a->challenged = false;
        return r;
}

static enum MHD_Result activate(struct call *c)
{
        _cleanup_(buf_wipe) struct buf given = { 0 };
        struct attest *a = NULL;
        char err[JTAB_ERR];
        int r = attest_of(c, &a);

        if (r == -EPROTO)
                return reply_error(c, 400, "connect with TLS 1.3", "this is no fresh TLS 1.3 connection");
        if (r < 0)
                return reply_busy(c, "no memory");
        if (c->held)
                return judge(c, a);
        if (!may_ask(c, ACTIVATE_COST)) {
                a->challenged = false;
                attest_drop_request(a);
                return too_fast(c);
        }
        r = wire_activate_parse(c->body.p, c->body.len, &given, err);
        if (r < 0) {
                a->challenged = false;
                attest_drop_request(a);
                return refuse_code(c, NULL, "M-MALFORMED", err);
        }
        r = take_secret(c, a, &given);
        if (r < 0 && r != -EKEYREJECTED) {
                attest_drop_request(a);
                return reply_busy(c, "the signer cannot check an activation secret");
        }
        if (r < 0) {
                char id[NODE_ID_HEX + 1];

                (void)snprintf(id, sizeof(id), "%s", a->has_request ? a->id : "");
                attest_drop_request(a);
                return refuse_code(c, id, "M-ACTIVATE", "the activation secret was wrong, late, or answered no challenge");
        }
        a->activated = true;
        memcpy(a->activated_name, a->challenge_name, POLICY_NAME_LEN);
        memcpy(a->activated_node, a->req.node, DIGEST_LEN);
        return judge(c, a);
}

enum MHD_Result on_attest(struct call *c)
{
        return charged(c, attest);
}

enum MHD_Result on_activate(struct call *c)
{
        return charged(c, activate);
}
