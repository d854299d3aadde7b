/* SPDX-License-Identifier: Apache-2.0 */
#include "attest.h"

#include "ek_kept.h"
#include "hooks.h"
#include "ipxe_script.h"
#include "journal.h"
#include "logquote.h"
#include "names.h"
#include "places.h"

#include <ctype.h>
#include <pthread.h>

#define SEEN_NOTED 60 /* seconds between two notes of one pending node */
#define STRANGER_NOTED 600 /* between two that keep its evidence anew, when it has no certificate */
#define LOOK_SECONDS 60
#define DAY 86400
#define EXPIRED_MAX 200 /* in one look */

int attest_facts_into(const struct attest *a, struct node *n, struct mac_list *ret_macs)
{
        const struct attest_facts *f = &a->req.facts;
        _cleanup_(buf_wipe) struct buf text = { 0 };
        struct jout o = { 0 };
        int r;

        ret_macs->n = 0;
        for (size_t i = 0; i < f->macs.n && ret_macs->n < WIRE_MACS; i++) {
                if (!mac_ok(f->macs.v[i]))
                        continue;
                mac_normal(f->macs.v[i], ret_macs->text[ret_macs->n]);
                ret_macs->v[ret_macs->n] = ret_macs->text[ret_macs->n];
                ret_macs->n++;
        }
        n->uuid[0] = '\0';
        if (uuid_ok(f->uuid))
                for (size_t i = 0; i <= 36; i++)
                        n->uuid[i] = (char)tolower((unsigned char)f->uuid[i]);
        wire_facts_out(&o, NULL, f);
        r = jout_take(&o, &text);
        jout_wipe(&o);
        if (r < 0)
                return r;
        free(n->facts);
        n->facts = strdup((const char *)text.p);
        return n->facts ? 0 : -ENOMEM;
}

void attest_tpm_into(const struct attest *a, bool let_in, struct node *n)
{
        n->firmware_version = evidence_tpm_firmware(a->ev);
        if (let_in || a->maker_certified)
                (void)snprintf(n->tpm_maker, sizeof(n->tpm_maker), "%s", a->tpm_maker);
}

bool warning_is_due(int64_t now, int64_t warned)
{
        return now < warned || now - warned >= LOOK_SECONDS; /* the clock may go back */
}

bool stranger_is_due(int64_t now, int64_t seen)
{
        return now / STRANGER_NOTED != seen / STRANGER_NOTED;
}

bool evidence_is_due(int64_t now, int64_t seen)
{
        return now / DAY != seen / DAY;
}

int attest_store_evidence(struct server *srv, const struct attest *a, struct node *n, int64_t seen)
{
        uint8_t digest[DIGEST_LEN];
        int r = policy_pcr_digest(a->req.pcrs, digest);

        if (r < 0 || (same_bytes(digest, DIGEST_LEN, n->pcr_digest, DIGEST_LEN) && !evidence_is_due(server_now(), seen)))
                return r;
        memcpy(n->pcr_digest, digest, DIGEST_LEN);
        return srv->store->ops->evidence_put(srv->store, n->id, server_now(), a->body.p, a->body.len);
}

static int blob_copy(struct buf *to, const struct buf *from)
{
        uint8_t *p = malloc(from->len + 1);

        if (!p)
                return -ENOMEM;
        memcpy(p, from->p, from->len);
        buf_wipe(to);
        to->p = p;
        to->len = from->len;
        return 0;
}

static int fill(const struct attest *a, struct node *n, struct mac_list *macs)
{
        const uint8_t *name = evidence_ak_name(a->ev);
        int r = blob_copy(&n->ek_public, &a->req.ek_public);

        if (r == 0)
                r = attest_facts_into(a, n, macs);
        if (r < 0)
                return r;
        n->last_seen = server_now();
        memcpy(n->address, a->from, sizeof(n->address));
        attest_tpm_into(a, true, n); /* nothing is released by it, and an approved boot replaces it */
        n->chain = a->chain;
        n->reset_count = evidence_counters(a->ev).reset_count;
        n->restart_count = evidence_counters(a->ev).restart_count;
        if (name && attest_is_activated(a)) {
                n->has_ak = n->has_token = true;
                memcpy(n->ak_name, name, sizeof(n->ak_name));
                memcpy(n->ak_token, a->token, sizeof(n->ak_token));
        }
        profile_name(&a->req.facts, n->profile);
        return 0;
}

/* ---- places ------------------------------------------------------------------ */

/* How many pending strangers there are of each address: counted from the store
 * once a minute at most, and kept up to date in between. */
