/* SPDX-License-Identifier: Apache-2.0 */
#include "store_pg.h"

#include <endian.h>

static const Oid type_bigint = 20;
static const Oid type_bytea = 17;
static const Oid type_text = 25;

void pg_end(struct pgq *q)
{
        if (!q->s)
                return;
        PQclear(q->res);
        (void)pthread_mutex_unlock(&q->s->lock);
        q->s = NULL;
        q->res = NULL;
}

static int prepare(struct pgq *q, const char *name)
{
        const struct pg_statement *st = &pg_statements[q->which];
        _cleanup_(PQclearp) PGresult *res = NULL;
        Oid types[PG_PARAMS];
        size_t n = strlen(st->types);
        int r;

        for (size_t i = 0; i < n; i++)
                types[i] = st->types[i] == 'i' ? type_bigint : st->types[i] == 'b' ? type_bytea : type_text;
        r = PQsendPrepare(q->s->conn, name, st->sql, (int)n, types) == 1 ? pg_wait(q->s, &res) : -EIO;
        if (r < 0)
                return pg_errno(q->s, res, st->sql);
        q->s->prepared[q->which] = true;
        return 0;
}

static int execute(struct pgq *q)
{
        const struct pg_statement *st = &pg_statements[q->which];
        int formats[PG_PARAMS];
        char name[16];
        int r = pg_ready(q->s);

        (void)snprintf(name, sizeof(name), "q%d", (int)q->which);
        if (r == 0 && !q->s->prepared[q->which])
                r = prepare(q, name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < PG_PARAMS; i++)
                formats[i] = 1;
        r = PQsendQueryPrepared(q->s->conn, name, (int)strlen(st->types), q->value, q->length, formats, 1) == 1
                    ? pg_wait(q->s, &q->res) : -EIO;
        return r < 0 ? pg_errno(q->s, q->res, st->sql) : 0;
}

int pg_step(struct pgq *q)
{
        if (!q->res) {
                int r = execute(q);

                if (r < 0)
                        return r;
        }
        return ++q->row < PQntuples(q->res) ? 1 : 0;
}

int pg_run(struct pgq *q)
{
        int r = pg_step(q);

        return r < 0 ? r : 0;
}

int pg_changed(const struct pgq *q, int none)
{
        return strcmp(PQcmdTuples(q->res), "0") == 0 ? none : 0;
}

void pg_text(struct pgq *q, int i, const char *v)
{
        q->value[i - 1] = v;
        q->length[i - 1] = v ? (int)strlen(v) : 0;
}

void pg_int(struct pgq *q, int i, int64_t v)
{
        q->number[i - 1] = (int64_t)htobe64((uint64_t)v);
        q->value[i - 1] = (const char *)&q->number[i - 1];
        q->length[i - 1] = (int)sizeof(v);
}

void pg_blob(struct pgq *q, int i, const void *p, size_t n)
{
        q->value[i - 1] = p;
        q->length[i - 1] = (int)n;
}

/* ---- what it answers, for store_rows.c ------------------------------ */

static int row_step(struct rows *q)
{
        return pg_step((struct pgq *)(void *)q);
}

static const char *value(const struct rows *r, int i, size_t *ret_len)
{
        const struct pgq *q = (const struct pgq *)(const void *)r;

        *ret_len = (size_t)PQgetlength(q->res, q->row, i);
        return PQgetvalue(q->res, q->row, i); /* NUL-terminated, "" for null */
}

static int64_t row_number(const struct rows *q, int i)
{
        uint64_t v = 0;
        size_t len;
        const char *p = value(q, i, &len);

        if (len == sizeof(v))
                memcpy(&v, p, sizeof(v));
        return (int64_t)be64toh(v);
}

static const char *row_text(const struct rows *q, int i)
{
        size_t len;

        return value(q, i, &len);
}

static const void *row_blob(const struct rows *q, int i, size_t *ret_len)
{
        const char *p = value(q, i, ret_len);

        return *ret_len > 0 ? p : NULL;
}

static const struct rows_ops row_ops = { .step = row_step, .number = row_number, .text = row_text, .blob = row_blob };

int pg_start(struct store *st, enum pg_query which, struct pgq *ret)
{
        struct pg_store *s = pg_of(st);

        *ret = (struct pgq){ 0 };
        if (atomic_load(&s->linking))
                return -EIO;
        (void)pthread_mutex_lock(&s->lock);
        *ret = (struct pgq){ .rows.ops = &row_ops, .s = s, .which = which, .row = -1 };
        return 0;
}

