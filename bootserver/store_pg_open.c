/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the PostgreSQL backend: connection, schema, version. */
#include "store_pg.h"

#include "journal.h"

static int one_number(struct pg_store *s, const char *sql, long *ret)
{
        _cleanup_(PQclearp) PGresult *res = NULL;
        int r = pg_plain(s, sql, &res);

        if (r == 0)
                *ret = PQntuples(res) > 0 ? strtol(PQgetvalue(res, 0, 0), NULL, 10) : -1;
        return r;
}

static int plain(struct pg_store *s, const char *sql)
{
        _cleanup_(PQclearp) PGresult *res = NULL;

        return pg_plain(s, sql, &res);
}

static int make_schema(struct pg_store *s)
{
        int r = plain(s, "CREATE SCHEMA IF NOT EXISTS muster");

        if (r == 0)
                r = plain(s, pg_schema);
        return r < 0 ? r : plain(s, "INSERT INTO schema_version VALUES (1)");
}

static int add_schema_2(struct pg_store *s)
{
        int r = plain(s, pg_schema_2);

        return r < 0 ? r : plain(s, "UPDATE schema_version SET version = 2");
}

static int add_schema_3(struct pg_store *s)
{
        int r = plain(s, pg_schema_3);

        return r < 0 ? r : plain(s, "UPDATE schema_version SET version = 3");
}

static int add_schema_4(struct pg_store *s)
{
        int r = plain(s, pg_schema_4);

        return r < 0 ? r : plain(s, "UPDATE schema_version SET version = 4");
}

static int schema_locked(struct pg_store *s, long *version)
{
        static const char there[] = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'muster'"
                                    " AND tablename = 'schema_version'";
        long n = 0;
        long found;
        int r = one_number(s, there, &n);

        *version = 0;
        if (r == 0 && n > 0)
                r = one_number(s, "SELECT version FROM schema_version", version);
        if (r < 0 || s->view || *version >= PG_SCHEMA_VERSION)
                return r;
        found = *version;
        *version = PG_SCHEMA_VERSION;
        if (found < 1)
                r = make_schema(s);
        if (r == 0 && found < 2)
                r = add_schema_2(s);
        if (r == 0 && found < 3)
                r = add_schema_3(s);
        return r < 0 ? r : add_schema_4(s);
}

/* Parents that start together: one makes it, the others find it. */
int pg_schema_ready(struct pg_store *s, struct fail *fail)
{
        long version = 0;
        int r = plain(s, s->view ? "BEGIN READ ONLY" : "BEGIN");

        if (r == 0 && !s->view)
                r = plain(s, "SELECT pg_advisory_xact_lock(" PG_LOCK_TEXT ")");
        if (r == 0)
                r = schema_locked(s, &version);
        if (r == 0)
                r = plain(s, "COMMIT");
        if (r < 0)
                return fail_set(fail, -EIO, "", "see the line before; musterd's role needs CREATE on the database",
                                "cannot make or read the tables in PostgreSQL");
        if (version == PG_SCHEMA_VERSION)
                return 0;
        if (version == 0)
                return fail_set(fail, -ENOENT, "", "start musterd once", "there is no store of musterd in this PostgreSQL database");
        return fail_set(fail, -EPROTO, "", "run the musterd that wrote it",
                        "PostgreSQL has schema version %ld, this program knows %d", version, PG_SCHEMA_VERSION);
}

struct pg_store *pg_alloc(void)
{
        struct pg_store *s = calloc(1, sizeof(*s));
        pthread_mutexattr_t attr;

        if (!s)
                return NULL;
        s->store.ops = &pg_ops;
        (void)pthread_mutexattr_init(&attr);
        (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
        (void)pthread_mutex_init(&s->lock, &attr);
        (void)pthread_mutex_init(&s->sync_lock, NULL);
        (void)pthread_mutexattr_destroy(&attr);
        return s;
}

static int make_it(const char *conninfo, bool view, struct store **ret, struct fail *fail)
{
        _cleanup_(store_closep) struct store *made = NULL;
        struct pg_store *s = pg_alloc();
        int r;

        if (!s)
                return -ENOMEM;
        made = &s->store;
        s->view = view;
        r = pg_params_parse(conninfo, &s->params, fail);
        if (r == 0)
                *ret = take_ptr(made);
        return r;
}

int store_pg_new(const char *conninfo, struct store **ret, struct fail *fail)
{
        return make_it(conninfo, false, ret, fail);
}

int store_pg_start(struct store *st, struct fail *fail)
{
        struct pg_store *s = pg_of(st);
        int r = pg_link(s, fail);

        if (r == 0)
                r = pg_schema_ready(s, fail);
        if (r < 0)
                return r;
        s->stale = false; /* nothing was cached before */
        if (!s->view)
                journal_check_tail(st); /* told, not refused, as with SQLite */
        return 0;
}

static int open_it(const char *conninfo, bool view, struct store **ret, struct fail *fail)
{
        _cleanup_(store_closep) struct store *made = NULL;
        int r = make_it(conninfo, view, &made, fail);

        if (r == 0)
                r = store_pg_start(made, fail);
        if (r == 0)
                *ret = take_ptr(made);
        return r;
}

int store_pg_open(const char *conninfo, struct store **ret, struct fail *fail)
{
        return open_it(conninfo, false, ret, fail);
}

int store_pg_view(const char *conninfo, struct store **ret, struct fail *fail)
{
        return open_it(conninfo, true, ret, fail);
}

int store_pg_reach(const struct store *st, struct store_reach *ret)
{
        return pg_params_reach(((const struct pg_store *)(const void *)st)->params, ret);
}

bool store_pg_news(struct store *st)
{
        struct pg_store *s = pg_of(st);
        bool news;
        PGnotify *n;

        if (st->ops != &pg_ops)
                return false;
        if (atomic_load(&s->linking))
                return false;
        (void)pthread_mutex_lock(&s->lock);
        pg_hurry(s);
        if (pg_ready(s) == 0 && PQconsumeInput(s->conn) != 1)
                pg_drop(s);
        news = s->conn && s->stale;
        while (s->conn && (n = PQnotifies(s->conn)) != NULL) {
                news = news || n->be_pid != PQbackendPID(s->conn);
                PQfreemem(n);
        }
        if (s->conn)
                s->stale = false;
        (void)pthread_mutex_unlock(&s->lock);
        pg_sync_link(s);
        return news;
}
