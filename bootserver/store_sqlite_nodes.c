/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include "fault.h"

static int read_times(const struct sql *q, struct node *n)
{
        n->first_seen = col_int(q, 13);
        n->last_seen = col_int(q, 14);
        n->last_ok = col_int(q, 15);
        n->last_ipxe = col_int(q, 16);
        n->ssh_from = col_int(q, 29);
        n->ssh_to = col_int(q, 30);
        n->tls_from = col_int(q, 31);
        n->tls_to = col_int(q, 32);
        return 0;
}

static int read_blobs(const struct sql *q, struct node *n)
{
        struct buf *const dest[] = { &n->ek_public, &n->bundle[0], &n->bundle[1], &n->bundle[2], &n->bundle[3],
                                     &n->ssh_key,   &n->tls_key,   &n->ssh_cert,  &n->tls_cert };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(dest) && r == 0; i++)
                r = col_buf(q, 20 + (int)i, dest[i]);
        return r;
}

static int read_node(const struct sql *q, struct node *n)
{
        int64_t state = col_int(q, 2);
        int r;

        memset(n, 0, sizeof(*n));
        if (state < 0 || state >= NODE_STATES)
                return -EBADMSG;
        col_text(q, 0, n->id, sizeof(n->id));
        col_text(q, 1, n->name, sizeof(n->name));
        n->state = (enum node_state)state;
        col_text(q, 3, n->reason, sizeof(n->reason));
        col_text(q, 4, n->profile, sizeof(n->profile));
        n->chain = (enum ek_chain)col_int(q, 5);
        n->without_cert = col_int(q, 6) != 0;
        col_text(q, 7, n->assigned_boot, sizeof(n->assigned_boot));
        col_text(q, 8, n->assigned_image, sizeof(n->assigned_image));
        col_text(q, 9, n->boot, sizeof(n->boot));
        col_text(q, 10, n->image, sizeof(n->image));
        col_text(q, 12, n->uuid, sizeof(n->uuid));
        n->has_ak = col_bytes(q, 17, n->ak_name, sizeof(n->ak_name)) == 0;
        n->reset_count = (uint32_t)col_int(q, 18);
        (void)col_bytes(q, 19, n->pcr_digest, sizeof(n->pcr_digest));
        (void)read_times(q, n);
        if (col_str(q, 11)[0] != '\0') {
                n->facts = strdup(col_str(q, 11));
                if (!n->facts)
                        return -ENOMEM;
        }
        r = read_blobs(q, n);
        if (r < 0)
                node_wipe(n);
        return r;
}

static int get_one(struct store *s, enum query which, const char *a, const char *b, struct node *ret)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, which, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, a);
        if (b)
                sql_text(&q, 2, b);
        r = sql_step(&q);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = read_node(&q, ret);
        if (r == 0 && sql_step(&q) > 0) {
                node_wipe(ret);
                return -ENOTUNIQ;
        }
        return r;
}

int sq_node_get(struct store *s, const char *id, struct node *ret)
{
        return get_one(s, Q_NODE_GET, id, NULL, ret);
}

int sq_node_find(struct store *s, const char *name, struct node *ret)
{
        return get_one(s, Q_NODE_FIND, name, NULL, ret);
}

int sq_node_prefix(struct store *s, const char *prefix, struct node *ret)
{
        return get_one(s, Q_NODE_PREFIX, prefix, NULL, ret);
}

int sq_node_by_facts(struct store *s, const char *mac, const char *uuid, struct node *ret)
{
        return get_one(s, Q_NODE_FACTS, mac, uuid, ret);
}

static void bind_node(struct sql *q, const struct node *n)
{
        const struct buf *const blobs[] = { &n->ek_public, &n->bundle[0], &n->bundle[1], &n->bundle[2], &n->bundle[3],
                                            &n->ssh_key,   &n->tls_key,   &n->ssh_cert,  &n->tls_cert };

        sql_text(q, 1, n->id);
        sql_text(q, 2, n->name[0] ? n->name : NULL);
        sql_int(q, 3, n->state);
        sql_text(q, 4, n->reason);
        sql_text(q, 5, n->profile);
        sql_int(q, 6, n->chain);
        sql_int(q, 7, n->without_cert);
        sql_text(q, 8, n->assigned_boot);
        sql_text(q, 9, n->assigned_image);
        sql_text(q, 10, n->boot);
        sql_text(q, 11, n->image);
        sql_text(q, 12, n->facts);
        sql_text(q, 13, n->uuid);
        sql_int(q, 14, n->first_seen);
        sql_int(q, 15, n->last_seen);
        sql_int(q, 16, n->last_ok);
        sql_int(q, 17, n->last_ipxe);
        sql_blob(q, 18, n->has_ak ? n->ak_name : NULL, sizeof(n->ak_name));
        sql_int(q, 19, n->reset_count);
        sql_blob(q, 20, n->pcr_digest, sizeof(n->pcr_digest));
        for (size_t i = 0; i < ELEMENTSOF(blobs); i++)
                sql_blob(q, 21 + (int)i, blobs[i]->p, blobs[i]->len);
        sql_int(q, 30, n->ssh_from);
        sql_int(q, 31, n->ssh_to);
        sql_int(q, 32, n->tls_from);
        sql_int(q, 33, n->tls_to);
}

