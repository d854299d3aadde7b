/* SPDX-License-Identifier: Apache-2.0 */
#include "store_pg.h"

static int get_one(struct store *s, enum pg_query which, const char *key, struct node *ret)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, which, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, key);
        return rows_one_node(&q.rows, ret);
}

int pg_node_get(struct store *s, const char *id, struct node *ret)
{
        return get_one(s, PQ_NODE_GET, id, ret);
}

int pg_node_find(struct store *s, const char *name, struct node *ret)
{
        return get_one(s, PQ_NODE_FIND, name, ret);
}

int pg_node_prefix(struct store *s, const char *prefix, struct node *ret)
{
        return get_one(s, PQ_NODE_PREFIX, prefix, ret);
}

int pg_node_by_mac(struct store *s, const char *mac, struct node *ret)
{
        return get_one(s, PQ_NODE_MAC, mac, ret);
}

int pg_node_by_uuid(struct store *s, const char *uuid, struct node *ret)
{
        return get_one(s, PQ_NODE_UUID, uuid, ret);
}

static void bind_node(struct pgq *q, const struct node *n)
{
        const struct buf *const blobs[] = { &n->ek_public, &n->bundle[0], &n->bundle[1], &n->bundle[2], &n->bundle[3],
                                            &n->ssh_key,   &n->tls_key,   &n->ssh_cert,  &n->tls_cert };

        pg_text(q, 1, n->id);
        pg_text(q, 2, n->name[0] ? n->name : NULL);
        pg_int(q, 3, n->state);
        pg_text(q, 4, n->reason);
        pg_text(q, 5, n->profile);
        pg_int(q, 6, n->chain);
        pg_int(q, 7, n->without_cert);
        pg_text(q, 8, n->assigned_boot);
        pg_text(q, 9, n->assigned_image);
        pg_text(q, 10, n->boot);
        pg_text(q, 11, n->image);
        pg_text(q, 12, n->facts);
        pg_text(q, 13, n->uuid);
        pg_int(q, 14, n->first_seen);
        pg_int(q, 15, n->last_seen);
        pg_int(q, 16, n->last_ok);
        pg_int(q, 17, n->last_ipxe);
        pg_blob(q, 18, n->has_ak ? n->ak_name : NULL, sizeof(n->ak_name));
        pg_int(q, 19, n->reset_count);
        pg_blob(q, 20, n->pcr_digest, sizeof(n->pcr_digest));
        for (size_t i = 0; i < ELEMENTSOF(blobs); i++)
                pg_blob(q, 21 + (int)i, blobs[i]->p, blobs[i]->len);
        pg_int(q, 30, n->ssh_from);
        pg_int(q, 31, n->ssh_to);
        pg_int(q, 32, n->tls_from);
        pg_int(q, 33, n->tls_to);
        pg_int(q, 34, n->restart_count);
        pg_int(q, 35, (int64_t)n->clock);
        pg_blob(q, 36, n->has_token ? n->ak_token : NULL, sizeof(n->ak_token));
        pg_int(q, 37, n->cleared);
        pg_int(q, 38, (int64_t)n->firmware_version);
        pg_text(q, 39, n->tpm_maker);
        pg_text(q, 40, n->facts_before);
        pg_text(q, 41, n->former);
        pg_blob(q, 42, n->has_policy_key ? n->policy_key : NULL, sizeof(n->policy_key));
        pg_text(q, 43, n->address);
        pg_text(q, 44, n->why);
}

/* Seldom others than before: then nothing is written. */
static int put_macs(struct store *s, const char *id, int64_t since, const char *const *macs, size_t n_macs)
{
        _cleanup_(pg_end) struct pgq clear = { 0 };
        _cleanup_(pg_end) struct pgq put = { 0 };
        char all[STORE_MACS_TEXT];
        int r = since > 0 ? 0 : store_same_macs(s, id, macs, n_macs);

        if (r != 0)
                return r < 0 ? r : 0;
        r = store_macs_text(macs, n_macs, all);
        if (r < 0)
                return r;
        r = pg_start(s, PQ_MAC_CLEAR, &clear);
        if (r < 0)
                return r;
        pg_text(&clear, 1, id);
        pg_text(&clear, 2, all);
        r = pg_run(&clear);
        for (size_t i = 0; i < n_macs && r == 0; i++) {
                r = pg_start(s, PQ_MAC_PUT, &put);
                if (r < 0)
                        return r;
                pg_text(&put, 1, macs[i]);
                pg_text(&put, 2, id);
                pg_int(&put, 3, since);
                r = pg_run(&put);
                pg_end(&put);
        }
        return r;
}

