/* SPDX-License-Identifier: Apache-2.0 */
#include "attest.h"

#include "ek_kept.h"
#include "hooks.h"
#include "ipxe_script.h"
#include "journal.h"
#include "logquote.h"
#include "names.h"

#include <ctype.h>

#define SEEN_NOTED 60 /* seconds between two notes of one pending node */

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

int attest_store_evidence(struct server *srv, const struct attest *a, struct node *n)
{
        uint8_t digest[DIGEST_LEN];
        int r = policy_pcr_digest(a->req.pcrs, digest);

        if (r < 0 || same_bytes(digest, DIGEST_LEN, n->pcr_digest, DIGEST_LEN))
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
        n->chain = a->chain;
        n->reset_count = evidence_counters(a->ev).reset_count;
        n->restart_count = evidence_counters(a->ev).restart_count;
        if (name && a->activated && same_bytes(a->activated_node, DIGEST_LEN, a->req.node, DIGEST_LEN)) {
                n->has_ak = true;
                memcpy(n->ak_name, name, sizeof(n->ak_name));
        }
        profile_name(&a->req.facts, n->profile);
        return 0;
}

/* Anyone can make EKs in software and take places with them, so a quarter
 * is for those whose certificate chains to a vendor. */
static int room_for_one(struct server *srv, enum ek_chain chain)
{
        unsigned kept = chain == EK_CHAIN_OK ? 0 : srv->conf.pending_limit / 4;
        uint64_t counts[NODE_STATES];
        int r = srv->store->ops->node_counts(srv->store, counts);

        if (r < 0)
                return r;
        if (counts[NODE_PENDING] < srv->conf.pending_limit - kept)
                return 0;
        log_warn("an unknown node is not recorded: %u nodes are pending already. Next: approve or remove some, "
                 "or raise pending-limit", (unsigned)counts[NODE_PENDING]);
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

int pending_note(struct server *srv, const struct attest *a)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        struct store *s = srv->store;
        struct mac_list macs;
        bool known;
        int r = store_tx_begin(&tx, s);

        if (r < 0)
                return r;
        r = s->ops->node_get(s, a->id, &n);
        known = r == 0;
        if (r < 0 && r != -ENOENT)
                return r;
        if (known && (n.state != NODE_PENDING || (uint64_t)(server_now() - n.last_seen) < SEEN_NOTED)) /* the clock may go back */
                return 0; /* decided meanwhile, which waiters_hold() notices, or noted just now */
        if (!known) {
                r = room_for_one(srv, a->chain);
                if (r < 0)
                        return r;
                memcpy(n.id, a->id, sizeof(n.id));
                n.state = NODE_PENDING;
                n.first_seen = server_now();
        }
        r = fill(a, &n, &macs);
        if (r == 0)
                r = attest_store_evidence(srv, a, &n);
        if (r == 0)
                r = s->ops->node_put(s, &n, macs.v, macs.n);
        if (r == 0 && a->chain == EK_CHAIN_OK)
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
