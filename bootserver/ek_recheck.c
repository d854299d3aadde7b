/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_recheck.h"

#include "ek_cas.h"
#include "ek_kept.h"
#include "hex.h"
#include "journal.h"

struct ids {
        char (*v)[NODE_ID_HEX + 1];
        size_t n, cap;
};

static int collect(void *ctx, const struct node *n)
{
        struct ids *ids = ctx;

        if (ids->n == ids->cap) {
                size_t cap = ids->cap ? 2 * ids->cap : 256;
                void *p = reallocarray(ids->v, cap, sizeof(*ids->v));

                if (!p)
                        return -ENOMEM;
                ids->v = p;
                ids->cap = cap;
        }
        memcpy(ids->v[ids->n++], n->id, sizeof(n->id));
        return 0;
}

static enum ek_chain chain_now(struct server *srv, const char *id)
{
        struct jbufs certs = { 0 };
        uint8_t raw[DIGEST_LEN];
        enum ek_chain chain = EK_CHAIN_NONE;

        if (hex_decode_exact(id, raw, sizeof(raw)) == 0 && ek_kept_get(srv->store, id, &certs) == 0)
                chain = ek_cas_check(srv->ek_cas, &certs, raw);
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
        enum ek_chain now = chain_now(srv, id);
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

int ek_recheck(struct server *srv)
{
        struct ids ids = { 0 };
        int changed = 0;
        int r = srv->store->ops->node_list(srv->store, -1, NULL, STORE_ALL, collect, &ids);

        for (size_t i = 0; i < ids.n && r >= 0; i++) {
                r = recheck_one(srv, ids.v[i]);
                changed += r > 0;
        }
        free(ids.v);
        return r < 0 ? r : changed;
}