int pg_node_put(struct store *s, const struct node *n, const char *const *macs, size_t n_macs)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_NODE_PUT, &q);

        if (r < 0)
                return r;
        bind_node(&q, n);
        r = pg_run(&q);
        if (r == 0)
                r = pg_changed(&q, -EEXIST);
        if (r == 0 && macs)
                r = put_macs(s, n->id, store_mac_since(n), macs, n_macs);
        return r;
}

int pg_node_seen(struct store *s, const struct node *n)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_NODE_SEEN, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, n->id);
        pg_int(&q, 2, n->state);
        pg_text(&q, 3, n->reason);
        pg_text(&q, 4, n->profile);
        pg_int(&q, 5, n->chain);
        pg_text(&q, 6, n->boot);
        pg_text(&q, 7, n->image);
        pg_int(&q, 8, n->last_seen);
        pg_int(&q, 9, n->last_ok);
        pg_blob(&q, 10, n->has_ak ? n->ak_name : NULL, sizeof(n->ak_name));
        pg_int(&q, 11, n->reset_count);
        pg_blob(&q, 12, n->pcr_digest, sizeof(n->pcr_digest));
        pg_int(&q, 13, n->restart_count);
        pg_int(&q, 14, (int64_t)n->clock);
        pg_blob(&q, 15, n->has_token ? n->ak_token : NULL, sizeof(n->ak_token));
        pg_int(&q, 16, n->cleared);
        pg_int(&q, 17, (int64_t)n->firmware_version);
        pg_text(&q, 18, n->tpm_maker);
        pg_text(&q, 19, n->former);
        pg_text(&q, 20, n->address);
        r = pg_run(&q);
        return r < 0 ? r : pg_changed(&q, -ENOENT);
}

int pg_node_delete(struct store *s, const char *id)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_NODE_DELETE, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, id);
        r = pg_run(&q);
        if (r == 0)
                r = pg_changed(&q, -ENOENT);
        if (r == 0)
                r = put_macs(s, id, 0, NULL, 0);
        return r < 0 ? r : pg_evidence_put(s, id, 0, NULL, 0);
}

struct page {
        node_fn fn;
        void *ctx;
        char last[NODE_ID_HEX + 1]; /* the id after which the next one begins */
        size_t n;
};

static int of_page(void *ctx, const struct node *n)
{
        struct page *p = ctx;

        p->n++;
        memcpy(p->last, n->id, sizeof(p->last));
        return p->fn(p->ctx, n);
}

static int list_page(struct store *s, int state, size_t want, struct page *p)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        char after[NODE_ID_HEX + 1];
        int r = pg_start(s, state < 0 ? PQ_NODE_LIST : PQ_NODE_LIST_STATE, &q);

        if (r < 0)
                return r;
        memcpy(after, p->last, sizeof(after));
        p->n = 0;
        pg_text(&q, 1, after);
        pg_int(&q, 2, (int64_t)want);
        if (state >= 0)
                pg_int(&q, 3, state);
        return rows_nodes(&q.rows, of_page, p);
}

int pg_node_list(struct store *s, int state, const char *after, size_t limit, node_fn fn, void *ctx)
{
        struct page p = { .fn = fn, .ctx = ctx };

        (void)snprintf(p.last, sizeof(p.last), "%s", after ? after : "");
        while (limit > 0) {
                size_t want = limit < PG_PAGE ? limit : PG_PAGE;
                int r = list_page(s, state, want, &p);

                if (r < 0)
                        return r;
                if (p.n < want)
                        break;
                limit -= limit == STORE_ALL ? 0 : p.n;
        }
        return 0;
}

int pg_node_counts(struct store *s, uint64_t ret[NODE_STATES])
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_NODE_COUNTS, &q);

        return r < 0 ? r : rows_counts(&q.rows, ret);
}

int pg_node_assigned(struct store *s, const char *name, bool image)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, image ? PQ_NODE_IMAGE_USED : PQ_NODE_BOOT_USED, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, name);
        return pg_step(&q);
}

int pg_mac_list(struct store *s, const char *id, text_fn fn, void *ctx)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_MAC_LIST, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, id);
        return rows_texts(&q.rows, 1, fn, ctx);
}

/* An empty body stands for no evidence. */
int pg_evidence_put(struct store *s, const char *id, int64_t when, const void *p, size_t n)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_EVIDENCE_PUT, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, id);
        pg_int(&q, 2, when);
        pg_blob(&q, 3, p ? p : "", n);
        return pg_run(&q);
}

int pg_evidence_get(struct store *s, const char *id, struct buf *ret)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_EVIDENCE_GET, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, id);
        return rows_evidence(&q.rows, ret);
}
