/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

const char *sql_next_step(int rc)
{
        switch (rc & 0xff) {
        case SQLITE_FULL: return "free space on the disk that holds the state directory";
        case SQLITE_READONLY: return "make the disk that holds the state directory writable again, and give the directory to musterd's user";
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return "stop musterd, see what is damaged with `muster log verify --database FILE`, then `muster restore` a backup";
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return "stop the other program that uses the database";
        default: return "check the disk that holds the state directory";
        }
}

int sql_errno_of(struct sqlite_store *s, sqlite3 *db, int rc, const char *what)
{
        if ((rc & 0xff) == SQLITE_CONSTRAINT)
                return -EEXIST;
        if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
                atomic_store(&s->store.unsure, true);
        log_err("store: %.60s: %s. Next: %s", what, sqlite3_errmsg(db), sql_next_step(rc));
        return (rc & 0xff) == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

int sql_errno(struct sqlite_store *s, int rc, const char *what)
{
        return sql_errno_of(s, s->db, rc, what);
}

void sql_end(struct sql *q)
{
        if (!q->s)
                return;
        (void)sqlite3_reset(q->stmt);
        (void)sqlite3_clear_bindings(q->stmt);
        (void)pthread_mutex_unlock(&q->s->lock);
        q->s = NULL;
}

int sql_step(struct sql *q)
{
        int rc = q->bad ? q->bad : sqlite3_step(q->stmt);

        if (rc == SQLITE_ROW)
                return 1;
        if (rc == SQLITE_DONE)
                return 0;
        return sql_errno(q->s, rc, sqlite3_sql(q->stmt));
}

int sql_run(struct sql *q)
{
        int r;

        do
                r = sql_step(q);
        while (r > 0);
        return r;
}

int sql_changed(struct sql *q)
{
        return sqlite3_changes(q->s->db) > 0 ? 0 : -ENOENT;
}

static void keep(struct sql *q, int rc)
{
        if (rc != SQLITE_OK && q->bad == 0)
                q->bad = rc;
}

void sql_text(struct sql *q, int i, const char *v)
{
        keep(q, v ? sqlite3_bind_text(q->stmt, i, v, -1, SQLITE_STATIC) : sqlite3_bind_null(q->stmt, i));
}

void sql_int(struct sql *q, int i, int64_t v)
{
        keep(q, sqlite3_bind_int64(q->stmt, i, v));
}

void sql_blob(struct sql *q, int i, const void *p, size_t n)
{
        keep(q, p ? sqlite3_bind_blob64(q->stmt, i, p, n, SQLITE_STATIC) : sqlite3_bind_null(q->stmt, i));
}

/* ---- what it answers, for store_rows.c ------------------------------ */

static int row_step(struct rows *q)
{
        return sql_step((struct sql *)(void *)q);
}

static sqlite3_stmt *stmt_of(const struct rows *q)
{
        return ((const struct sql *)(const void *)q)->stmt;
}

static int64_t row_number(const struct rows *q, int i)
{
        return sqlite3_column_int64(stmt_of(q), i);
}

static const char *row_text(const struct rows *q, int i)
{
        const unsigned char *t = sqlite3_column_text(stmt_of(q), i);

        return t ? (const char *)t : "";
}

static const void *row_blob(const struct rows *q, int i, size_t *ret_len)
{
        const void *p = sqlite3_column_blob(stmt_of(q), i); /* NULL for an empty one */

        *ret_len = (size_t)sqlite3_column_bytes(stmt_of(q), i);
        return p;
}

static const struct rows_ops row_ops = { .step = row_step, .number = row_number, .text = row_text, .blob = row_blob };

int sql_start(struct store *st, enum query q, struct sql *ret)
{
        struct sqlite_store *s = sqlite_of(st);

        (void)pthread_mutex_lock(&s->lock);
        *ret = (struct sql){ .rows.ops = &row_ops, .s = s, .stmt = s->stmt[q] };
        return 0;
}

int sql_run_one(struct store *st, enum query which)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(st, which, &q);

        return r < 0 ? r : sql_run(&q);
}

static int sq_begin(struct store *st)
{
        struct sqlite_store *s = sqlite_of(st);
        int r;

        (void)pthread_mutex_lock(&s->lock);
        s->new_seq = 0;
        r = atomic_load(&st->unsure) ? -EIO : sql_run_one(st, Q_BEGIN);
        if (r < 0)
                (void)pthread_mutex_unlock(&s->lock);
        return r;
}

void sq_rollback(struct store *st)
{
        struct sqlite_store *s = sqlite_of(st);

        if (!sqlite3_get_autocommit(s->db))
                (void)sql_run_one(st, Q_ROLLBACK);
        (void)pthread_mutex_unlock(&s->lock);
}

static void sq_close(struct store *st)
{
        struct sqlite_store *s = sqlite_of(st);

        for (size_t i = 0; i < QUERIES; i++)
                (void)sqlite3_finalize(s->stmt[i]);
        (void)sqlite3_close(s->checkpointer);
        (void)sqlite3_close(s->db);
        closep(&s->wal_fd);
        closep(&s->head_fd);
        closep(&s->lock_fd);
        (void)pthread_mutex_destroy(&s->tidy_lock);
        (void)pthread_mutex_destroy(&s->sync_lock);
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
}

const struct store_ops sqlite_ops = {
        .close = sq_close, .begin = sq_begin, .commit = sq_commit, .commit_soon = sq_commit_soon, .sync = sq_sync,
        .tidy = sq_tidy, .rollback = sq_rollback,
        .node_get = sq_node_get, .node_find = sq_node_find, .node_prefix = sq_node_prefix,
        .node_by_mac = sq_node_by_mac, .node_by_uuid = sq_node_by_uuid, .node_put = sq_node_put, .node_seen = sq_node_seen,
        .node_delete = sq_node_delete,
        .node_list = sq_node_list, .node_counts = sq_node_counts,
        .node_assigned = sq_node_assigned, .mac_list = sq_mac_list,
        .evidence_put = sq_evidence_put, .evidence_get = sq_evidence_get,
        .boot_put = sq_boot_put, .boot_delete = sq_boot_delete, .boot_list = sq_boot_list,
        .image_put = sq_image_put, .image_delete = sq_image_delete, .image_list = sq_image_list,
        .profile_put = sq_profile_put, .profile_list = sq_profile_list,
        .setting_put = sq_setting_put, .setting_get = sq_setting_get, .setting_list = sq_setting_list,
        .event_put = sq_event_put, .event_head = sq_event_head, .event_synced = sq_event_synced,
        .event_list = sq_event_list,
        .copy = sq_copy,
};