static struct {
        pthread_mutex_t lock;
        int64_t counted; /* when; 0: never */
        struct places places;
        int64_t warned;   /* when it was last said that a node finds no place */
        uint64_t unsaid; /* how often it was not said since */
} shares = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int count_one(void *ctx, const struct node *n)
{
        (void)ctx;
        return n->chain == EK_CHAIN_OK ? 0 : places_add(&shares.places, n->address);
}

static void count_anew(struct server *srv, int64_t now)
{
        places_clear(&shares.places);
        if (srv->store->ops->node_list(srv->store, NODE_PENDING, "", srv->conf.pending_limit, count_one, NULL) >= 0)
                shares.counted = now;
}

/* False: this address has its share. Takes one of it otherwise. Nodes that
 * were approved meanwhile free their places within a second. */
static bool take_share(struct server *srv, const char *address)
{
        unsigned eighth = srv->conf.pending_limit / PENDING_SHARE;
        unsigned most = eighth > PENDING_SHARE_LEAST ? eighth : PENDING_SHARE_LEAST;
        int64_t now = server_now();
        bool ok;

        (void)pthread_mutex_lock(&shares.lock);
        if (shares.counted == 0 || now < shares.counted || now - shares.counted >= LOOK_SECONDS)
                count_anew(srv, now);
        if (places_full(&shares.places, address, most) && now != shares.counted)
                count_anew(srv, now);
        ok = !places_full(&shares.places, address, most) && places_add(&shares.places, address) == 0;
        (void)pthread_mutex_unlock(&shares.lock);
        return ok;
}

/* Anyone can have it said as often as he likes. */
static void warn_full(const char *what)
{
        int64_t now = server_now();
        uint64_t unsaid;
        bool say;

        (void)pthread_mutex_lock(&shares.lock);
        say = warning_is_due(now, shares.warned);
        unsaid = shares.unsaid;
        shares.unsaid = say ? 0 : unsaid + 1;
        if (say)
                shares.warned = now;
        (void)pthread_mutex_unlock(&shares.lock);
        if (say)
                log_warn("an unknown node is not recorded: %s (and %llu more since this was last said). Next: approve or remove "
                         "some, or raise pending-limit", what, (unsigned long long)unsaid);
}

/* Anyone can make EKs in software and take places with them, so a quarter
 * is for those whose certificate chains to a vendor, and of the rest one
 * address gets a share. */
static int room_in_all(struct server *srv, enum ek_chain chain)
{
        unsigned kept = chain == EK_CHAIN_OK ? 0 : srv->conf.pending_limit / 4;
        uint64_t counts[NODE_STATES];
        char what[128];
        int r = srv->store->ops->node_counts(srv->store, counts);

        if (r < 0 || counts[NODE_PENDING] < srv->conf.pending_limit - kept)
                return r;
        (void)snprintf(what, sizeof(what), "%llu nodes are pending already", (unsigned long long)counts[NODE_PENDING]);
        warn_full(what);
        return -EBUSY;
}

static int room_for_one(struct server *srv, enum ek_chain chain, const char *address)
{
        char what[128];
        int r = room_in_all(srv, chain);

        if (r < 0 || chain == EK_CHAIN_OK || take_share(srv, address))
                return r;
        (void)snprintf(what, sizeof(what), "%s, or its /64, has as many pending nodes as it may", address);
        warn_full(what);
        return -EBUSY;
}

static int journal_pending(struct server *srv, const struct node *n)
{
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        struct jout o = { 0 };
        struct journal_entry e = { .node = n->id, .event = "pending" };
        int r;

        jout_obj(&o, NULL);
        jout_str(&o, "ek_chain", ek_chain_name(n->chain));
        jout_str(&o, "profile", n->profile);
        jout_raw(&o, "facts", n->facts, strlen(n->facts));
        jout_end(&o, '}');
        r = jout_take(&o, &detail);
        jout_wipe(&o);
        if (r < 0)
                return r;
        e.detail = (const char *)detail.p;
        return journal_append(srv->store, n->last_seen, &e, NULL);
}

static void log_pending(const struct attest *a, const struct node *n)
{
        const struct attest_facts *f = &a->req.facts;
        char vendor[WIRE_FACT_MAX];
        char product[WIRE_FACT_MAX];
        char serial[WIRE_FACT_MAX];

        log_info("node=%s pending: ek_chain=%s vendor=%s product=%s serial=%s. Next: muster node approve %.12s", n->id,
                 ek_chain_name(n->chain), log_quote(f->vendor, vendor, sizeof(vendor)),
                 log_quote(f->product, product, sizeof(product)), log_quote(f->serial, serial, sizeof(serial)), n->id);
}