/* Seldom others than before: then nothing is written. */
static int put_macs(struct store *s, const char *id, const char *const *macs, size_t n_macs)
{
        _cleanup_(sql_end) struct sql clear = { 0 };
        _cleanup_(sql_end) struct sql put = { 0 };
        int r = store_same_macs(s, id, macs, n_macs);

        if (r != 0)
                return r < 0 ? r : 0;
        r = sql_start(s, Q_MAC_CLEAR, &clear);
        if (r < 0)
                return r;
        sql_text(&clear, 1, id);
        r = sql_run(&clear);
        for (size_t i = 0; i < n_macs && r == 0; i++) {
                r = sql_start(s, Q_MAC_PUT, &put);
                if (r < 0)
                        return r;
                sql_text(&put, 1, macs[i]);
                sql_text(&put, 2, id);
                r = sql_run(&put);
                sql_end(&put);
        }
        return r;
}

int sq_node_put(struct store *s, const struct node *n, const char *const *macs, size_t n_macs)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_NODE_PUT, &q);

        if (r < 0)
                return r;
        bind_node(&q, n);
        FAULT_POINT("node-write");
        r = sql_run(&q);
        if (r == 0 && macs)
                r = put_macs(s, n->id, macs, n_macs);
        FAULT_POINT("node-written");
        return r;
}

static int put_state(struct store *s, const struct node *n)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_NODE_STATE, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, n->id);
        sql_int(&q, 2, n->state);
        return sql_run(&q);
}

int sq_node_seen(struct store *s, const struct node *n)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_NODE_SEEN, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, n->id);
        sql_text(&q, 2, n->reason);
        sql_text(&q, 3, n->profile);
        sql_int(&q, 4, n->chain);
        sql_text(&q, 5, n->boot);
        sql_text(&q, 6, n->image);
        sql_int(&q, 7, n->last_seen);
        sql_int(&q, 8, n->last_ok);
        sql_blob(&q, 9, n->has_ak ? n->ak_name : NULL, sizeof(n->ak_name));
        sql_int(&q, 10, n->reset_count);
        sql_blob(&q, 11, n->pcr_digest, sizeof(n->pcr_digest));
        FAULT_POINT("node-write");
        r = sql_run(&q);
        if (r == 0)
                r = sql_changed(&q);
        if (r == 0)
                r = put_state(s, n);
        FAULT_POINT("node-written");
        return r;
}

int sq_node_delete(struct store *s, const char *id)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_NODE_DELETE, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, id);
        FAULT_POINT("node-delete");
        r = sql_run(&q);
        if (r == 0)
                r = sql_changed(&q);
        if (r == 0)
                r = put_macs(s, id, NULL, 0);
        return r < 0 ? r : sq_evidence_put(s, id, 0, NULL, 0);
}

int sq_node_list(struct store *s, int state, const char *after, size_t limit, node_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, state < 0 ? Q_NODE_LIST : Q_NODE_LIST_STATE, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, after ? after : "");
        sql_int(&q, 2, limit == STORE_ALL ? -1 : (int64_t)limit);
        if (state >= 0)
                sql_int(&q, 3, state);
        while ((r = sql_step(&q)) > 0) {
                _cleanup_(node_wipe) struct node n = { 0 };

                r = read_node(&q, &n);
                if (r == 0)
                        r = fn(ctx, &n);
                if (r < 0)
                        return r;
        }
        return r;
}

int sq_node_counts(struct store *s, uint64_t ret[NODE_STATES])
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_NODE_COUNTS, &q);

        memset(ret, 0, NODE_STATES * sizeof(ret[0]));
        if (r < 0)
                return r;
        while ((r = sql_step(&q)) > 0) {
                int64_t state = col_int(&q, 0);

                if (state >= 0 && state < NODE_STATES)
                        ret[state] = (uint64_t)col_int(&q, 1);
        }
        return r;
}

int sq_node_assigned(struct store *s, const char *name, bool image)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, image ? Q_NODE_IMAGE_USED : Q_NODE_BOOT_USED, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, name);
        return sql_step(&q);
}

int sq_mac_list(struct store *s, const char *id, text_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_MAC_LIST, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, id);
        while ((r = sql_step(&q)) > 0) {
                r = fn(ctx, col_str(&q, 0), "");
                if (r < 0)
                        return r;
        }
        return r;
}

/* An empty body stands for no evidence. */
int sq_evidence_put(struct store *s, const char *id, int64_t when, const void *p, size_t n)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_EVIDENCE_PUT, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, id);
        sql_int(&q, 2, when);
        sql_blob(&q, 3, p ? p : "", n);
        FAULT_POINT("evidence-write");
        return sql_run(&q);
}

int sq_evidence_get(struct store *s, const char *id, struct buf *ret)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_EVIDENCE_GET, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, id);
        r = sql_step(&q);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = col_buf(&q, 0, ret);
        return r < 0 ? r : ret->len == 0 ? -ENOENT : 0;
}