int pg_run_one(struct store *st, enum pg_query which)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(st, which, &q);

        return r < 0 ? r : pg_run(&q);
}

static void pg_rollback(struct store *st)
{
        struct pg_store *s = pg_of(st);

        s->lost = s->tx = false;
        if (s->conn && PQtransactionStatus(s->conn) != PQTRANS_IDLE && pg_run_one(st, PQ_ROLLBACK) < 0)
                pg_drop(s);
        s->lost = false;
        (void)pthread_mutex_unlock(&s->lock);
}

static int pg_begin(struct store *st)
{
        struct pg_store *s = pg_of(st);
        int r;

        if (atomic_load(&s->linking))
                return -EIO;
        (void)pthread_mutex_lock(&s->lock);
        r = pg_run_one(st, PQ_BEGIN);
        s->tx = true;
        if (r == 0)
                r = pg_run_one(st, PQ_LOCK);
        if (r < 0)
                pg_rollback(st);
        return r < 0 && r != -ENOMEM ? -EIO : r;
}

/* A transaction that failed is answered ROLLBACK, and that is no error. */
static int committed(struct store *st)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(st, PQ_COMMIT, &q);

        if (r == 0)
                r = pg_run(&q);
        if (r == 0 && strcmp(PQcmdStatus(q.res), "COMMIT") != 0)
                r = -EIO;
        return r < 0 && r != -ENOMEM ? -EIO : r;
}

/* ticket 0: on disk when it returns. */
static int commit_as(struct store *st, uint64_t ticket)
{
        struct pg_store *s = pg_of(st);
        int r = ticket > 0 ? pg_run_one(st, PQ_SOON) : 0;

        if (r == 0)
                r = s->lost ? -EIO : committed(st);
        if (r < 0) {
                s->stale = true;
                pg_rollback(st);
                return r;
        }
        if (ticket > 0)
                s->commits = ticket;
        s->tx = false;
        (void)pthread_mutex_unlock(&s->lock);
        return 0;
}

static int pg_commit(struct store *st)
{
        return commit_as(st, 0);
}

static int pg_commit_soon(struct store *st, uint64_t *ret_ticket)
{
        uint64_t ticket = pg_sync_ticket(pg_of(st));
        int r = commit_as(st, ticket);

        if (r == 0)
                *ret_ticket = ticket;
        return r;
}

/* Its checkpoints are PostgreSQL's own. */
static void pg_tidy(struct store *st)
{
        (void)st;
}

static void pg_close(struct store *st)
{
        struct pg_store *s = pg_of(st);

        pg_sync_close(s);
        pg_drop(s);
        pg_params_free(s->params);
        (void)pthread_mutex_destroy(&s->sync_lock);
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
}

/* PostgreSQL's own tools copy it, whole and in one state. */
static int pg_copy(struct store *st, const char *path)
{
        (void)st;
        (void)path;
        return -EOPNOTSUPP;
}

const struct store_ops pg_ops = {
        .close = pg_close, .begin = pg_begin, .commit = pg_commit, .commit_soon = pg_commit_soon, .sync = pg_sync,
        .tidy = pg_tidy, .rollback = pg_rollback,
        .node_get = pg_node_get, .node_find = pg_node_find, .node_prefix = pg_node_prefix,
        .node_by_mac = pg_node_by_mac, .node_by_uuid = pg_node_by_uuid, .node_put = pg_node_put, .node_seen = pg_node_seen,
        .node_delete = pg_node_delete,
        .node_list = pg_node_list, .node_counts = pg_node_counts,
        .node_assigned = pg_node_assigned, .mac_list = pg_mac_list,
        .evidence_put = pg_evidence_put, .evidence_get = pg_evidence_get,
        .boot_put = pg_boot_put, .boot_delete = pg_boot_delete, .boot_list = pg_boot_list,
        .image_put = pg_image_put, .image_delete = pg_image_delete, .image_list = pg_image_list,
        .profile_put = pg_profile_put, .profile_list = pg_profile_list,
        .setting_put = pg_setting_put, .setting_get = pg_setting_get, .setting_list = pg_setting_list,
        .event_put = pg_event_put, .event_head = pg_event_head, .event_synced = pg_event_synced,
        .event_list = pg_event_list,
        .copy = pg_copy,
};