int pending_note(struct server *srv, const struct attest *a, const char *reason)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        struct store *s = srv->store;
        struct mac_list macs;
        int64_t seen = 0;
        bool known;
        bool new_here;
        int r = s->ops->node_get(s, a->id, &n);

        new_here = r == -ENOENT;
        if (new_here) /* without a transaction: a flood that finds no place writes nothing */
                r = room_for_one(srv, a->chain, a->from);
        if (r == 0)
                r = store_tx_begin(&tx, s);
        if (r < 0)
                return r;
        node_wipe(&n);
        n = (struct node){ 0 };
        r = s->ops->node_get(s, a->id, &n);
        known = r == 0;
        if (r < 0 && r != -ENOENT)
                return r;
        if (known && (n.state != NODE_PENDING || (uint64_t)(server_now() - n.last_seen) < SEEN_NOTED)) /* the clock may go back */
                return 0; /* decided meanwhile, which waiters_hold() notices, or noted just now */
        if (known) {
                seen = n.last_seen;
        } else {
                r = new_here ? room_in_all(srv, a->chain) : room_for_one(srv, a->chain, a->from);
                if (r < 0)
                        return r;
                memcpy(n.id, a->id, sizeof(n.id));
                n.state = NODE_PENDING;
                n.first_seen = server_now();
        }
        (void)snprintf(n.reason, sizeof(n.reason), "%s", reason);
        r = fill(a, &n, &macs);
        if (r == 0 && (!known || a->chain == EK_CHAIN_OK || stranger_is_due(server_now(), seen)))
                r = attest_store_evidence(srv, a, &n, 0); /* the newest is what an admin decides by */
        if (r == 0)
                r = s->ops->node_put(s, &n, macs.v, macs.n);
        if (r == 0) /* of whatever maker: its CA may be added while the node waits */
                r = ek_kept_put(s, n.id, &a->req.ek_certs);
        if (r == 0 && !known)
                r = journal_pending(srv, &n);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r == 0 && !known) {
                log_pending(a, &n);
                hooks_send(srv->hooks, &n, "", "pending", NULL, NULL);
        }
        return r < 0 && r != -ENOMEM ? -EIO : r;
}

/* ---- the end of a wait --------------------------------------------------------- */

bool pending_is_over(int64_t now, int64_t last_seen, enum ek_chain chain, uint64_t pending, unsigned limit)
{
        int64_t hours = pending >= limit / 2 ? PENDING_HOURS_FULL : PENDING_HOURS;

        return chain != EK_CHAIN_OK && now - last_seen > hours * 3600;
}

struct over {
        struct server *srv;
        int64_t now;
        uint64_t pending;
        char id[EXPIRED_MAX][NODE_ID_HEX + 1];
        size_t n;
};

static int note_over(void *ctx, const struct node *n)
{
        struct over *o = ctx;

        if (o->n < EXPIRED_MAX && pending_is_over(o->now, n->last_seen, n->chain, o->pending, o->srv->conf.pending_limit))
                memcpy(o->id[o->n++], n->id, sizeof(n->id));
        return 0;
}

static int expire_one(const struct over *o, const char *id)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        struct store *s = o->srv->store;
        struct journal_entry e = { .node = id, .event = "removed", .detail = "{\"why\":\"pending-expired\"}" };
        int r = store_tx_begin(&tx, s);

        if (r == 0)
                r = s->ops->node_get(s, id, &n);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (n.state != NODE_PENDING ||
            !pending_is_over(o->now, n.last_seen, n.chain, o->pending, o->srv->conf.pending_limit))
                return 0; /* approved, or come again, meanwhile */
        r = s->ops->node_delete(s, id);
        if (r == 0)
                r = ek_kept_forget(s, id);
        if (r == 0)
                r = journal_append(s, o->now, &e, NULL);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r == 0) {
                log_info("node=%s removed: it was pending and has not come again. Next: nothing, it is pending anew when it "
                         "comes", id);
                hooks_send(o->srv->hooks, &n, "pending", "removed", NULL, NULL);
        }
        return r;
}

void pending_expire(struct server *srv)
{
        static int64_t looked;
        _cleanup_(freep) struct over *o = NULL;
        uint64_t counts[NODE_STATES];
        int64_t now = server_now();
        int r;

        if (now >= looked && now - looked < LOOK_SECONDS)
                return;
        looked = now;
        o = calloc(1, sizeof(*o));
        if (!o || srv->store->ops->node_counts(srv->store, counts) < 0 || counts[NODE_PENDING] == 0)
                return;
        *o = (struct over){ .srv = srv, .now = now, .pending = counts[NODE_PENDING] };
        r = srv->store->ops->node_list(srv->store, NODE_PENDING, "", srv->conf.pending_limit, note_over, o);
        for (size_t i = 0; i < o->n && r >= 0; i++)
                r = expire_one(o, o->id[i]);
        if (r < 0)
                log_warn("pending nodes that have gone could not all be removed: %s. Next: nothing, it is tried again", strerror(-r));
}
