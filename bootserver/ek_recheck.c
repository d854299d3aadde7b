/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_recheck.h"

#include "ek_cas.h"
#include "ek_kept.h"
#include "hex.h"
#include "journal.h"

#include <pthread.h>

#define PAGE 200
#define NOTE "ek_cas" /* setting: the CAs that all nodes were checked against */

struct ek_recheck {
        pthread_t thread;
        atomic_bool stop;
};

struct page {
        char id[PAGE][NODE_ID_HEX + 1];
        size_t n;
};

static int collect(void *ctx, const struct node *n)
{
        struct page *p = ctx;

        memcpy(p->id[p->n++], n->id, sizeof(n->id));
        return 0;
}

/* Of a node that nothing is kept of: what it sent when it asked last. */
static enum ek_chain chain_of_evidence(struct server *srv, const char *id, const uint8_t raw[DIGEST_LEN])
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        struct attest_request req = { 0 };
        enum ek_chain chain = EK_CHAIN_NONE;
        char err[JTAB_ERR];

        if (srv->store->ops->evidence_get(srv->store, id, &body) < 0 || wire_attest_parse(body.p, body.len, &req, err) < 0)
                return EK_CHAIN_NONE;
        chain = ek_cas_check(srv->ek_cas, &req.ek_certs, raw);
        attest_request_wipe(&req);
        return chain;
}

enum ek_chain ek_recheck_chain(struct server *srv, const char *id)
{
        struct jbufs certs = { 0 };
        uint8_t raw[DIGEST_LEN];
        enum ek_chain chain = EK_CHAIN_NONE;

        if (hex_decode_exact(id, raw, sizeof(raw)) < 0)
                return EK_CHAIN_NONE;
        if (ek_kept_get(srv->store, id, &certs) == 0)
                chain = ek_cas_check(srv->ek_cas, &certs, raw);
        else
                chain = chain_of_evidence(srv, id, raw);
        jbufs_free(&certs);
        return chain;
}

static int journal_chain(struct server *srv, const struct node *n)
{
        char detail[64];
        struct journal_entry e = { .node = n->id, .name = n->name, .event = "ek-chain", .detail = detail };

        (void)snprintf(detail, sizeof(detail), "{\"ek_chain\":\"%s\"}", ek_chain_name(n->chain));
        return journal_append(srv->store, server_now(), &e, NULL);
}

/* 1: changed. */
static int recheck_one(struct server *srv, const char *id)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node n = { 0 };
        enum ek_chain now = ek_recheck_chain(srv, id);
        int r = srv->store->ops->node_get(srv->store, id, &n);

        if (r < 0 || n.chain == now || (n.chain != EK_CHAIN_OK && now != EK_CHAIN_OK))
                return r == -ENOENT ? 0 : r;
        node_wipe(&n);
        r = store_tx_begin(&tx, srv->store);
        if (r == 0)
                r = srv->store->ops->node_get(srv->store, id, &n);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        n.chain = now;
        r = srv->store->ops->node_put(srv->store, &n, NULL, 0);
        if (r == 0)
                r = journal_chain(srv, &n);
        if (r == 0)
                r = store_tx_commit(&tx);
        if (r == 0)
                log_info("node=%s name=%s ek-chain: ek_chain=%s. Next: %s", n.id, n.name, ek_chain_name(now),
                         now == EK_CHAIN_OK || n.without_cert ? "nothing" : "put its CA back, or approve it without a certificate");
        return r < 0 ? r : 1;
}

/* How many records changed; -ECANCELED: told to stop. */
static int recheck_all(struct server *srv)
{
        struct page page = { 0 };
        char after[NODE_ID_HEX + 1] = "";
        int changed = 0;
        int r = 0;

        do {
                page.n = 0;
                r = srv->store->ops->node_list(srv->store, -1, after, PAGE, collect, &page);
                for (size_t i = 0; i < page.n && r >= 0; i++) {
                        r = atomic_load(&srv->ek_recheck->stop) ? -ECANCELED : recheck_one(srv, page.id[i]);
                        changed += r > 0;
                }
                if (page.n > 0)
                        memcpy(after, page.id[page.n - 1], sizeof(after));
        } while (r >= 0 && page.n == PAGE);
        return r < 0 ? r : changed;
}

static int note(struct server *srv, const char *cas)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        int r = store_tx_begin(&tx, srv->store);

        if (r == 0)
                r = srv->store->ops->setting_put(srv->store, NOTE, cas);
        return r < 0 ? r : store_tx_commit(&tx);
}

static int cas_now(struct server *srv, char ret[HEX_LEN(DIGEST_LEN)])
{
        uint8_t digest[DIGEST_LEN];
        int r = ek_cas_digest(srv->ek_cas, digest);

        if (r == 0)
                hex_encode(digest, sizeof(digest), ret);
        return r;
}

static void *run(void *ctx)
{
        struct server *srv = ctx;
        char cas[HEX_LEN(DIGEST_LEN)];
        int r = cas_now(srv, cas);

        if (r == 0)
                r = recheck_all(srv);
        if (r >= 0 && note(srv, cas) == 0)
                log_info("EK chains checked: %d nodes' changed", r);
        else if (r != -ECANCELED)
                log_warn("the nodes' EK chains could not all be checked again: what `muster node show` says of them may be old. "
                         "Next: nothing, each attest checks anew; systemctl reload musterd tries again");
        return NULL;
}

static bool checked_before(struct server *srv)
{
        char cas[HEX_LEN(DIGEST_LEN)];
        char was[HEX_LEN(DIGEST_LEN)] = "";

        return cas_now(srv, cas) == 0 && srv->store->ops->setting_get(srv->store, NOTE, was, sizeof(was)) == 0 &&
               strcmp(cas, was) == 0;
}

void ek_recheck_start(struct server *srv, bool always)
{
        ek_recheck_stop(srv);
        if (!always && checked_before(srv))
                return;
        srv->ek_recheck = calloc(1, sizeof(*srv->ek_recheck));
        if (srv->ek_recheck && pthread_create(&srv->ek_recheck->thread, NULL, run, srv) == 0)
                return;
        free(srv->ek_recheck);
        srv->ek_recheck = NULL;
        log_err("cannot start a thread: what `muster node show` says of EK chains may be old. Next: systemctl reload musterd");
}

void ek_recheck_stop(struct server *srv)
{
        if (!srv->ek_recheck)
                return;
        atomic_store(&srv->ek_recheck->stop, true);
        (void)pthread_join(srv->ek_recheck->thread, NULL);
        free(srv->ek_recheck);
        srv->ek_recheck = NULL;
}
