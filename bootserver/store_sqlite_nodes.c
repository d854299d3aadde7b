/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include "fault.h"

static int get_one(struct store *s, enum query which, const char *key, struct node *ret)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, which, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, key);
        return rows_one_node(&q.rows, ret);
}

int sq_node_get(struct store *s, const char *id, struct node *ret)
{
        return get_one(s, Q_NODE_GET, id, ret);
}

int sq_node_find(struct store *s, const char *name, struct node *ret)
{
        return get_one(s, Q_NODE_FIND, name, ret);
}

int sq_node_prefix(struct store *s, const char *prefix, struct node *ret)
{
        return get_one(s, Q_NODE_PREFIX, prefix, ret);
}

int sq_node_by_mac(struct store *s, const char *mac, struct node *ret)
{
        return get_one(s, Q_NODE_MAC, mac, ret);
}

int sq_node_by_uuid(struct store *s, const char *uuid, struct node *ret)
{
        return get_one(s, Q_NODE_UUID, uuid, ret);
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
        sql_int(q, 34, n->restart_count);
        sql_int(q, 35, (int64_t)n->clock);
        sql_blob(q, 36, n->has_token ? n->ak_token : NULL, sizeof(n->ak_token));
        sql_int(q, 37, n->cleared);
        sql_int(q, 38, (int64_t)n->firmware_version);
        sql_text(q, 39, n->tpm_maker);
        sql_text(q, 40, n->facts_before);
        sql_text(q, 41, n->former);
        sql_blob(q, 42, n->has_policy_key ? n->policy_key : NULL, sizeof(n->policy_key));
        sql_text(q, 43, n->address);
        sql_text(q, 44, n->why);
}

/* Seldom others than before: then nothing is written. */
static int put_macs(struct store *s, const char *id, int64_t since, const char *const *macs, size_t n_macs)
{
        _cleanup_(sql_end) struct sql clear = { 0 };
        _cleanup_(sql_end) struct sql put = { 0 };
        char all[STORE_MACS_TEXT];
        int r = since > 0 ? 0 : store_same_macs(s, id, macs, n_macs);

        if (r != 0)
                return r < 0 ? r : 0;
        r = store_macs_text(macs, n_macs, all);
        if (r < 0)
                return r;
        r = sql_start(s, Q_MAC_CLEAR, &clear);
        if (r < 0)
                return r;
        sql_text(&clear, 1, id);
        sql_text(&clear, 2, all);
        r = sql_run(&clear);
        for (size_t i = 0; i < n_macs && r == 0; i++) {
                r = sql_start(s, Q_MAC_PUT, &put);
                if (r < 0)
                        return r;
                sql_text(&put, 1, macs[i]);
                sql_text(&put, 2, id);
                sql_int(&put, 3, since);
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
                r = put_macs(s, n->id, store_mac_since(n), macs, n_macs);
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
        sql_int(&q, 12, n->restart_count);
        sql_int(&q, 13, (int64_t)n->clock);
        sql_blob(&q, 14, n->has_token ? n->ak_token : NULL, sizeof(n->ak_token));
        sql_int(&q, 15, n->cleared);
        sql_int(&q, 16, (int64_t)n->firmware_version);
        sql_text(&q, 17, n->tpm_maker);
        sql_text(&q, 18, n->former);
        sql_text(&q, 19, n->address);
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
                r = put_macs(s, id, 0, NULL, 0);
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
        return rows_nodes(&q.rows, fn, ctx);
}

int sq_node_counts(struct store *s, uint64_t ret[NODE_STATES])
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_NODE_COUNTS, &q);

        return r < 0 ? r : rows_counts(&q.rows, ret);
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
        return rows_texts(&q.rows, 1, fn, ctx);
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
        return rows_evidence(&q.rows, ret);
}
